//! Transfers from intent to end, the fence before a key, and the rows that a commit leaves.

use std::time::Duration;

use database::{
    Attributes, AuditEntry, Claim, ObjectRemoval, ObjectRename, Outcome, TransferFailure,
    TransferState,
};
use model::{ErrorKind, Event, EventKind, Protocol, ServerId, SessionId, TransferId, UserId};

use crate::fixture::{
    Fixture, NOW, commit, intent, location, on_both_engines, request, request_of, upload_event,
};

on_both_engines!(
    an_upload_goes_from_intent_to_completed,
    a_commit_leaves_all_its_rows_or_none,
    a_repeated_commit_changes_nothing,
    a_transfer_that_was_given_up_cannot_complete,
    a_completed_transfer_cannot_fail,
    unfinished_transfers_are_found_by_age,
    events_of_a_key_are_numbered_across_all_changes,
    a_removal_takes_the_attributes_along,
    a_rename_carries_the_attributes,
    audit_entries_read_back_as_written,
    events_read_back_as_written,
);

async fn an_upload_goes_from_intent_to_completed(fixture: Fixture) {
    let (transfers, writer) = (fixture.database.transfers(), fixture.database.writer());
    let intent = intent("in/a.csv");
    writer.begin_intent(intent.clone()).await.expect("intent");
    writer
        .set_upload_id(intent.id, "upload-1")
        .await
        .expect("note");
    let read = transfers
        .by_id(intent.id)
        .await
        .expect("read")
        .expect("there");
    assert_eq!(read.intent, intent);
    assert_eq!(read.state, TransferState::Intended);
    assert_eq!(read.upload_id.as_deref(), Some("upload-1"));
    let claim = writer
        .claim_publication(request_of(&intent))
        .await
        .expect("claim");
    let Claim::Granted(publication) = claim else {
        panic!("{claim:?}");
    };
    let read = transfers
        .by_id(intent.id)
        .await
        .expect("read")
        .expect("there");
    assert_eq!(read.state, TransferState::Publishing);
    let mut commit = commit(&intent);
    commit.publication = Some(publication);
    commit.attributes = Some(Attributes::new(intent.location.clone(), "e1"));
    assert_eq!(
        writer.commit_upload(commit.clone()).await.expect("commit"),
        1
    );
    let read = transfers
        .by_id(intent.id)
        .await
        .expect("read")
        .expect("there");
    assert_eq!(read.state, TransferState::Completed);
    assert_eq!(read.completed, Some(commit.completed));
    let to_object = transfers.to_object(&intent.location, 9).await;
    assert_eq!(to_object.expect("list"), std::slice::from_ref(&read));
    let of_owner = transfers.of_owner(intent.owner, 9).await;
    assert_eq!(of_owner.expect("list"), [read]);
    let attributes = fixture.database.attributes().of(&intent.location).await;
    assert!(attributes.expect("read").is_some());
}

async fn a_commit_leaves_all_its_rows_or_none(fixture: Fixture) {
    let writer = fixture.database.writer();
    let unknown = commit(&intent("a"));
    let error = writer
        .commit_upload(unknown.clone())
        .await
        .expect_err("no intent");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!error.outcome_unknown());
    let events = fixture.database.events();
    assert_eq!(events.by_id(unknown.event.id).await.expect("read"), None);
    assert_eq!(
        fixture.database.audit().since(NOW, 9).await.expect("read"),
        []
    );
    let intent = intent("a");
    writer.begin_intent(intent.clone()).await.expect("intent");
    let commit = commit(&intent);
    writer.commit_upload(commit.clone()).await.expect("commit");
    let stored = events
        .by_id(commit.event.id)
        .await
        .expect("read")
        .expect("there");
    assert_eq!((stored.event, stored.sequence), (commit.event, 1));
    assert_eq!(
        fixture.database.audit().since(NOW, 9).await.expect("read"),
        [commit.audit]
    );
}

async fn a_repeated_commit_changes_nothing(fixture: Fixture) {
    let writer = fixture.database.writer();
    let intent = intent("a");
    writer.begin_intent(intent.clone()).await.expect("intent");
    writer.begin_intent(intent.clone()).await.expect("again");
    let commit = commit(&intent);
    assert_eq!(
        writer.commit_upload(commit.clone()).await.expect("commit"),
        1
    );
    assert_eq!(
        writer.commit_upload(commit.clone()).await.expect("again"),
        1
    );
    assert_eq!(
        fixture
            .database
            .audit()
            .since(NOW, 9)
            .await
            .expect("read")
            .len(),
        1
    );
    let events = fixture.database.events();
    assert_eq!(
        events
            .of_object(&intent.location, 9)
            .await
            .expect("read")
            .len(),
        1
    );
}

fn failure(transfer: TransferId, aborted: bool) -> TransferFailure {
    TransferFailure {
        transfer,
        aborted,
        error: "the disk is full".to_owned(),
        finished: NOW,
        epoch: 0,
        publication: None,
        audit: None,
        event: None,
    }
}

async fn a_transfer_that_was_given_up_cannot_complete(fixture: Fixture) {
    let writer = fixture.database.writer();
    let intent = intent("a");
    writer.begin_intent(intent.clone()).await.expect("intent");
    writer
        .fail_transfer(failure(intent.id, true))
        .await
        .expect("give up");
    writer
        .fail_transfer(failure(intent.id, true))
        .await
        .expect("again");
    let error = writer
        .commit_upload(commit(&intent))
        .await
        .expect_err("too late");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let read = fixture
        .database
        .transfers()
        .by_id(intent.id)
        .await
        .expect("read");
    let read = read.expect("there");
    assert_eq!(read.state, TransferState::Aborted);
    assert_eq!(read.error.as_deref(), Some("the disk is full"));
    assert_eq!((read.completed, read.ended), (None, Some(NOW)));
}

async fn a_completed_transfer_cannot_fail(fixture: Fixture) {
    let writer = fixture.database.writer();
    let intent = intent("a");
    writer.begin_intent(intent.clone()).await.expect("intent");
    writer.commit_upload(commit(&intent)).await.expect("commit");
    let error = writer
        .fail_transfer(failure(intent.id, false))
        .await
        .expect_err("too late");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(
        error.to_string().contains("it is completed already"),
        "{error}"
    );
    let error = writer
        .fail_transfer(failure(TransferId::generate(), false))
        .await;
    assert_eq!(error.expect_err("none").kind(), ErrorKind::NotFound);
}

async fn unfinished_transfers_are_found_by_age(fixture: Fixture) {
    let (transfers, writer) = (fixture.database.transfers(), fixture.database.writer());
    let (old, mut new, done) = (intent("old"), intent("new"), intent("done"));
    new.started = NOW.plus(Duration::from_secs(60));
    for intent in [&old, &new, &done] {
        writer.begin_intent(intent.clone()).await.expect("intent");
    }
    writer.commit_upload(commit(&done)).await.expect("commit");
    let ids = |list: Vec<database::Transfer>| -> Vec<_> {
        list.into_iter()
            .map(|transfer| transfer.intent.id)
            .collect()
    };
    let hour = NOW.plus(Duration::from_secs(3600));
    assert_eq!(
        ids(transfers.unfinished(new.started, 9).await.expect("list")),
        [old.id]
    );
    assert_eq!(
        ids(transfers.unfinished(hour, 9).await.expect("list")),
        [old.id, new.id]
    );
    assert_eq!(
        ids(transfers.unfinished(hour, 1).await.expect("list")),
        [old.id]
    );
}

async fn events_of_a_key_are_numbered_across_all_changes(fixture: Fixture) {
    let writer = fixture.database.writer();
    for expected in [1, 2] {
        let intent = intent("a");
        writer.begin_intent(intent.clone()).await.expect("intent");
        assert_eq!(
            writer.commit_upload(commit(&intent)).await.expect("commit"),
            expected
        );
    }
    let removal = ObjectRemoval {
        attributes: None,
        location: location("a"),
        publication: None,
        audit: AuditEntry::new("remove", Outcome::Success, NOW),
        event: Some(upload_event(&location("a"))),
    };
    assert_eq!(
        writer.remove_object(removal.clone()).await.expect("remove"),
        3
    );
    assert_eq!(writer.remove_object(removal).await.expect("again"), 3);
    let event = upload_event(&location("a"));
    writer
        .record(None, Some(event.clone()))
        .await
        .expect("record");
    writer.record(None, Some(event)).await.expect("again");
    let events = fixture
        .database
        .events()
        .of_object(&location("a"), 9)
        .await
        .expect("read");
    let numbers: Vec<_> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    let login = Event::new(EventKind::Login, NOW, ServerId::generate());
    writer
        .record(None, Some(login.clone()))
        .await
        .expect("record");
    let stored = fixture
        .database
        .events()
        .by_id(login.id)
        .await
        .expect("read");
    assert_eq!(stored.expect("there").sequence, 0);
}

async fn a_removal_takes_the_attributes_along(fixture: Fixture) {
    let writer = fixture.database.writer();
    let attributes = Attributes::new(location("a"), "e1");
    writer.set_attributes(attributes, None).await.expect("set");
    let removal = ObjectRemoval {
        attributes: None,
        location: location("a"),
        publication: None,
        audit: AuditEntry::new("remove", Outcome::Success, NOW),
        event: None,
    };
    writer.remove_object(removal).await.expect("remove");
    let table = fixture.database.attributes();
    assert_eq!(table.of(&location("a")).await.expect("read"), None);
}

async fn a_rename_carries_the_attributes(fixture: Fixture) {
    let writer = fixture.database.writer();
    for key in ["a", "b"] {
        writer
            .set_attributes(Attributes::new(location(key), "e1"), None)
            .await
            .expect("set");
    }
    let mut publications = Vec::new();
    let holder = TransferId::generate();
    for key in ["a", "b"] {
        match writer
            .claim_publication(request(key, holder))
            .await
            .expect("claim")
        {
            Claim::Granted(publication) => publications.push(publication),
            held => panic!("{held:?}"),
        }
    }
    let moved = Attributes::new(location("b"), "e2");
    let rename = ObjectRename {
        from: location("a"),
        to: location("b"),
        attributes: Some(moved.clone()),
        publications,
        audit: AuditEntry::new("rename", Outcome::Success, NOW),
        event: Some(upload_event(&location("b"))),
    };
    assert_eq!(
        writer.rename_object(rename.clone()).await.expect("rename"),
        1
    );
    assert_eq!(writer.rename_object(rename).await.expect("again"), 1);
    let table = fixture.database.attributes();
    assert_eq!(table.of(&location("a")).await.expect("read"), None);
    assert_eq!(table.of(&location("b")).await.expect("read"), Some(moved));
    let free = writer
        .claim_publication(request("a", TransferId::generate()))
        .await;
    assert!(matches!(free.expect("claim"), Claim::Granted(_)));
}

async fn audit_entries_read_back_as_written(fixture: Fixture) {
    let user = UserId::generate();
    let entry = AuditEntry {
        server: Some(ServerId::generate()),
        user_id: Some(user),
        user: Some("acme".to_owned()),
        session: Some(SessionId::generate()),
        protocol: Some(Protocol::Scp),
        address: Some("2001:db8::1".parse().expect("address")),
        path: Some("/in/ä.csv".to_owned()),
        detail: serde_json::json!({ "bytes": 3, "note": "a\u{0}b" }),
        ..AuditEntry::new("upload", Outcome::Refused, NOW)
    };
    let plain = AuditEntry::new("login", Outcome::Failed, NOW);
    let writer = fixture.database.writer();
    writer
        .record(Some(entry.clone()), None)
        .await
        .expect("record");
    writer
        .record(Some(plain.clone()), None)
        .await
        .expect("record");
    writer
        .record(Some(plain.clone()), None)
        .await
        .expect("again");
    let audit = fixture.database.audit();
    assert_eq!(
        audit.since(NOW, 9).await.expect("read"),
        [entry.clone(), plain]
    );
    assert_eq!(audit.of_user(user, 9).await.expect("read"), [entry]);
    let later = NOW.plus(Duration::from_secs(1));
    assert_eq!(audit.since(later, 9).await.expect("read"), []);
}

async fn events_read_back_as_written(fixture: Fixture) {
    let mut event = upload_event(&location("in/ä b.csv"));
    event.path = Some("/ä b.csv".to_owned());
    event.size = Some(u64::MAX >> 1);
    event.mtime = Some(NOW);
    event.transfer = Some(TransferId::generate());
    let writer = fixture.database.writer();
    writer
        .record(None, Some(event.clone()))
        .await
        .expect("record");
    let events = fixture.database.events();
    let since = events.since(NOW, 9).await.expect("read");
    assert_eq!(since.len(), 1);
    assert_eq!(since[0].event, event);
    assert_eq!(since[0].sequence, 1);
}
