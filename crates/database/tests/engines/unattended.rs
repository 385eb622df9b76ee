//! What a sweeper asks of transfers.

use database::{ClaimingTransfer, PrivateId, TransferState};
use model::{ErrorKind, NodeId, TransferId};

use crate::fixture::{Fixture, NOW, commit, intent, on_both_engines, request_of};

on_both_engines!(
    unattended_transfers_come_in_pages,
    a_withdrawn_transfer_is_unfinished_and_nobodys,
    transfers_are_found_by_their_ids,
    every_bucket_is_named_once,
);

async fn unattended_transfers_come_in_pages(fixture: Fixture) {
    let transfers = fixture.database.transfers();
    let mut ids = Vec::new();
    for key in ["a", "b", "c"] {
        let intent = intent(key);
        ids.push(intent.id);
        let begun = fixture.database.writer().begin_intent(intent).await;
        begun.expect("intent");
    }
    ids.sort();
    let first = transfers.unattended(NOW, NOW, None, 2).await.expect("list");
    let seen: Vec<_> = first.iter().map(|file| file.id()).collect();
    assert_eq!(seen, ids[..2]);
    let rest = transfers.unattended(NOW, NOW, Some(ids[1]), 2).await;
    let seen: Vec<_> = rest.expect("list").iter().map(|file| file.id()).collect();
    assert_eq!(seen, ids[2..]);
}

async fn a_withdrawn_transfer_is_unfinished_and_nobodys(fixture: Fixture) {
    fixture.start_node_1().await;
    let (transfers, writer) = (fixture.database.transfers(), fixture.database.writer());
    let intent = intent("a");
    let mut request = request_of(&intent);
    request.transfer = Some(ClaimingTransfer {
        epoch: 0,
        intent: Some(Box::new(intent.clone())),
        demand: None,
    });
    writer.claim_publication(request).await.expect("claim");
    let file = PrivateId {
        transfer: intent.id,
        epoch: 0,
    };
    let stale = PrivateId { epoch: 1, ..file };
    let error = writer.withdraw(stale).await.expect_err("another epoch");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    for _ in 0..2 {
        writer.withdraw(file).await.expect("withdraw");
    }
    let row = transfers.by_id(intent.id).await.expect("read");
    let row = row.expect("there");
    assert_eq!(row.state, TransferState::Intended);
    assert_eq!(row.intent.node, NodeId::NOBODY);
    assert_eq!(transfers.withdrawn(None, 9).await.expect("list"), []);
    let detach = format!(
        "UPDATE transfers SET state = 'detached' WHERE id = '{}'",
        intent.id
    );
    fixture.execute(&detach).await;
    let withdrawn = transfers.withdrawn(None, 9).await.expect("list");
    assert_eq!(withdrawn.len(), 1);
    let none = transfers.withdrawn(Some(intent.id), 9).await;
    assert_eq!(none.expect("list"), []);
    let completed = self::intent("b");
    writer
        .begin_intent(completed.clone())
        .await
        .expect("intent");
    writer
        .commit_upload(commit(&completed))
        .await
        .expect("commit");
    let file = PrivateId {
        transfer: completed.id,
        epoch: 0,
    };
    let error = writer.withdraw(file).await.expect_err("completed");
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

async fn transfers_are_found_by_their_ids(fixture: Fixture) {
    let transfers = fixture.database.transfers();
    let known: Vec<_> = (0..70).map(|number| intent(&number.to_string())).collect();
    for intent in &known {
        let begun = fixture.database.writer().begin_intent(intent.clone()).await;
        begun.expect("intent");
    }
    let mut ids: Vec<_> = known.iter().map(|intent| intent.id).collect();
    ids.push(TransferId::generate());
    let found = transfers.of_ids(&ids).await.expect("look up");
    assert_eq!(found.len(), 70);
    for intent in &known {
        assert_eq!(found[&intent.id].intent, *intent);
    }
    assert!(transfers.of_ids(&[]).await.expect("look up").is_empty());
}

async fn every_bucket_is_named_once(fixture: Fixture) {
    let transfers = fixture.database.transfers();
    assert_eq!(transfers.buckets().await.expect("list"), []);
    for bucket in ["zoo", "ark", "zoo", "ark-2"] {
        let mut intent = intent("a");
        intent.location.bucket = model::BucketName::parse(bucket).expect("valid");
        let begun = fixture.database.writer().begin_intent(intent).await;
        begun.expect("intent");
    }
    let buckets = transfers.buckets().await.expect("list");
    let names: Vec<_> = buckets.iter().map(model::BucketName::as_str).collect();
    assert_eq!(names, ["ark", "ark-2", "zoo"]);
}
