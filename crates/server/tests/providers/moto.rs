//! A table in moto, the proposal's function in front of it, and paramiko. Needs what `cargo xtask
//! setup` installs: `PIERHEAD_TEST_MOTO` names moto's server, and Python is beside it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testkit::functions::{Function, Functions};
use testkit::moto::Moto;

use crate::clients::{Client, Login};
use crate::gate::{DEADLINE, Gate, PASSWORD, ROLE};
use crate::lambda::{handler, provider};
use crate::web::{LIES, Web};

/// The proposal's table, with a user, and with two of one name.
const FILL: &str = r"
import base64, hashlib, os, sys, boto3
password, key = sys.argv[1:]
table = boto3.resource('dynamodb').create_table(
    TableName='dydb-99-uploads', BillingMode='PAY_PER_REQUEST',
    KeySchema=[{'AttributeName': 'orgid', 'KeyType': 'HASH'}],
    AttributeDefinitions=[{'AttributeName': 'orgid', 'AttributeType': 'N'},
                          {'AttributeName': 'username', 'AttributeType': 'S'}],
    GlobalSecondaryIndexes=[{'IndexName': 'username-index', 'Projection': {'ProjectionType': 'ALL'},
                             'KeySchema': [{'AttributeName': 'username', 'KeyType': 'HASH'}]}])
digest = base64.b64encode(hashlib.sha224(password.encode()).digest()).decode()
for number, name in enumerate(['bob', 'twice', 'twice']):
    table.put_item(Item={'orgid': number, 'username': name, 'password': digest,
                         'PublicKeys': {key}, 'HomeDirectory': '/inbox/' + name})
";

pub(crate) struct World {
    moto: Moto,
    python: PathBuf,
}

impl World {
    pub(crate) async fn start() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "tests are told by their runner, through the environment"
        )]
        let program = std::env::var_os("PIERHEAD_TEST_MOTO");
        let program = PathBuf::from(program.expect("PIERHEAD_TEST_MOTO names moto_server"));
        let moto = Moto::start(&program).await.expect("moto starts");
        let python = program.with_file_name("python3");
        Self { moto, python }
    }

    fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL_DYNAMODB", self.moto.endpoint()),
            ("AWS_DEFAULT_REGION", "eu-west-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "testing".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "testing".to_owned()),
        ]
    }

    pub(crate) fn endpoint(&self) -> String {
        self.moto.endpoint()
    }

    pub(crate) fn fill(&self, key: &str) {
        let mut fill = Command::new(&self.python);
        fill.args(["-c", FILL, PASSWORD, key])
            .envs(self.environment());
        let filled = tokio::task::block_in_place(|| fill.output()).expect("it runs");
        assert!(filled.status.success(), "{filled:?}");
    }

    fn clients(&self) -> [Client; 2] {
        [Client::OpenSsh, Client::Paramiko(self.python.clone())]
    }
}

pub(crate) fn table(name: &str, table: &str, endpoint: &str) -> String {
    format!(
        "[[identity.provider]]\nname = {name:?}\nkind = \"dynamodb\"\n{DEADLINE}\n\
         [identity.provider.dynamodb]\ntable = {table:?}\nindex = \"username-index\"\n\
         region = \"eu-west-1\"\nendpoint = {endpoint:?}\ndefault_role = {ROLE:?}\n\
         access_key_id = \"testing\"\nsecret_access_key = \"testing\"\n"
    )
}

fn logins(gate: &Gate, clients: &[Client], user: &str) {
    tokio::task::block_in_place(|| {
        for client in clients {
            for login in Login::ALL {
                assert!(gate.admits(client, user, &login), "{client:?} {login:?}");
            }
            assert!(
                !gate.admits(client, user, &Login::WrongPassword),
                "{client:?}"
            );
        }
    });
    gate.assert_no_secret_is_logged();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto, see `cargo xtask test`"]
async fn users_of_a_table_come_in_by_key_and_by_password() {
    let world = World::start().await;
    let gate = Gate::open(&table("table", "dydb-99-uploads", &world.moto.endpoint())).await;
    world.fill(&gate.public_key());
    logins(&gate, &world.clients(), "bob@@table");
    tokio::task::block_in_place(|| {
        assert!(!gate.admits(&Client::OpenSsh, "twice@@table", &Login::Password));
    });
    let refused = gate.told("identity provider refused a user", "table");
    let why = refused.last().map(|line| line["why"].to_string());
    let why = why.expect("a line");
    assert!(
        why.contains("more than one row of the table has this name"),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto, see `cargo xtask test`"]
async fn a_table_that_is_down_slow_or_lying_admits_nobody() {
    let world = World::start().await;
    let web = Web::start().await;
    let mut providers = table("none", "nowhere", &world.moto.endpoint());
    providers += &table("down", "users", "http://127.0.0.1:9");
    for (name, _) in LIES {
        let endpoint = format!("{}/{name}", web.server.url());
        providers += &table(&format!("no-{name}"), "users", &endpoint);
    }
    let gate = Gate::open(&providers).await;
    let lying = LIES.map(|(name, _)| format!("no-{name}"));
    let rest = ["none", "down"].map(str::to_owned);
    tokio::task::block_in_place(|| {
        std::thread::scope(|threads| {
            let gate = &gate;
            for name in lying.into_iter().chain(rest) {
                threads.spawn(move || {
                    for login in Login::ALL {
                        let user = format!("bob@@{name}");
                        assert!(
                            !gate.admits(&Client::OpenSsh, &user, &login),
                            "{name} {login:?}"
                        );
                    }
                    // What is JSON and says nothing of rows is a table without this user.
                    let answered = gate.told("identity provider refused a user", &name).len();
                    assert_eq!(gate.errors(&name).len() + answered, 2, "{name}");
                    assert!(answered == 0 || name == "no-list", "{name}");
                });
            }
        });
    });
    assert_eq!(web.asked("/honest"), 0, "a redirect was followed");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto, see `cargo xtask test`"]
async fn users_of_the_proposals_function_come_in_by_key_and_by_password() {
    let world = World::start().await;
    let mut function = Function::new("lambda-99-upload", &handler("lambda_function.py"));
    // Python imports much before its first answer; the gateway's deadline is shorter.
    function.timeout = Duration::from_secs(60);
    function.environment.extend(world.environment());
    for (name, value) in [
        ("TABLE", "dydb-99-uploads"),
        ("SERVER_IDS", "s-36d2dbb2bb8941f59"),
        ("ROLE", ROLE),
    ] {
        function.environment.push((name, value.to_owned()));
    }
    let functions = Functions::start(Path::new(&world.python), vec![function]).await;
    let functions = functions.expect("functions");
    let provider = provider("function", "lambda-99-upload", &functions.url());
    let provider = provider.replace(DEADLINE, "deadline = \"30s\"");
    let gate = Gate::open(&provider).await;
    world.fill(&gate.public_key());
    logins(&gate, &world.clients(), "bob@@function");
}
