//! The rows of a DynamoDB table, in moto. Needs what `cargo xtask setup` installs.

use super::questions::LIES;
use super::{Kind, Method, NOBODY, State};
use crate::gate::DEADLINE;
use crate::moto::{World, table};
use crate::web::Web;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto, see `cargo xtask test`"]
async fn users_of_a_table_come_in_while_it_is_up_and_honest() {
    let (world, web) = (World::start().await, Web::start().await);
    let of = |name: &str, state: State, method: Method| {
        let lie = match LIES[method.index()] {
            // JSON that says nothing of rows is a table without this user.
            "list" => "json",
            lie => lie,
        };
        let endpoint = match state {
            State::Up | State::Role => world.endpoint(),
            State::Down => format!("http://{NOBODY}"),
            State::Slow => format!("{}/slow", web.server.url()),
            State::Lying => format!("{}/{lie}", web.server.url()),
        };
        table(name, "dydb-99-uploads", &endpoint).replace(DEADLINE, &state.bounds())
    };
    let kind = Kind {
        name: "dynamodb",
        user: "bob",
        table: &of,
    };
    kind.fill(async |gate| world.fill(&gate.public_key())).await;
}
