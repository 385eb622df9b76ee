//! Publications of one key from two nodes: whoever puts his object there last wins whole, and
//! rows and bucket agree.

use std::sync::Arc;

use database::{Claim, PublicationRequest, TransferState};
use model::{Clock, ErrorKind, TransferId};
use storage::memory::{Fault, Operation};
use tokio_util::task::TaskTracker;
use transfer::Condition;

use crate::world::{LIFE, LONG, START, World, close, on_both_engines};

on_both_engines!(
    uploads_of_two_nodes_to_one_key_take_turns,
    a_late_put_of_a_superseded_node_is_the_last_one,
    a_late_put_that_was_overwritten_is_refused,
    a_late_put_that_must_not_replace_is_refused_by_the_store,
    a_node_that_dies_with_a_claim_keeps_nobody_waiting,
    an_upload_whose_answer_is_lost_keeps_its_key_until_that_is_known,
    a_node_that_seemed_dead_does_no_harm,
    a_small_file_takes_two_transactions,
);

async fn uploads_of_two_nodes_to_one_key_take_turns(world: World) {
    let nodes = [world.node("a").await, world.node("b").await].map(Arc::new);
    let mut uploads = tokio::task::JoinSet::new();
    for number in 0..10 {
        let node = Arc::clone(&nodes[number % 2]);
        uploads.spawn(async move {
            let text = format!("{number} ").repeat(1 + number);
            node.put("f", &text).await.expect("published")
        });
    }
    uploads.join_all().await;
    let told = nodes[0].told("f").await;
    let numbers: Vec<_> = told.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
    let last = told.last().map(|(_, transfer)| *transfer);
    assert_eq!(world.maker("f").await, last);
}

/// The node is paused between its claim and its PUT. Another one takes over and finishes; then the
/// late PUT takes effect. It is the last one, and says so.
async fn a_late_put_of_a_superseded_node_is_the_last_one(world: World) {
    let (slow, fast) = (world.node("slow").await, world.node("fast").await);
    let (gate, arrived) = world.hold_next(Operation::Put);
    let late = slow.open("f", "late");
    let closing = TaskTracker::new().spawn({
        let late = late.clone();
        async move { close(&late, Condition::Any).await }
    });
    drop(arrived.acquire().await);
    world.later(LIFE, &[&fast]).await;
    fast.put("f", "quick").await.expect("published");
    assert_eq!(world.object("f").await.as_deref(), Some("quick"));
    gate.add_permits(1);
    closing
        .await
        .expect("no panic")
        .expect("published after all");
    assert_eq!(world.object("f").await.as_deref(), Some("late"));
    let told = fast.told("f").await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[1], (2, late.id()));
    assert_eq!(slow.state(late.id()).await, TransferState::Completed);
}

/// The same, and while the slow node comes back to the database its object is replaced.
async fn a_late_put_that_was_overwritten_is_refused(world: World) {
    let (slow, fast) = (world.node("slow").await, world.node("fast").await);
    let late = slow.open("f", "late");
    // Its PUT takes effect, its answer is late.
    let (gate, arrived) = (
        Arc::new(tokio::sync::Semaphore::new(0)),
        Arc::new(tokio::sync::Semaphore::new(0)),
    );
    let first = std::sync::atomic::AtomicBool::new(true);
    let (hold, told) = (Arc::clone(&gate), Arc::clone(&arrived));
    world
        .store
        .on_request(move |request| match request.operation {
            Operation::Put if first.swap(false, std::sync::atomic::Ordering::SeqCst) => {
                Fault::LoseReply
            }
            // It looks whether it stands.
            Operation::Head if told.available_permits() == 0 => {
                told.add_permits(1);
                Fault::Hold(Arc::clone(&hold))
            }
            _ => Fault::None,
        });
    let closing = TaskTracker::new().spawn({
        let late = late.clone();
        async move { close(&late, Condition::Any).await }
    });
    drop(arrived.acquire().await);
    assert_eq!(world.object("f").await.as_deref(), Some("late"));
    world.later(LIFE, &[&fast]).await;
    fast.put("f", "quick").await.expect("published");
    gate.add_permits(1);
    let error = closing.await.expect("no panic").expect_err("not proven");
    // Nobody saw it stand, so nobody can say: the sweeper finds that it does not.
    assert!(error.outcome_unknown(), "{error}");
    world.store.clear_faults();
    world.later(LONG, &[&fast]).await;
    fast.sweep().await;
    assert_eq!(fast.state(late.id()).await, TransferState::Aborted);
    assert_eq!(world.object("f").await.as_deref(), Some("quick"));
    assert_eq!(fast.told("f").await.len(), 1);
}

async fn a_late_put_that_must_not_replace_is_refused_by_the_store(world: World) {
    let (slow, fast) = (world.node("slow").await, world.node("fast").await);
    let (gate, arrived) = world.hold_next(Operation::Put);
    let late = slow.open("f", "late");
    let closing = TaskTracker::new().spawn({
        let late = late.clone();
        async move { close(&late, Condition::Absent).await }
    });
    drop(arrived.acquire().await);
    world.later(LIFE, &[&fast]).await;
    fast.put("f", "quick").await.expect("published");
    gate.add_permits(1);
    let error = closing.await.expect("no panic").expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(!error.outcome_unknown());
    assert_eq!(world.object("f").await.as_deref(), Some("quick"));
    assert_eq!(slow.state(late.id()).await, TransferState::Aborted);
    assert_eq!(fast.told("f").await.len(), 1);
}

async fn a_node_that_dies_with_a_claim_keeps_nobody_waiting(world: World) {
    let (dead, alive) = (
        world.node("dead").await,
        Arc::new(world.node("alive").await),
    );
    let held = alive.intent("f").location;
    let claimed = dead.transfers.claim(&held).await.expect("granted");
    claimed.keep();
    let waiting = TaskTracker::new().spawn({
        let alive = Arc::clone(&alive);
        async move { alive.put("f", "bytes").await }
    });
    // Its intent is written with its first attempt at the claim.
    let soon = world.clock.now().plus(LONG);
    while alive
        .database
        .transfers()
        .unfinished(soon, 9)
        .await
        .expect("list")
        .is_empty()
    {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    world.later(LIFE, &[&alive]).await;
    waiting.await.expect("no panic").expect("published");
    assert_eq!(world.object("f").await.as_deref(), Some("bytes"));
}

async fn an_upload_whose_answer_is_lost_keeps_its_key_until_that_is_known(world: World) {
    let (first, other) = (world.node("a").await, world.node("b").await);
    world.store.on_request(|request| match request.operation {
        Operation::Put => Fault::LoseReply,
        Operation::Head => Fault::Refuse(ErrorKind::Unavailable),
        _ => Fault::None,
    });
    let lost = first.open("f", "bytes");
    let error = close(&lost, Condition::Any).await.expect_err("unknown");
    assert!(error.outcome_unknown());
    world.store.clear_faults();
    let request = PublicationRequest {
        location: lost.intent().location.clone(),
        holder: TransferId::generate(),
        node: other.id(),
        now: world.clock.now(),
        stale_before: START,
        transfer: None,
    };
    let claim = other.database.writer().claim_publication(request).await;
    assert!(
        matches!(claim, Ok(Claim::Held { by, .. }) if by == lost.id()),
        "{claim:?}"
    );
    // Its node lives, and may still be at it.
    assert_eq!(other.sweep().await, "");
    world.later(LONG, &[&first, &other]).await;
    assert_eq!(other.dry_run().await, "commit planned 1");
    assert_eq!(other.sweep().await, "commit done 1");
    assert_eq!(other.told("f").await, [(1, lost.id())]);
    assert_eq!(other.sweep().await, "");
    other.put("f", "next").await.expect("the key is free");
}

/// It could not renew itself, and the others have taken its upload over: its own CLOSE is refused
/// before it changes anything.
async fn a_node_that_seemed_dead_does_no_harm(world: World) {
    let (away, other) = (world.node("away").await, world.node("other").await);
    let upload = away.open("f", vec![7; 20 << 20]);
    upload.settle().await.expect("stored");
    world.later(LIFE, &[&other]).await;
    assert_eq!(other.sweep().await, "keep done 1");
    let error = close(&upload, Condition::Any).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("another session"), "{error}");
    assert_eq!(world.object("f").await, None);
    assert_eq!(other.state(upload.id()).await, TransferState::Detached);
    assert!(other.told("f").await.is_empty());
}

async fn a_small_file_takes_two_transactions(world: World) {
    let node = world.node("a").await;
    let before = node.database.writer().statistics();
    for number in 0..10 {
        node.put(&format!("f{number}"), "bytes")
            .await
            .expect("published");
    }
    let after = node.database.writer().statistics();
    assert_eq!(after.commits - before.commits, 20);
}
