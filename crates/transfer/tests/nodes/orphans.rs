//! Multipart uploads at final keys that no row names: whose they are, and when they go.

use database::{MoveEnd, MoveFailure, MoveKind, MoveOutcome, NewMove};
use model::{Clock, Protocol, TransferId};
use storage::memory::Operation;
use storage::{ObjectStore, PutOptions, Stores};
use tokio_util::task::TaskTracker;
use transfer::{Condition, Naming};

use crate::world::{LIFE, LONG, Node, World, close, key, location, on_both_engines};

on_both_engines!(
    an_unrecorded_upload_waits_for_the_uploads_of_living_nodes_alone,
    an_unrecorded_copy_of_a_rename_goes_when_that_has_ended,
    an_unrecorded_copy_to_a_final_name_goes_when_its_node_is_dead,
);

async fn begin_upload(world: &World, at: &str) {
    let options = PutOptions::default();
    let begun = world.store.create_upload(&key(at), &options).await;
    begun.expect("begun");
}

async fn uploads(world: &World) -> usize {
    world.store.list_uploads("").await.expect("listed").len()
}

async fn an_unrecorded_upload_waits_for_the_uploads_of_living_nodes_alone(world: World) {
    let (dead, alive) = (world.node("dead").await, world.node("alive").await);
    let third = world.node("third").await;
    // One of ours was at the key when it was begun, and has ended.
    let ended = dead.open("f", "bytes");
    dead.on_record(ended.id()).await;
    begin_upload(&world, "f").await;
    close(&ended, Condition::Any).await.expect("published");
    // A dead node's request for the key may still take effect; its row does not end so soon.
    let (_gate, arrived) = world.hold_next(Operation::Put);
    let publishing = dead.open("f", "more");
    let closing = TaskTracker::new().spawn({
        let publishing = publishing.clone();
        async move { close(&publishing, Condition::Any).await }
    });
    drop(arrived.acquire().await);
    closing.abort();
    // And a living node has one of its own.
    let open = third.open("f", "bytes");
    third.on_record(open.id()).await;

    world.later(LIFE, &[&alive, &third]).await;
    assert_eq!(alive.sweep().await, "give-up left 1");
    assert_eq!(
        uploads(&world).await,
        1,
        "the living node may have begun it"
    );
    open.abandon("its client went away").await;
    let swept = alive.sweep().await;
    assert_eq!(swept, "give-up left 1, abort-upload done 1");
    assert_eq!(uploads(&world).await, 0);
    world.later(LONG, &[&alive]).await;
    assert_eq!(alive.sweep().await, "give-up done 1, clear done 1");
}

fn a_move(node: &Node, world: &World) -> NewMove {
    let intent = node.intent("old");
    NewMove {
        id: TransferId::generate(),
        parent: None,
        kind: MoveKind::File,
        owner: intent.owner,
        user: intent.user,
        server: intent.server,
        session: intent.session,
        protocol: Protocol::Sftp,
        address: "192.0.2.7".parse().expect("valid"),
        node: node.id(),
        from: location("old"),
        from_path: "/old".to_owned(),
        to: location("new"),
        to_path: "/new".to_owned(),
        overwrite: false,
        object: None,
        mtime: None,
        atime: None,
        mode: None,
        started: world.clock.now(),
    }
}

/// Its node died between the store's answer and its own note of it, and another one finished the
/// rename with an upload of its own.
async fn an_unrecorded_copy_of_a_rename_goes_when_that_has_ended(world: World) {
    let alive = world.node("alive").await;
    alive
        .put("f", "so that the bucket is known")
        .await
        .expect("published");
    begin_upload(&world, "new").await;
    world.later(LIFE, &[&alive]).await;
    let begun = a_move(&alive, &world);
    let writer = alive.database.writer();
    writer.begin_move(begun.clone()).await.expect("begun");
    world.later(LIFE / 2, &[&alive]).await;
    begin_upload(&world, "new").await;
    let is_changing = alive.database.transfers();
    let is_changing = is_changing
        .is_changing(&location("new"), world.clock.now())
        .await;
    assert!(is_changing.expect("looked up"), "the rename goes on");
    let end = MoveEnd {
        id: begun.id,
        finished: world.clock.now(),
        outcome: MoveOutcome::Failed(Box::new(MoveFailure {
            error: "the store refused".to_owned(),
            publications: Vec::new(),
            audit: None,
            event: None,
        })),
    };
    writer.end_move(end).await.expect("ended");
    assert_eq!(alive.sweep().await, "abort-upload done 1");
    assert_eq!(uploads(&world).await, 1, "the older one is somebody else's");
}

/// A temporary file that is too large for one call is copied to its final name by ranges.
async fn an_unrecorded_copy_to_a_final_name_goes_when_its_node_is_dead(world: World) {
    let dead = world
        .node_with("dead", |settings| settings.largest_copy = 1)
        .await;
    let alive = world.node("alive").await;
    let upload = dead.stage("f.tmp", "whole").await;
    let file = dead.database.private_files().by_id(upload.id()).await;
    let file = file.expect("looked up").expect("its row");
    let (_gate, arrived) = world.hold_next(Operation::CopyPart);
    let naming = Naming {
        intent: dead.intent("f"),
        absent: false,
    };
    let (transfers, store) = (dead.transfers.clone(), world.store.clone());
    let naming = TaskTracker::new().spawn(async move {
        let stores = Stores::in_memory(store);
        transfers.give_name(&file, &naming, &stores).await.map(drop)
    });
    drop(arrived.acquire().await);
    assert_eq!(alive.sweep().await, "", "its node lives");
    naming.abort();
    world.later(LIFE, &[&alive]).await;
    assert_eq!(uploads(&world).await, 1);
    assert_eq!(alive.sweep().await, "commit done 1, abort-upload done 1");
    assert_eq!(uploads(&world).await, 0);
}
