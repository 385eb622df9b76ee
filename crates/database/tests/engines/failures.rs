//! What a lost connection does: nothing twice, nothing lost, and no answer that is not true.

use std::time::Duration;

use database::{
    AuditEntry, Claim, Database, DatabaseUrl, NewServer, ObjectRemoval, Outcome, Settings,
    TransferState,
};
use model::ErrorKind;
use testkit::postgres::{Proxy, TestDatabase};

use crate::fixture::{Fixture, NOW, commit, intent, location};

async fn through_proxy(settings: Settings) -> (TestDatabase, Proxy, Database) {
    let place = TestDatabase::new();
    let proxy = Proxy::start(place.socket_folder());
    let url = DatabaseUrl::parse(&place.url_through(proxy.folder())).expect("url");
    let database = Database::open(&url, settings).await.expect("open");
    (place, proxy, database)
}

/// The answer to COMMIT is lost although the commit is done: the writer asks again, finds it
/// done, and there is one event.
#[tokio::test]
async fn a_lost_commit_answer_is_found_out_postgres() {
    let (_place, proxy, database) = through_proxy(Settings::default()).await;
    let intent = intent("a");
    database
        .writer()
        .begin_intent(intent.clone())
        .await
        .expect("intent");
    proxy.lose_commit_answers(2);
    let sequence = database.writer().commit_upload(commit(&intent)).await;
    assert_eq!(sequence.expect("committed"), 1);
    assert_eq!(proxy.lost(), 2);
    let events = database
        .events()
        .of_object(&intent.location, 9)
        .await
        .expect("read");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].sequence, 1);
}

/// The answer to COMMIT is lost, and then the database is away for good: nobody can say.
#[tokio::test]
async fn an_outcome_that_cannot_be_found_out_is_unknown_postgres() {
    let settings = Settings {
        commit_deadline: Duration::ZERO,
        ..Settings::default()
    };
    let (place, proxy, database) = through_proxy(settings).await;
    let intent = intent("a");
    database
        .writer()
        .begin_intent(intent.clone())
        .await
        .expect("intent");
    proxy.lose_commit_answers(1);
    let error = database.writer().commit_upload(commit(&intent)).await;
    let error = error.expect_err("unknown");
    assert!(error.outcome_unknown());
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let direct = DatabaseUrl::parse(place.url()).expect("url");
    let direct = Database::open(&direct, Settings::default())
        .await
        .expect("open");
    let read = direct
        .transfers()
        .by_id(intent.id)
        .await
        .expect("read")
        .expect("there");
    assert_eq!(read.state, TransferState::Completed);
}

/// While the database is away a write waits for it; one that never reached it is not unknown.
#[tokio::test]
async fn a_write_waits_until_the_database_is_back_postgres() {
    let (_place, proxy, database) = through_proxy(Settings::default()).await;
    proxy.refuse(true);
    let error = database.servers().create(&NewServer::named("x"), NOW).await;
    let error = error.expect_err("away");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let begun = intent("a");
    let write = database.writer().begin_intent(begun.clone());
    let back = async {
        // The first attempts fail before it is back.
        while database.check().await.is_ok() {}
        proxy.refuse(false);
    };
    let (written, ()) = tokio::join!(write, back);
    written.expect("written once it is back");
    assert!(
        database
            .transfers()
            .by_id(begun.id)
            .await
            .expect("read")
            .is_some()
    );
}

#[tokio::test]
async fn a_write_that_never_reached_the_database_failed_for_sure_postgres() {
    let settings = Settings {
        commit_deadline: Duration::ZERO,
        ..Settings::default()
    };
    let (_place, proxy, database) = through_proxy(settings).await;
    proxy.refuse(true);
    let error = database
        .writer()
        .begin_intent(intent("a"))
        .await
        .expect_err("away");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!error.outcome_unknown());
}

/// The first attempt at a removal is still being committed when the second one looks for it:
/// the second waits for it and finds that it was itself.
#[tokio::test]
async fn a_removal_that_is_being_committed_is_recognised_postgres() {
    let fixture = Fixture::postgres().await;
    let writer = fixture.database.writer();
    let holder = model::TransferId::generate();
    let claim = writer
        .claim_publication(crate::fixture::request("a", holder))
        .await
        .expect("claim");
    let Claim::Granted(publication) = claim else {
        panic!("{claim:?}");
    };
    let audit = AuditEntry::new("remove", Outcome::Success, NOW);
    let mut first = fixture.raw_postgres().await;
    let attempt = format!(
        "BEGIN; UPDATE publications SET holder = NULL, sequence = sequence + 1; \
         INSERT INTO audit (id, time, action, outcome, detail) \
         VALUES ('{}', 0, 'remove', 'success', '{{}}')",
        audit.id
    );
    let attempt = sqlx::raw_sql(sqlx::AssertSqlSafe(attempt));
    attempt.execute(&mut first).await.expect("first attempt");
    let second = writer.remove_object(ObjectRemoval {
        attributes: None,
        location: location("a"),
        publication: Some(publication),
        audit,
        event: None,
    });
    let commit = async {
        let waiting = "SELECT CAST(COUNT(*) AS TEXT) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while fixture.text(waiting).await == "0" {}
        sqlx::raw_sql("COMMIT")
            .execute(&mut first)
            .await
            .expect("commit");
    };
    let (removed, ()) = tokio::join!(second, commit);
    removed.expect("it was done, and by itself");
}

/// A command in another process writes to the same SQLite file: the server's write waits for it.
#[tokio::test]
async fn a_write_waits_for_another_processs_write_sqlite() {
    let fixture = Fixture::sqlite().await;
    let mut other = fixture.raw_sqlite().await;
    let begin = sqlx::raw_sql("BEGIN IMMEDIATE; UPDATE counters SET value = 7");
    begin.execute(&mut other).await.expect("lock");
    let begun = intent("a");
    let mut write = std::pin::pin!(fixture.database.writer().begin_intent(begun.clone()));
    let early = std::future::poll_fn(|context| {
        std::task::Poll::Ready(write.as_mut().poll(context).is_ready())
    });
    assert!(!early.await);
    // Readers are not held up, and see what was committed.
    assert_eq!(
        fixture.database.revocation().epoch().await.expect("read"),
        0
    );
    assert_eq!(
        fixture
            .database
            .transfers()
            .by_id(begun.id)
            .await
            .expect("read"),
        None
    );
    sqlx::raw_sql("COMMIT")
        .execute(&mut other)
        .await
        .expect("commit");
    write.await.expect("written");
    assert!(
        fixture
            .database
            .transfers()
            .by_id(begun.id)
            .await
            .expect("read")
            .is_some()
    );
    assert_eq!(
        fixture.database.revocation().epoch().await.expect("read"),
        7
    );
}

/// A disk that is full fails the write for sure, and what was there stays.
#[tokio::test]
async fn a_full_disk_fails_the_write_and_nothing_else_sqlite() {
    let fixture = Fixture::sqlite().await;
    let kept = intent("kept");
    fixture
        .database
        .writer()
        .begin_intent(kept.clone())
        .await
        .expect("intent");
    fixture.database.close().await;
    let settings = Settings {
        sqlite_max_pages: Some(1),
        ..Settings::default()
    };
    let full = fixture.open_again(settings).await.expect("open");
    let mut huge = intent("huge");
    huge.path = "x".repeat(1 << 20);
    let error = full
        .writer()
        .begin_intent(huge.clone())
        .await
        .expect_err("full");
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    assert!(!error.outcome_unknown());
    assert!(
        full.transfers()
            .by_id(kept.id)
            .await
            .expect("read")
            .is_some()
    );
    assert_eq!(full.transfers().by_id(huge.id).await.expect("read"), None);
}
