//! The fence before a key: one publisher at a time, and what becomes of those who die or dawdle.

use std::time::Duration;

use database::{Claim, ClaimingTransfer, Publication, PublicationRequest, TransferState};
use model::{ErrorKind, TransferId};

use crate::fixture::{Fixture, NOW, commit, intent, on_both_engines, request, request_of};
use crate::nodes::{LENGTH, after, node};

on_both_engines!(
    a_key_has_one_publisher_at_a_time,
    a_publication_that_was_taken_over_cannot_commit,
    publications_of_dead_nodes_are_taken_over,
    a_publication_that_is_renewed_is_kept,
    an_intent_is_written_with_its_claim,
    an_upload_that_another_session_goes_on_with_is_not_published,
    an_upload_that_was_set_aside_is_still_its_sessions,
);

async fn claim(fixture: &Fixture, request: PublicationRequest) -> Claim {
    let claim = fixture.database.writer().claim_publication(request).await;
    claim.expect("a healthy database")
}

async fn granted(fixture: &Fixture, request: PublicationRequest) -> Publication {
    match claim(fixture, request).await {
        Claim::Granted(publication) => publication,
        held => panic!("{held:?}"),
    }
}

async fn state(fixture: &Fixture, id: TransferId) -> TransferState {
    let row = fixture.database.transfers().by_id(id).await.expect("read");
    row.expect("there").state
}

async fn a_key_has_one_publisher_at_a_time(fixture: Fixture) {
    fixture.start_node_1().await;
    let writer = fixture.database.writer();
    let (first, second) = (TransferId::generate(), TransferId::generate());
    let publication = granted(&fixture, request("a", first)).await;
    let held = Claim::Held {
        by: first,
        since: NOW,
    };
    assert_eq!(claim(&fixture, request("a", second)).await, held);
    granted(&fixture, request("b", second)).await;
    let released = writer.release_publication(publication.clone()).await;
    released.expect("release");
    let next = granted(&fixture, request("a", second)).await;
    assert!(next.generation > publication.generation);
    let released = writer.release_publication(publication).await;
    released.expect("no effect");
    let held = claim(&fixture, request("a", first)).await;
    assert!(matches!(held, Claim::Held { .. }));
}

async fn a_publication_that_was_taken_over_cannot_commit(fixture: Fixture) {
    fixture.start_node_1().await;
    let writer = fixture.database.writer();
    let intent = intent("a");
    writer.begin_intent(intent.clone()).await.expect("intent");
    let publication = granted(&fixture, request_of(&intent)).await;
    let mut later = request("a", TransferId::generate());
    later.stale_before = after(1);
    granted(&fixture, later).await;
    let mut commit = commit(&intent);
    commit.publication = Some(publication);
    let error = writer.commit_upload(commit.clone()).await;
    assert_eq!(error.expect_err("superseded").kind(), ErrorKind::Conflict);
    let unchanged = TransferState::Publishing;
    assert_eq!(state(&fixture, intent.id).await, unchanged);
    let event = fixture.database.events().by_id(commit.event.id).await;
    assert_eq!(event.expect("read"), None);
}

async fn publications_of_dead_nodes_are_taken_over(fixture: Fixture) {
    let (alive, dead) = (node("a"), node("b"));
    for node in [&alive, &dead] {
        let entered = fixture.database.nodes().register(node).await;
        entered.expect("enter");
    }
    let mut first = request("a", TransferId::generate());
    first.node = dead.id;
    let publication = granted(&fixture, first).await;
    let mut second = request("a", TransferId::generate());
    second.node = alive.id;
    second.now = after(9);
    let held = claim(&fixture, second.clone()).await;
    assert!(matches!(held, Claim::Held { .. }));
    let nodes = fixture.database.nodes();
    let renewed = nodes.renew(&alive, LENGTH, after(9));
    assert!(renewed.await.expect("renew"));
    second.now = NOW.plus(LENGTH);
    let taken = granted(&fixture, second).await;
    assert!(taken.generation > publication.generation);
}

async fn a_publication_that_is_renewed_is_kept(fixture: Fixture) {
    fixture.start_node_1().await;
    let writer = fixture.database.writer();
    let intent = intent("a");
    writer.begin_intent(intent.clone()).await.expect("intent");
    let publication = granted(&fixture, request_of(&intent)).await;
    let renewed = writer.renew_publication(publication.clone(), after(60));
    assert!(renewed.await.expect("renew"));
    let mut later = request("a", TransferId::generate());
    later.stale_before = after(60);
    let held = claim(&fixture, later.clone()).await;
    assert!(matches!(held, Claim::Held { .. }));
    let transfers = fixture.database.transfers();
    let unattended = transfers.unattended(NOW, after(60), None, 9).await;
    assert_eq!(unattended.expect("list"), []);
    later.stale_before = after(61);
    granted(&fixture, later).await;
    let renewed = writer.renew_publication(publication, after(62)).await;
    assert!(!renewed.expect("renew"), "it was taken over");
}

async fn an_intent_is_written_with_its_claim(fixture: Fixture) {
    fixture.start_node_1().await;
    let writer = fixture.database.writer();
    let before = writer.statistics().commits;
    let intent = intent("a");
    let mut request = request_of(&intent);
    request.transfer = Some(ClaimingTransfer {
        epoch: 0,
        intent: Some(Box::new(intent.clone())),
        demand: None,
    });
    let publication = granted(&fixture, request.clone()).await;
    assert_eq!(state(&fixture, intent.id).await, TransferState::Publishing);
    let mut commit = commit(&intent);
    commit.publication = Some(publication);
    assert_eq!(writer.commit_upload(commit).await.expect("commit"), 1);
    assert_eq!(writer.statistics().commits - before, 2);
    let again = writer.claim_publication(request).await;
    assert_eq!(again.expect_err("completed").kind(), ErrorKind::Conflict);
}

async fn an_upload_that_another_session_goes_on_with_is_not_published(fixture: Fixture) {
    fixture.start_node_1().await;
    let writer = fixture.database.writer();
    let intent = intent("a");
    writer.begin_intent(intent.clone()).await.expect("intent");
    let bump = format!("UPDATE transfers SET epoch = 1 WHERE id = '{}'", intent.id);
    fixture.execute(&bump).await;
    let refused = writer.claim_publication(request_of(&intent)).await;
    let error = refused.expect_err("continued");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("another session"), "{error}");
    assert_eq!(state(&fixture, intent.id).await, TransferState::Intended);
    // The key is free for others.
    granted(&fixture, request("a", TransferId::generate())).await;
}

async fn an_upload_that_was_set_aside_is_still_its_sessions(fixture: Fixture) {
    fixture.start_node_1().await;
    let writer = fixture.database.writer();
    let intent = intent("a");
    writer.begin_intent(intent.clone()).await.expect("intent");
    let sql = format!(
        "UPDATE transfers SET state = 'detached', expires = {} WHERE id = '{}'",
        NOW.plus(Duration::from_secs(60)).as_micros(),
        intent.id
    );
    fixture.execute(&sql).await;
    granted(&fixture, request_of(&intent)).await;
    assert_eq!(state(&fixture, intent.id).await, TransferState::Publishing);
}
