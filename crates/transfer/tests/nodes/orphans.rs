//! Multipart uploads at final keys that no row names: whose they are, and when they go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use database::{MoveEnd, MoveFailure, MoveKind, MoveOutcome, NewMove};
use model::{Clock, Protocol, TransferId};
use storage::memory::{Fault, Operation};
use storage::{ObjectStore, PutOptions, Stores};
use tokio_util::task::TaskTracker;
use transfer::{Attributes, Condition, Naming, Original};

use crate::world::{LIFE, LONG, Node, World, close, key, location, on_both_engines};

on_both_engines!(
    an_unrecorded_upload_waits_for_the_uploads_of_living_nodes_alone,
    an_upload_that_a_dead_nodes_last_request_begins_is_aborted,
    an_unrecorded_copy_of_a_rename_goes_when_that_has_ended,
    an_unrecorded_copy_to_a_final_name_goes_when_its_node_is_dead,
    an_unrecorded_copy_of_new_metadata_goes_when_that_has_ended,
    an_unrecorded_copy_of_new_metadata_goes_when_its_node_is_dead,
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

async fn original(at: &str, world: &World) -> Original {
    Original {
        store: Arc::new(world.store.clone()),
        key: key(at),
        head: world.store.head(&key(at)).await.expect("stands"),
    }
}

fn mode() -> Attributes {
    Attributes {
        mode: Some(0o600),
        ..Attributes::default()
    }
}

/// The store began to copy a large object onto itself, and nobody heard.
async fn an_unrecorded_copy_of_new_metadata_goes_when_that_has_ended(world: World) {
    let node = world
        .node_with("node", |settings| settings.largest_copy = 1)
        .await;
    node.put("f", "bytes").await.expect("published");
    begin_upload(&world, "f").await;
    world.later(LIFE / 2, &[&node]).await;
    begin_upload(&world, "f").await;
    world.later(LIFE / 2, &[&node]).await;
    let once = AtomicBool::new(true);
    world.store.on_request(move |request| {
        let begins = request.operation == Operation::CreateUpload;
        match begins && once.swap(false, Ordering::SeqCst) {
            true => Fault::LoseReply,
            false => Fault::None,
        }
    });
    let (original, intent) = (original("f", &world).await, node.intent("f"));
    let claimed = node.transfers.claim(&intent.location).await.expect("free");
    let lost = node.transfers.rewrite(&original, &intent, &mode()).await;
    lost.expect_err("the answer was lost");
    claimed.give_back().await;
    assert_eq!(uploads(&world).await, 3);
    world.later(LIFE / 2, &[&node]).await;
    assert_eq!(node.sweep().await, "clear done 1, abort-upload done 2");
    assert_eq!(
        uploads(&world).await,
        1,
        "the second one is somebody else's"
    );

    let claimed = node.transfers.claim(&intent.location).await.expect("free");
    let rewritten = node.transfers.rewrite(&original, &intent, &mode()).await;
    rewritten.expect("the store is healthy");
    claimed.give_back().await;
    assert_eq!(world.object("f").await.as_deref(), Some("bytes"));
    assert_eq!(node.told("f").await.len(), 1, "it is no upload");
    assert_eq!(node.sweep().await, "");
    assert_eq!(uploads(&world).await, 1);
}

/// The request was on its way when its node died, and takes effect when that is settled.
async fn an_upload_that_a_dead_nodes_last_request_begins_is_aborted(world: World) {
    let (dead, alive) = (world.node("dead").await, world.node("alive").await);
    let upload = dead.open("f", "bytes");
    dead.on_record(upload.id()).await;
    world.later(LIFE, &[&alive]).await;
    assert_eq!(alive.sweep().await, "give-up done 1, clear done 1");
    world.later(Duration::from_secs(1), &[&alive]).await;
    begin_upload(&world, "f").await;
    assert_eq!(alive.sweep().await, "abort-upload done 1");
    assert_eq!(uploads(&world).await, 0);

    world.later(LONG, &[&alive]).await;
    begin_upload(&world, "f").await;
    assert_eq!(
        alive.sweep().await,
        "",
        "no request is on its way for so long"
    );
    assert_eq!(uploads(&world).await, 1);
}

async fn an_unrecorded_copy_of_new_metadata_goes_when_its_node_is_dead(world: World) {
    let dead = world
        .node_with("dead", |settings| settings.largest_copy = 1)
        .await;
    let alive = world.node("alive").await;
    dead.put("f", "bytes").await.expect("published");
    world.later(LIFE / 2, &[&dead, &alive]).await;
    let (_gate, arrived) = world.hold_next(Operation::CopyPart);
    let (original, intent) = (original("f", &world).await, dead.intent("f"));
    let transfers = dead.transfers.clone();
    let rewriting = TaskTracker::new().spawn(async move {
        let rewritten = transfers.rewrite(&original, &intent, &mode()).await;
        rewritten.map(drop)
    });
    drop(arrived.acquire().await);
    assert_eq!(alive.sweep().await, "", "its node lives");
    rewriting.abort();
    world.later(LIFE, &[&alive]).await;
    assert_eq!(uploads(&world).await, 1);
    alive.sweep().await;
    assert_eq!(uploads(&world).await, 0);
    assert_eq!(world.object("f").await.as_deref(), Some("bytes"));
    assert_eq!(alive.sweep().await, "");
}
