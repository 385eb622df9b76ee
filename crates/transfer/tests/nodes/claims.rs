//! The one door before a key, for whoever changes it.

use std::sync::Arc;
use std::time::Duration;

use model::ErrorKind;
use storage::memory::{Fault, Operation};
use storage::{ObjectStore, PutOptions};
use transfer::{Removed, Unclaimed};

use crate::world::{World, body, key, location, on_both_engines};

on_both_engines!(
    a_claim_that_is_dropped_is_given_back,
    several_keys_are_claimed_without_a_deadlock,
    a_claim_of_a_live_node_is_respected_to_the_deadline,
    a_removal_whose_answer_is_lost_is_proven,
    what_replaced_an_object_is_not_removed_with_it,
);

async fn a_claim_that_is_dropped_is_given_back(world: World) {
    let (a, b) = (world.node("a").await, world.node("b").await);
    drop(a.transfers.claim(&location("f")).await.expect("granted"));
    let claimed = b.transfers.claim(&location("f")).await.expect("granted");
    assert_eq!(claimed.location(), &location("f"));
    assert_eq!(claimed.publication().generation, 2);
}

async fn several_keys_are_claimed_without_a_deadlock(world: World) {
    let nodes = [world.node("a").await, world.node("b").await].map(Arc::new);
    let mut claims = tokio::task::JoinSet::new();
    for number in 0..8 {
        let node = Arc::clone(&nodes[number % 2]);
        claims.spawn(async move {
            let (x, y) = (location("x"), location("y"));
            let both = match number % 4 < 2 {
                true => [&x, &y],
                false => [&y, &x],
            };
            let claimed = node.transfers.claim_all(both).await.expect("granted");
            assert_eq!(claimed[0].location(), both[0]);
        });
    }
    claims.join_all().await;
}

async fn a_claim_of_a_live_node_is_respected_to_the_deadline(world: World) {
    let a = world.node("a").await;
    let b = world.node_with("b", |settings| {
        settings.claim_deadline = Duration::from_millis(50);
    });
    let b = b.await;
    let claimed = a.transfers.claim(&location("f")).await.expect("granted");
    let refused = b.transfers.claim(&location("f")).await;
    let error = refused.expect_err("held");
    assert!(matches!(error, Unclaimed::Busy));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    drop(claimed);
}

async fn a_removal_whose_answer_is_lost_is_proven(world: World) {
    let node = world.node("a").await;
    let store: Arc<dyn ObjectStore> = Arc::new(world.store.clone());
    let written = store
        .put(&key("f"), body("x"), &PutOptions::default())
        .await;
    let etag = written.expect("stored").etag;
    world.store.on_request(|request| match request.operation {
        Operation::Delete => Fault::LoseReply,
        _ => Fault::None,
    });
    let removed = node.transfers.delete(&key("f"), &etag, &store).await;
    assert_eq!(removed.expect("proven"), Removed::Gone);
}

async fn what_replaced_an_object_is_not_removed_with_it(world: World) {
    let node = world.node("a").await;
    let store: Arc<dyn ObjectStore> = Arc::new(world.store.clone());
    let written = store
        .put(&key("f"), body("old"), &PutOptions::default())
        .await;
    let etag = written.expect("stored").etag;
    let replaced = store
        .put(&key("f"), body("new"), &PutOptions::default())
        .await;
    replaced.expect("stored");
    let removed = node.transfers.delete(&key("f"), &etag, &store).await;
    assert_eq!(removed.expect("answered"), Removed::Changed);
    assert_eq!(world.object("f").await.as_deref(), Some("new"));
}
