//! Private files: who finds them, who may go on with them, and what ends them.

use std::time::Duration;

use database::{
    AuditEntry, CompletedUpload, Detachment, NewTransfer, Node, Outcome, PrivateFile, PrivateId,
    PrivateMove, PrivateRemoval, SetAttributes, Staging, Takeover, Target, TransferState,
};
use model::{ErrorKind, Event, EventKind, NodeId, ObjectKey, SessionId, Timestamp};

use crate::fixture::{Fixture, NOW, commit, intent, location, on_both_engines};
use crate::nodes::node;

on_both_engines!(
    an_upload_that_was_left_is_found_by_its_owner_alone,
    one_session_takes_over_and_the_older_one_is_refused,
    what_a_dead_node_wrote_is_left_to_its_owner,
    a_closed_temporary_file_is_named_or_stays,
    a_new_beginning_gives_up_what_was_left,
    what_is_not_continued_expires,
    files_are_listed_in_byte_order,
);

fn left(new: &NewTransfer, epoch: u64) -> Detachment {
    Detachment {
        file: PrivateId {
            transfer: new.id,
            epoch,
        },
        progress: Some("{}".to_owned()),
        safe: 7,
        set: SetAttributes {
            mode: Some(0o600),
            ..SetAttributes::default()
        },
        changed: NOW,
        expires: NOW.plus(Duration::from_secs(60)),
        target: None,
        publication: None,
        audit: Some(AuditEntry::new("upload", Outcome::Failed, NOW)),
        event: Some(Event::new(EventKind::Partial, NOW, new.server.clone())),
    }
}

fn takeover(new: &NewTransfer, epoch: u64) -> Takeover {
    Takeover {
        file: PrivateId {
            transfer: new.id,
            epoch,
        },
        session: SessionId::generate(),
        node: NodeId::generate(),
        now: NOW,
        progress: None,
        upload_key: None,
    }
}

async fn begin(fixture: &Fixture, new: &NewTransfer) {
    let written = fixture.database.writer().begin_intent(new.clone()).await;
    written.expect("written");
}

async fn at(fixture: &Fixture, new: &NewTransfer, now: Timestamp) -> Vec<PrivateFile> {
    let table = fixture.database.private_files();
    table
        .at(new.owner, &new.location, now)
        .await
        .expect("looked up")
}

async fn an_upload_that_was_left_is_found_by_its_owner_alone(fixture: Fixture) {
    fixture.start_node_1().await;
    let new = intent("in/a.csv");
    begin(&fixture, &new).await;
    assert!(at(&fixture, &new, NOW).await.is_empty(), "it is written");
    let writer = fixture.database.writer();
    writer.detach(left(&new, 0)).await.expect("left");
    writer.detach(left(&new, 0)).await.expect("again");
    let found = at(&fixture, &new, NOW).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].safe, found[0].is_left), (Some(7), false));
    assert_eq!(found[0].transfer.state, TransferState::Detached);
    assert_eq!(found[0].transfer.intent.opening.set.mode, Some(0o600));
    let other = intent("in/a.csv");
    assert!(at(&fixture, &other, NOW).await.is_empty());
    // Its directory is one for its owner.
    let above = NewTransfer {
        location: location("in"),
        ..new.clone()
    };
    assert_eq!(at(&fixture, &above, NOW).await, found);
    let beside = NewTransfer {
        location: location("in/a"),
        ..new.clone()
    };
    assert!(at(&fixture, &beside, NOW).await.is_empty());
    let set = SetAttributes {
        mtime: Some(NOW),
        ..SetAttributes::default()
    };
    writer
        .set_private(left(&new, 0).file, set, None)
        .await
        .expect("set");
    let found = at(&fixture, &new, NOW).await;
    assert_eq!(found[0].transfer.intent.opening.set, set);
}

async fn one_session_takes_over_and_the_older_one_is_refused(fixture: Fixture) {
    let new = intent("in/a.csv");
    begin(&fixture, &new).await;
    let writer = fixture.database.writer();
    writer.detach(left(&new, 0)).await.expect("left");
    let (first, second) = (takeover(&new, 0), takeover(&new, 0));
    let (one, two) = tokio::join!(
        writer.take_over(first.clone()),
        writer.take_over(second.clone())
    );
    assert_ne!(one.is_ok(), two.is_ok(), "one of both");
    let (winner, lost) = match one {
        Ok(()) => (first, two.expect_err("lost")),
        Err(error) => (second, error),
    };
    assert_eq!(lost.kind(), ErrorKind::Conflict);
    writer.take_over(winner).await.expect("a retry");
    let id = left(&new, 0).file;
    let noted = writer.note_progress(id, "{}".to_owned(), None, NOW).await;
    assert_eq!(noted.expect_err("older").kind(), ErrorKind::Conflict);
    let detached = writer.detach(left(&new, 0)).await;
    assert_eq!(detached.expect_err("older").kind(), ErrorKind::Conflict);
    let committed = writer.commit_upload(commit(&new)).await;
    assert_eq!(committed.expect_err("older").kind(), ErrorKind::Conflict);
    let mut newer = commit(&new);
    newer.epoch = 1;
    writer.commit_upload(newer).await.expect("committed");
}

async fn what_a_dead_node_wrote_is_left_to_its_owner(fixture: Fixture) {
    fixture.start_node_1().await;
    let (new, empty) = (intent("in/a.csv"), intent("in/b.csv"));
    begin(&fixture, &new).await;
    begin(&fixture, &empty).await;
    let id = left(&new, 0).file;
    let writer = fixture.database.writer();
    let upload = Some("upload-1".to_owned());
    let noted = writer.note_progress(id, "{}".to_owned(), upload, NOW).await;
    noted.expect("noted");
    assert!(at(&fixture, &new, NOW).await.is_empty(), "its node lives");
    writer
        .take_over(takeover(&new, 0))
        .await
        .expect_err("its node lives");
    let later = NOW.plus(Duration::from_secs(7200));
    let found = at(&fixture, &new, later).await;
    assert!(found.is_empty(), "nobody is there to say that it is dead");
    let witness = Node {
        expires: later.plus(Duration::from_secs(1)),
        ..node("witness")
    };
    let entered = fixture.database.nodes().register(&witness).await;
    entered.expect("entered");
    let found = at(&fixture, &new, later).await;
    assert_eq!((found.len(), found[0].is_left), (1, true));
    assert_eq!(found[0].transfer.upload_id.as_deref(), Some("upload-1"));
    assert!(
        at(&fixture, &empty, later).await.is_empty(),
        "nothing of it was sent"
    );
    let taken = Takeover {
        now: later,
        ..takeover(&new, 0)
    };
    writer.take_over(taken).await.expect("taken over");
}

fn staging(new: &NewTransfer, epoch: u64) -> Staging {
    Staging {
        file: PrivateId {
            transfer: new.id,
            epoch,
        },
        key: ObjectKey::parse("staging/file-0").expect("valid"),
        object: CompletedUpload {
            size: 5,
            etag: "e5".to_owned(),
            version: None,
            crc64nvme: None,
            finished: NOW,
        },
        set: SetAttributes::default(),
        audit: AuditEntry::new("stage", Outcome::Success, NOW),
    }
}

async fn a_closed_temporary_file_is_named_or_stays(fixture: Fixture) {
    let mut new = intent("in/a.part");
    new.opening.staging = Some(location("staging/file-0"));
    begin(&fixture, &new).await;
    let writer = fixture.database.writer();
    writer.stage(staging(&new, 0)).await.expect("staged");
    writer.stage(staging(&new, 0)).await.expect("a retry");
    let found = at(&fixture, &new, NOW).await;
    let staged = found[0].staged.as_ref().expect("whole");
    assert_eq!((staged.object.size, found[0].expires), (5, None));
    // It is gone on with, and left as it was.
    writer.take_over(takeover(&new, 0)).await.expect("taken");
    let back = Detachment {
        progress: None,
        audit: None,
        event: None,
        ..left(&new, 1)
    };
    writer.detach(back).await.expect("back");
    let found = at(&fixture, &new, NOW).await;
    assert!(found[0].is_staged());
    let moved = PrivateMove {
        file: left(&new, 1).file,
        location: location("in/b.part"),
        path: "/in/b.part".to_owned(),
        audit: AuditEntry::new("rename", Outcome::Success, NOW),
    };
    writer.move_private(moved).await.expect("moved");
    assert!(at(&fixture, &new, NOW).await.is_empty());
    let target = Target {
        location: location("in/b"),
        path: "/in/b".to_owned(),
    };
    let promise = takeover(&new, 1);
    writer
        .promise(promise.clone(), target.clone())
        .await
        .expect("promised");
    writer
        .promise(promise, target.clone())
        .await
        .expect("a retry");
    writer
        .promise(takeover(&new, 1), target.clone())
        .await
        .expect_err("another session");
    let mut commit = commit(&new);
    (commit.epoch, commit.location) = (2, target.location);
    writer.commit_upload(commit).await.expect("committed");
    let table = fixture.database.private_files();
    let row = table.by_id(new.id).await.expect("read").expect("there");
    assert_eq!(row.transfer.state, TransferState::Completed);
    assert_eq!(row.transfer.intent.path, "/in/b");
    let leftovers = table.leftovers(10).await.expect("listed");
    assert_eq!(leftovers.len(), 1, "its staging is looked at");
    writer.cleaned(new.id).await.expect("noted");
    assert!(table.leftovers(10).await.expect("listed").is_empty());
}

async fn a_new_beginning_gives_up_what_was_left(fixture: Fixture) {
    let new = intent("in/a.csv");
    begin(&fixture, &new).await;
    let writer = fixture.database.writer();
    writer.detach(left(&new, 0)).await.expect("left");
    let mut again = NewTransfer {
        id: model::TransferId::generate(),
        ..new.clone()
    };
    again.opening.replaces = true;
    begin(&fixture, &again).await;
    assert!(at(&fixture, &new, NOW).await.is_empty());
    let table = fixture.database.private_files();
    let row = table.by_id(new.id).await.expect("read").expect("there");
    assert_eq!(row.transfer.state, TransferState::Discarded);
    writer.detach(left(&again, 0)).await.expect("left");
    let removal = PrivateRemoval {
        owner: new.owner,
        location: new.location.clone(),
        now: NOW,
        audit: Some(AuditEntry::new("remove", Outcome::Success, NOW)),
    };
    let removed = writer.discard_private(removal.clone()).await;
    assert_eq!(removed.expect("removed"), 1);
    let retried = writer.discard_private(removal.clone()).await;
    assert_eq!(retried.expect("a retry"), 1);
    let nothing = PrivateRemoval {
        audit: Some(AuditEntry::new("remove", Outcome::Success, NOW)),
        ..removal
    };
    assert_eq!(writer.discard_private(nothing).await.expect("none"), 0);
    assert_eq!(table.leftovers(10).await.expect("listed").len(), 2);
}

async fn what_is_not_continued_expires(fixture: Fixture) {
    let new = intent("in/a.csv");
    begin(&fixture, &new).await;
    let writer = fixture.database.writer();
    writer.detach(left(&new, 0)).await.expect("left");
    let table = fixture.database.private_files();
    assert!(table.expired(NOW, 10).await.expect("listed").is_empty());
    let later = NOW.plus(Duration::from_secs(60));
    assert_eq!(table.expired(later, 10).await.expect("listed").len(), 1);
    let id = left(&new, 0).file;
    let expire = |id, now| {
        let audit = AuditEntry::new("expire", Outcome::Success, now);
        let event = Event::new(EventKind::Expired, now, new.server.clone());
        writer.expire(id, now, audit, event)
    };
    let early = expire(id, NOW).await;
    assert_eq!(early.expect_err("not yet").kind(), ErrorKind::Conflict);
    expire(id, later).await.expect("expired");
    let row = table.by_id(new.id).await.expect("read").expect("there");
    assert_eq!(row.transfer.state, TransferState::Expired);
    let late = writer.take_over(takeover(&new, 0)).await;
    assert_eq!(late.expect_err("over").kind(), ErrorKind::Conflict);
}

async fn files_are_listed_in_byte_order(fixture: Fixture) {
    let owner = intent("d/a").owner;
    let writer = fixture.database.writer();
    for key in ["d/b", "d/a", "d/a-", "d/a/x", "e", "d/B", "d/ä"] {
        let new = NewTransfer {
            owner,
            ..intent(key)
        };
        begin(&fixture, &new).await;
        writer.detach(left(&new, 0)).await.expect("left");
    }
    let table = fixture.database.private_files();
    let bucket = location("d").bucket;
    let keys = async |from: &str, to: Option<&str>, limit| {
        let files = table.between(owner, &bucket, from, to, NOW, limit).await;
        let key = |file: PrivateFile| file.transfer.intent.location.key.to_string();
        files
            .expect("listed")
            .into_iter()
            .map(key)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        keys("d/", Some("d0"), 10).await,
        ["d/B", "d/a", "d/a-", "d/a/x", "d/b", "d/ä"]
    );
    assert_eq!(keys("d/a-", None, 2).await, ["d/a-", "d/a/x"]);
    assert_eq!(keys("d/b\u{1}", None, 10).await, ["d/ä", "e"]);
}
