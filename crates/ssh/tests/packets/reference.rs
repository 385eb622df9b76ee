//! Random sequences of operations of two users, against a simple file system in memory.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};
use testkit::client::Session;
use testkit::reference::{Doors, deeds, play};

use crate::support::*;

/// What failed once and was shrunk; played first.
const REGRESSIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/packets/reference.regressions"
);

impl Doors for House {
    fn session(&self, user: usize) -> BoxFuture<'_, Session> {
        async move {
            let session = self.session_of(USERS[user]).await;
            session.expect("the login succeeds")
        }
        .boxed()
    }
}

#[test]
fn any_sequence_of_operations_does_what_a_simple_file_system_does() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let house = runtime.block_on(House::new());
    let config = Config {
        cases: 60,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..Config::default()
    };
    let number = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(&deeds(24), |deeds| {
        let root = format!("case-{}", number.replace(number.get() + 1));
        let played = runtime.block_on(play(&house, &root, &deeds));
        played.map_err(TestCaseError::fail)
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
