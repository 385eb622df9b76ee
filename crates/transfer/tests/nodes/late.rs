//! Requests of dead nodes that take effect late, or that may: what the sweeper makes of them.

use std::sync::Arc;
use std::time::Duration;

use database::{PrivateFile, TransferState};
use storage::memory::Operation;
use storage::{ObjectStore, ObjectStoreExt, Placement, PutOptions, Stores};
use tokio_util::task::TaskTracker;
use transfer::{Condition, Naming, Transfer};

use crate::world::{LIFE, LONG, Node, World, body, close, key, on_both_engines};

on_both_engines!(
    a_name_that_comes_late_is_committed_late,
    a_name_that_does_not_come_is_not_waited_for_for_ever,
    what_a_file_held_before_is_not_taken_for_what_it_holds_now,
    a_publication_of_a_dead_node_ends_in_bounded_time,
);

async fn staged(node: &Node, transfer: &Transfer) -> PrivateFile {
    let files = node.database.private_files();
    let found = files.by_id(transfer.id()).await.expect("looked up");
    found.expect("its row")
}

/// The node gives the name, and does not come to an end with it.
async fn begin_naming(
    node: &Node,
    file: PrivateFile,
    world: &World,
) -> tokio::task::JoinHandle<()> {
    let naming = Naming {
        intent: node.intent("f"),
        absent: false,
    };
    let (transfers, store) = (node.transfers.clone(), world.store.clone());
    TaskTracker::new().spawn(async move {
        let stores = Stores::in_memory(store);
        let given = transfers.give_name(&file, &naming, &stores).await;
        assert!(given.is_err(), "it has lost the file meanwhile");
    })
}

/// Its copy was on its way when its node died; the file was temporary again, and then it came.
async fn a_name_that_comes_late_is_committed_late(world: World) {
    let (dead, alive) = (world.node("dead").await, world.node("alive").await);
    let upload = dead.stage("f.tmp", "whole").await;
    let (gate, arrived) = world.hold_next(Operation::Copy);
    let file = staged(&dead, &upload).await;
    let naming = begin_naming(&dead, file, &world).await;
    drop(arrived.acquire().await);
    world.later(LIFE, &[&alive]).await;
    assert_eq!(alive.sweep().await, "commit done 1", "settled, one way");
    assert_eq!(alive.state(upload.id()).await, TransferState::Staged);
    assert_eq!(alive.sweep().await, "", "nothing came so far");

    gate.add_permits(1);
    naming.await.expect("no panic");
    assert_eq!(world.maker("f").await, Some(upload.id()));
    assert_eq!(alive.dry_run().await, "commit planned 1");
    // The claim of the dead node's last attempt is stale by then.
    world.later(LONG, &[&alive]).await;
    assert_eq!(alive.sweep().await, "commit done 1, clear done 1");
    assert_eq!(alive.state(upload.id()).await, TransferState::Completed);
    assert_eq!(alive.told("f").await.len(), 1);
    assert_eq!(world.object("f").await.as_deref(), Some("whole"));
    assert_eq!(alive.sweep().await, "");
}

async fn a_name_that_does_not_come_is_not_waited_for_for_ever(world: World) {
    let (dead, alive) = (world.node("dead").await, world.node("alive").await);
    let upload = dead.stage("f.tmp", "whole").await;
    let (_gate, arrived) = world.hold_next(Operation::Copy);
    let file = staged(&dead, &upload).await;
    let naming = begin_naming(&dead, file, &world).await;
    drop(arrived.acquire().await);
    naming.abort();
    world.later(LIFE, &[&alive]).await;
    alive.sweep().await;
    let promised = async || {
        let since = transfer_since(&world);
        let table = alive.database.transfers();
        table.promised(since, None, 10).await.expect("listed").len()
    };
    assert_eq!(promised().await, 1);
    world.later(Duration::from_secs(3600), &[&alive]).await;
    assert_eq!(promised().await, 0);
    // It can be named meanwhile and for ever.
    let file = staged(&alive, &upload).await;
    let naming = Naming {
        intent: alive.intent("f"),
        absent: true,
    };
    let stores = Arc::new(Stores::in_memory(world.store.clone()));
    let named = alive.transfers.give_name(&file, &naming, &stores).await;
    assert_eq!(named.expect("named").size, 5);
}

/// What stands at a key, to stand there again later.
async fn lift(at: &str, world: &World) -> (storage::ObjectHead, storage::Body) {
    let head = world.store.head(&key(at)).await.expect("stands");
    let bytes = world.store.read_whole(&key(at), 1 << 20).await;
    let bytes = bytes.expect("read");
    let deleted = world.store.delete(&key(at), None).await;
    deleted.expect("deleted");
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    (head, body(&text))
}

/// Its owner went on with the file after a name that did not come, closed it, and gave it the name
/// again. Then the first copy came, and the second did not.
async fn what_a_file_held_before_is_not_taken_for_what_it_holds_now(world: World) {
    let (dead, alive) = (world.node("dead").await, world.node("alive").await);
    let third = world.node("third").await;
    let upload = dead.stage("f.tmp", "older").await;
    let (gate, arrived) = world.hold_next(Operation::Copy);
    let naming = begin_naming(&dead, staged(&dead, &upload).await, &world).await;
    drop(arrived.acquire().await);
    world.later(LIFE, &[&alive, &third]).await;
    assert_eq!(alive.sweep().await, "commit done 1", "temporary again");
    gate.add_permits(1);
    naming.await.expect("no panic");
    // The store is to show it later only.
    let (head, older) = lift("f", &world).await;

    let file = staged(&alive, &upload).await;
    let (intent, stores) = (
        alive.intent("f.tmp"),
        Stores::in_memory(world.store.clone()),
    );
    let placement = Placement::default();
    let resumed = alive
        .transfers
        .resume(&file, intent, placement, &stores)
        .await;
    let resumed = resumed.expect("gone on with").transfer;
    resumed.truncate(0).expect("cut");
    resumed.write(0, b"newer and longer").expect("taken");
    close(&resumed, Condition::Any).await.expect("closed");
    let (_gate, arrived) = world.hold_next(Operation::Copy);
    let naming = Naming {
        intent: alive.intent("f"),
        absent: false,
    };
    let (file, transfers) = (staged(&alive, &upload).await, alive.transfers.clone());
    let in_memory = Stores::in_memory(world.store.clone());
    let second = TaskTracker::new().spawn(async move {
        transfers
            .give_name(&file, &naming, &in_memory)
            .await
            .map(drop)
    });
    drop(arrived.acquire().await);
    second.abort();
    let options = PutOptions {
        metadata: head.metadata,
        ..PutOptions::default()
    };
    let late = world.store.put(&key("f"), older, &options).await;
    late.expect("stored");

    world.later(LIFE, &[&third]).await;
    third.sweep().await;
    assert_eq!(third.state(upload.id()).await, TransferState::Staged);
    assert!(third.told("f").await.is_empty());
    let file = staged(&third, &upload).await;
    let naming = Naming {
        intent: third.intent("f"),
        absent: false,
    };
    let named = third.transfers.give_name(&file, &naming, &stores).await;
    named.expect("named");
    let stands = world.object("f").await;
    assert_eq!(stands.as_deref(), Some("newer and longer"));
    assert_eq!(third.told("f").await.len(), 1);
}

fn transfer_since(world: &World) -> model::Timestamp {
    use model::Clock;
    let now = world.clock.now().as_micros();
    model::Timestamp::from_micros(now - 3_600_000_000)
}

/// "Its request may still take effect" is said for the length of a stale claim, and no longer.
async fn a_publication_of_a_dead_node_ends_in_bounded_time(world: World) {
    let (dead, alive) = (world.node("dead").await, world.node("alive").await);
    let (_gate, arrived) = world.hold_next(Operation::Put);
    let upload = dead.open("f", "bytes");
    let closing = TaskTracker::new().spawn({
        let upload = upload.clone();
        async move { close(&upload, Condition::Any).await }
    });
    drop(arrived.acquire().await);
    closing.abort();
    let mut passes = 0;
    while alive.state(upload.id()).await == TransferState::Publishing {
        world.later(LIFE, &[&alive]).await;
        let swept = alive.sweep().await;
        passes += 1;
        let waits = alive.state(upload.id()).await == TransferState::Publishing;
        let expected = match waits {
            true => "give-up left 1",
            false => "give-up done 1, clear done 1",
        };
        assert_eq!(swept, expected, "pass {passes}");
        assert!(LIFE * passes <= LONG + LIFE, "it goes on for ever");
    }
    assert!(LIFE * passes > LONG - LIFE, "ended after {passes} passes");
    assert_eq!(alive.state(upload.id()).await, TransferState::Aborted);
    assert_eq!(alive.sweep().await, "");
    // The key is free for others.
    alive.put("f", "another").await.expect("published");
}
