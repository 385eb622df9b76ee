//! Grouping: many small commits share few transactions, and none spoils another's.

use database::{AuditEntry, Outcome, Settings, TransferState};
use model::ErrorKind;
use tokio::task::JoinSet;

use crate::fixture::{Fixture, NOW, commit, intent, on_both_engines};

on_both_engines!(
    many_small_closes_share_few_transactions,
    one_bad_commit_does_not_fail_its_neighbours,
    a_commit_outlives_its_client,
    what_is_queued_is_written_before_the_database_closes,
    noise_is_left_out_where_its_queue_is_full,
    two_nodes_commit_to_one_key_in_turn,
);

async fn many_small_closes_share_few_transactions(fixture: Fixture) {
    const CLOSES: usize = 400;
    let writer = fixture.database.writer();
    let mut opens = JoinSet::new();
    let intents: Vec<_> = (0..CLOSES).map(|n| intent(&format!("f{n}"))).collect();
    for intent in intents.clone() {
        let database = fixture.database.clone();
        opens.spawn(async move { database.writer().begin_intent(intent).await });
    }
    assert!(opens.join_all().await.iter().all(Result::is_ok));
    let before = writer.statistics();
    let mut closes = JoinSet::new();
    for intent in &intents {
        let (database, commit) = (fixture.database.clone(), commit(intent));
        closes.spawn(async move { database.writer().commit_upload(commit).await });
    }
    for sequence in closes.join_all().await {
        assert_eq!(sequence.expect("commit"), 1);
    }
    let after = writer.statistics();
    assert_eq!(after.writes - before.writes, CLOSES as u64);
    let commits = after.commits - before.commits;
    assert!(commits <= CLOSES as u64 / 10, "{commits} transactions");
    let events = fixture
        .database
        .events()
        .since(NOW, 1000)
        .await
        .expect("read");
    assert_eq!(events.len(), CLOSES);
}

async fn one_bad_commit_does_not_fail_its_neighbours(fixture: Fixture) {
    let mut intents: Vec<_> = (0..20).map(|n| intent(&format!("f{n}"))).collect();
    let bad = intents.pop().expect("one");
    for intent in &intents {
        let intent = intent.clone();
        fixture
            .database
            .writer()
            .begin_intent(intent)
            .await
            .expect("intent");
    }
    let mut closes = JoinSet::new();
    for intent in intents.iter().chain([&bad]) {
        let (database, commit, id) = (fixture.database.clone(), commit(intent), intent.id);
        closes.spawn(async move { (id, database.writer().commit_upload(commit).await) });
    }
    for (id, result) in closes.join_all().await {
        match id == bad.id {
            true => assert_eq!(result.expect_err("bad").kind(), ErrorKind::NotFound),
            false => assert_eq!(result.expect("good"), 1),
        }
    }
}

async fn a_commit_outlives_its_client(fixture: Fixture) {
    let writer = fixture.database.writer();
    let intent = intent("a");
    writer.begin_intent(intent.clone()).await.expect("intent");
    {
        let close = writer.commit_upload(commit(&intent));
        let mut close = std::pin::pin!(close);
        // Polled once: the write is queued; then the client is gone.
        assert!(futures_poll(close.as_mut()).await.is_none());
    }
    // Behind the commit in the same queue.
    let late = crate::fixture::commit(&intent);
    writer.commit_upload(late).await.expect("a repeated commit");
    let read = fixture
        .database
        .transfers()
        .by_id(intent.id)
        .await
        .expect("read");
    assert_eq!(read.expect("there").state, TransferState::Completed);
    let events = fixture.database.events().since(NOW, 9).await.expect("read");
    assert_eq!(events.len(), 1, "the first one counts");
}

/// Polls a future once.
async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

async fn what_is_queued_is_written_before_the_database_closes(fixture: Fixture) {
    let other = fixture.open_again(Settings::default()).await.expect("open");
    let mut records = JoinSet::new();
    for _ in 0..50 {
        let database = other.clone();
        records.spawn(async move {
            let entry = AuditEntry::new("test", Outcome::Success, NOW);
            database.writer().record(Some(entry), None).await
        });
    }
    // Everybody gets as far as the queue before it closes, or is told that it is closed.
    tokio::task::yield_now().await;
    other.close().await;
    let results = records.join_all().await;
    let written = results.iter().filter(|result| result.is_ok()).count();
    let entries = fixture.database.audit().since(NOW, 99).await.expect("read");
    assert_eq!(entries.len(), written);
    assert!(written > 0);
}

async fn noise_is_left_out_where_its_queue_is_full(fixture: Fixture) {
    let settings = Settings {
        queue: 4,
        ..Settings::default()
    };
    let other = fixture.open_again(settings).await.expect("open");
    // On one thread the writer does not run meanwhile.
    for _ in 0..100 {
        other
            .writer()
            .note(AuditEntry::new("noise", Outcome::Refused, NOW));
    }
    other.close().await;
    let entries = fixture
        .database
        .audit()
        .since(NOW, 999)
        .await
        .expect("read");
    assert_eq!(entries.len(), 4);
}

async fn two_nodes_commit_to_one_key_in_turn(fixture: Fixture) {
    let other = fixture.open_again(Settings::default()).await.expect("open");
    let mut closes = JoinSet::new();
    for (number, database) in [&fixture.database, &other]
        .into_iter()
        .cycle()
        .take(40)
        .enumerate()
    {
        let database = database.clone();
        // Two keys, in both orders, so that batches meet.
        let intent = intent(["a", "b"][number / 2 % 2]);
        closes.spawn(async move {
            let writer = database.writer();
            writer.begin_intent(intent.clone()).await.expect("intent");
            writer.commit_upload(commit(&intent)).await.expect("commit")
        });
    }
    let mut sequences = closes.join_all().await;
    sequences.sort_unstable();
    let expected: Vec<u64> = (1..=20).flat_map(|number| [number, number]).collect();
    assert_eq!(sequences, expected);
}
