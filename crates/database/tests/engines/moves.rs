//! Moves: on record before the first copy, ended once, taken over once.

use database::{
    Attributes, AuditEntry, MoveEnd, MoveFailure, MoveKind, MoveOutcome, MoveState, MovedObject,
    NewMove, Node, ObjectRename, Outcome,
};
use model::{
    Event, EventKind, NodeId, Protocol, ServerId, SessionId, Timestamp, TransferId, UserId,
    UserName,
};

use crate::fixture::{Fixture, NOW, location, node_1, on_both_engines};

on_both_engines!(
    a_move_is_shown_to_its_owner_until_it_ends,
    a_move_ends_once,
    a_move_is_taken_over_once,
    moves_of_dead_nodes_are_nobodys,
    attributes_of_directories_below_go_along,
);

fn begun(kind: MoveKind, from: &str, to: &str) -> NewMove {
    NewMove {
        id: TransferId::generate(),
        parent: None,
        kind,
        owner: UserId::generate(),
        user: UserName::parse("ann").expect("valid"),
        server: ServerId::generate(),
        session: SessionId::generate(),
        protocol: Protocol::Sftp,
        address: "192.0.2.7".parse().expect("an address"),
        node: node_1(),
        from: location(from),
        from_path: format!("/{from}"),
        to: location(to),
        to_path: format!("/{to}"),
        overwrite: true,
        object: Some(MovedObject {
            etag: "e1".to_owned(),
            version: None,
            size: 7,
            last_modified: NOW,
        }),
        mtime: Some(Timestamp::from_micros(-1_500_000)),
        atime: None,
        mode: Some(0o640),
        started: NOW,
    }
}

fn moved(new: &NewMove) -> MoveEnd {
    let event = Event {
        bucket: Some(new.to.bucket.to_string()),
        key: Some(new.to.key.to_string()),
        ..Event::new(EventKind::Rename, NOW, new.server.clone())
    };
    let rename = ObjectRename {
        from: new.from.clone(),
        to: new.to.clone(),
        attributes: Some(Attributes {
            mode: new.mode,
            ..Attributes::new(new.to.clone(), "e2")
        }),
        publications: Vec::new(),
        audit: AuditEntry::new("rename", Outcome::Success, NOW),
        event: Some(event),
    };
    MoveEnd {
        id: new.id,
        finished: NOW,
        outcome: MoveOutcome::Moved(Box::new(rename)),
    }
}

fn failed(new: &NewMove) -> MoveEnd {
    let event = Event::new(EventKind::RenameFailed, NOW, new.server.clone());
    MoveEnd {
        id: new.id,
        finished: NOW,
        outcome: MoveOutcome::Failed(Box::new(MoveFailure {
            error: "the source is gone".to_owned(),
            publications: Vec::new(),
            audit: Some(AuditEntry::new("rename", Outcome::Failed, NOW)),
            event: Some(event),
        })),
    }
}

async fn a_move_is_shown_to_its_owner_until_it_ends(fixture: Fixture) {
    let (writer, moves) = (fixture.database.writer(), fixture.database.moves());
    let new = begun(MoveKind::File, "a", "b");
    for _ in 0..2 {
        writer.begin_move(new.clone()).await.expect("written");
    }
    let shown = moves.in_progress_of(new.owner).await.expect("list");
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].begun, new);
    assert_eq!(shown[0].state, MoveState::Moving);
    let others = moves.in_progress_of(UserId::generate()).await;
    assert_eq!(others.expect("list"), []);
    let upload = Some("upload-1".to_owned());
    let noted = writer.set_move_upload(new.id, upload.clone()).await;
    noted.expect("noted");
    let found = moves.by_id(new.id).await.expect("look");
    assert_eq!(found.expect("there").upload_id, upload);
    writer.end_move(failed(&new)).await.expect("ended");
    let shown = moves.in_progress_of(new.owner).await.expect("list");
    assert_eq!(shown, []);
    let found = moves.by_id(new.id).await.expect("look").expect("there");
    assert_eq!(found.state, MoveState::Failed);
    assert_eq!(found.error.as_deref(), Some("the source is gone"));
    assert_eq!(found.finished, Some(NOW));
}

async fn a_move_ends_once(fixture: Fixture) {
    let writer = fixture.database.writer();
    let new = begun(MoveKind::File, "a", "b");
    writer.begin_move(new.clone()).await.expect("written");
    // By its node, by the one that took it for dead, and by one that thinks it failed.
    for end in [moved(&new), moved(&new), failed(&new)] {
        writer.end_move(end).await.expect("fine");
    }
    let events = fixture.database.events().since(NOW, 9).await.expect("list");
    let kinds: Vec<_> = events.iter().map(|stored| stored.event.kind).collect();
    assert_eq!(kinds, [EventKind::Rename]);
    let audit = fixture.database.audit().since(NOW, 9).await.expect("list");
    assert_eq!(audit.len(), 1);
    let set = fixture.database.attributes().of(&new.to).await;
    assert_eq!(set.expect("look").expect("there").mode, Some(0o640));
    let unknown = begun(MoveKind::File, "x", "y");
    let error = writer.end_move(moved(&unknown)).await;
    assert_eq!(
        error.expect_err("no such move").kind(),
        model::ErrorKind::NotFound
    );
}

async fn a_move_is_taken_over_once(fixture: Fixture) {
    let writer = fixture.database.writer();
    let new = begun(MoveKind::File, "a", "b");
    writer.begin_move(new.clone()).await.expect("written");
    let (second, third) = (NodeId::generate(), NodeId::generate());
    for (by, expected) in [(second, true), (second, true), (third, false)] {
        let adopted = writer.adopt_move(new.id, node_1(), by).await;
        assert_eq!(adopted.expect("asked"), expected);
    }
    writer.end_move(moved(&new)).await.expect("ended");
    let adopted = writer.adopt_move(new.id, second, third).await;
    assert!(!adopted.expect("asked"));
}

async fn moves_of_dead_nodes_are_nobodys(fixture: Fixture) {
    let (writer, moves) = (fixture.database.writer(), fixture.database.moves());
    let (alive, own) = (NodeId::generate(), NodeId::generate());
    let node = Node {
        id: alive,
        name: "alive".to_owned(),
        address: String::new(),
        started: NOW,
        expires: Timestamp::from_micros(NOW.as_micros() + 10),
        draining: false,
    };
    let witness = Node {
        id: own,
        name: "own".to_owned(),
        expires: Timestamp::from_micros(NOW.as_micros() + 30),
        ..node.clone()
    };
    for node in [&node, &witness] {
        let registered = fixture.database.nodes().register(node).await;
        registered.expect("registered");
    }
    let mut ids = Vec::new();
    for at in [alive, node_1(), own] {
        let mut new = begun(MoveKind::File, "a", "b");
        new.node = at;
        ids.push(new.id);
        writer.begin_move(new).await.expect("written");
    }
    let found = |now, after| async move {
        let found = moves.unattended(own, now, after, 9).await.expect("list");
        let ids: Vec<_> = found.iter().map(|found| found.begun.id).collect();
        ids
    };
    assert_eq!(found(NOW, None).await, ids[1..]);
    assert_eq!(found(NOW, Some(ids[1])).await, ids[2..]);
    let later = Timestamp::from_micros(NOW.as_micros() + 20);
    assert_eq!(found(later, None).await, ids);
    let much_later = Timestamp::from_micros(NOW.as_micros() + 40);
    assert_eq!(found(much_later, None).await, ids[1..], "nobody saw it");
}

async fn attributes_of_directories_below_go_along(fixture: Fixture) {
    let writer = fixture.database.writer();
    let row = |key: &str, etag: &str| Attributes {
        mode: Some(0o700),
        ..Attributes::new(location(key), etag)
    };
    for (key, etag) in [("ä/d/sub/", ""), ("ä/d/sub/f", "e1"), ("ä/d2/other/", "")] {
        let set = writer.set_attributes(row(key, etag), None).await;
        set.expect("set");
    }
    let new = begun(MoveKind::Directory, "ä/d/", "ö/e/");
    writer.begin_move(new.clone()).await.expect("written");
    writer.end_move(moved(&new)).await.expect("ended");
    for (key, expected) in [
        ("ö/e/sub/", true),
        ("ä/d/sub/", false),
        ("ä/d/sub/f", true),
        ("ö/e/sub/f", false),
        ("ä/d2/other/", true),
    ] {
        let found = fixture.database.attributes().of(&location(key)).await;
        assert_eq!(found.expect("look").is_some(), expected, "{key}");
    }
}
