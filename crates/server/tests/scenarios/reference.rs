//! The reference model on the stores that a real node has.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};
use testkit::client::Session;
use testkit::node::Node;
use testkit::reference::{Doors, deeds, play};

use crate::world::{USERS, World, started};

/// What failed once and was shrunk; played first, on every store.
const REGRESSIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/scenarios/reference.regressions"
);

struct Hall {
    world: World,
    node: Node,
}

impl Doors for Hall {
    fn session(&self, user: usize) -> BoxFuture<'_, Session> {
        async move {
            let login = self.world.credential();
            let session = login.session_of(USERS[user], self.node.address());
            session.await.expect("logged in")
        }
        .boxed()
    }
}

fn check(cases: u32, world: impl Future<Output = World>) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let hall = runtime.block_on(async {
        let world = world.await;
        let node = started(world.node("")).await;
        Hall { world, node }
    });
    let config = Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..Config::default()
    };
    let number = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(&deeds(20), |deeds| {
        let root = format!("case-{}", number.replace(number.get() + 1));
        let played = runtime.block_on(play(&hall, &root, &deeds));
        played.map_err(TestCaseError::fail)
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn any_sequence_on_the_local_store_does_what_a_simple_file_system_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("objects");
    check(20, async { World::with_folder(&root) });
}

#[test]
fn any_sequence_on_s3_does_what_a_simple_file_system_does() {
    check(20, World::with_s3(false));
}

mod moto {
    use super::*;

    #[test]
    #[ignore = "needs moto: cargo xtask test"]
    fn any_sequence_on_moto_does_what_a_simple_file_system_does() {
        check(4, World::with_moto());
    }
}
