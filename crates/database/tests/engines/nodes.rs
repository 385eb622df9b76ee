//! Nodes that live and die, and what that says of their transfers.

use std::time::Duration;

use database::{Claim, Database, Node};
use model::{NodeId, Timestamp};

use crate::fixture::{Fixture, NOW, intent, on_both_engines, request_of};

on_both_engines!(
    a_node_lives_until_it_is_not_renewed,
    nobody_dies_while_the_database_is_away,
    a_new_run_ends_the_earlier_ones_of_its_name,
    a_node_that_was_forgotten_comes_back,
    a_node_that_leaves_is_dead_at_once,
    transfers_of_dead_nodes_are_unattended,
    transfers_that_nobody_publishes_any_more_are_unattended,
    an_installation_has_one_name,
);

pub(crate) const LENGTH: Duration = Duration::from_secs(10);

pub(crate) fn node(name: &str) -> Node {
    Node {
        id: NodeId::generate(),
        name: name.to_owned(),
        address: "192.0.2.1:22".to_owned(),
        started: NOW,
        expires: NOW.plus(LENGTH),
        draining: false,
    }
}

pub(crate) fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

async fn live(database: &Database, now: Timestamp) -> Vec<NodeId> {
    let nodes = database.nodes().live(now).await.expect("list");
    nodes.into_iter().map(|node| node.id).collect()
}

async fn a_node_lives_until_it_is_not_renewed(fixture: Fixture) {
    let nodes = fixture.database.nodes();
    let (a, b) = (node("a"), node("b"));
    nodes.register(&a).await.expect("enter");
    nodes.register(&b).await.expect("enter");
    assert_eq!(nodes.live(NOW).await.expect("list"), [a.clone(), b.clone()]);
    assert!(nodes.renew(&a, LENGTH, after(9)).await.expect("renew"));
    assert_eq!(live(&fixture.database, after(10)).await, [a.id]);
    // Late, and nobody has replaced it: it lives again.
    assert!(nodes.renew(&b, LENGTH, after(18)).await.expect("renew"));
    assert_eq!(live(&fixture.database, after(18)).await, [a.id, b.id]);
    assert_eq!(live(&fixture.database, after(21)).await, [b.id]);
    nodes.set_draining(b.id, true).await.expect("drain");
    assert!(nodes.live(after(21)).await.expect("list")[0].draining);
    assert_eq!(live(&fixture.database, after(28)).await, []);
}

/// After an outage of the database everybody's time is over; that says nothing of anybody.
async fn nobody_dies_while_the_database_is_away(fixture: Fixture) {
    let (database, writer) = (&fixture.database, fixture.database.writer());
    let nodes = database.nodes();
    let (a, b) = (node("a"), node("b"));
    let dead = Node {
        expires: after(5),
        ..node("dead")
    };
    for node in [&a, &b, &dead] {
        nodes.register(node).await.expect("enter");
        let mut new = intent(&node.name);
        new.node = node.id;
        writer.begin_intent(new).await.expect("written");
    }
    for node in [&a, &b] {
        assert!(nodes.renew(node, LENGTH, after(9)).await.expect("renew"));
    }
    let transfers = database.transfers();
    let unattended = async |seconds| {
        let rows = transfers.unattended(after(seconds), NOW, None, 10);
        let rows = rows.await.expect("listed");
        rows.iter()
            .map(|row| row.transfer.intent.node)
            .collect::<Vec<_>>()
    };
    assert_eq!(unattended(12).await, [dead.id]);
    assert_eq!(
        unattended(60).await,
        [],
        "nobody is there to say who is dead"
    );
    assert_eq!(nodes.not_dead(after(60)).await.expect("listed").len(), 3);
    assert!(nodes.renew(&a, LENGTH, after(60)).await.expect("renew"));
    assert_eq!(live(database, after(60)).await, [a.id, b.id]);
    assert_eq!(
        unattended(60).await,
        [dead.id],
        "it was so before the outage"
    );
    assert!(nodes.renew(&a, LENGTH, after(69)).await.expect("renew"));
    assert_eq!(unattended(71).await, [b.id, dead.id], "had its chance");
}

async fn a_new_run_ends_the_earlier_ones_of_its_name(fixture: Fixture) {
    let nodes = fixture.database.nodes();
    let (first, second, other) = (node("a"), node("a"), node("b"));
    for node in [&first, &other, &second] {
        nodes.register(node).await.expect("enter");
    }
    assert_eq!(live(&fixture.database, NOW).await, [second.id, other.id]);
    assert!(!nodes.renew(&first, LENGTH, NOW).await.expect("renew"));
    assert_eq!(live(&fixture.database, NOW).await, [second.id, other.id]);
}

async fn a_node_that_was_forgotten_comes_back(fixture: Fixture) {
    let nodes = fixture.database.nodes();
    let a = node("a");
    nodes.register(&a).await.expect("enter");
    assert_eq!(nodes.forget(after(10)).await.expect("forget"), 0);
    assert_eq!(nodes.forget(after(11)).await.expect("forget"), 1);
    assert!(nodes.renew(&a, LENGTH, after(12)).await.expect("renew"));
    assert_eq!(live(&fixture.database, after(21)).await, [a.id]);
}

async fn a_node_that_leaves_is_dead_at_once(fixture: Fixture) {
    let nodes = fixture.database.nodes();
    let a = node("a");
    nodes.register(&a).await.expect("enter");
    nodes.leave(a.id).await.expect("leave");
    nodes.leave(a.id).await.expect("again");
    assert_eq!(live(&fixture.database, NOW).await, []);
}

async fn transfers_of_dead_nodes_are_unattended(fixture: Fixture) {
    let (transfers, writer) = (fixture.database.transfers(), fixture.database.writer());
    let (alive, dead) = (node("a"), node("b"));
    for node in [&alive, &dead] {
        fixture
            .database
            .nodes()
            .register(node)
            .await
            .expect("enter");
    }
    let (mut on_alive, mut on_dead) = (intent("x"), intent("y"));
    on_alive.node = alive.id;
    on_dead.node = dead.id;
    for intent in [&on_alive, &on_dead] {
        writer.begin_intent(intent.clone()).await.expect("intent");
    }
    let none = transfers.unattended(after(9), NOW, None, 9).await;
    assert_eq!(none.expect("list"), []);
    let renewed = fixture
        .database
        .nodes()
        .renew(&alive, LENGTH, after(9))
        .await;
    assert!(renewed.expect("renew"));
    let left = transfers
        .unattended(after(10), NOW, None, 9)
        .await
        .expect("list");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].transfer.intent, on_dead);
    assert_eq!(left[0].transfer.epoch, 0);
}

async fn transfers_that_nobody_publishes_any_more_are_unattended(fixture: Fixture) {
    let (transfers, writer) = (fixture.database.transfers(), fixture.database.writer());
    let node = node("a");
    fixture
        .database
        .nodes()
        .register(&node)
        .await
        .expect("enter");
    let mut intent = intent("x");
    intent.node = node.id;
    writer.begin_intent(intent.clone()).await.expect("intent");
    let claim = writer
        .claim_publication(request_of(&intent))
        .await
        .expect("claim");
    assert!(matches!(claim, Claim::Granted(_)));
    let none = transfers.unattended(NOW, NOW, None, 9).await;
    assert_eq!(none.expect("list"), []);
    let left = transfers
        .unattended(NOW, after(1), None, 9)
        .await
        .expect("list");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].transfer.publishing, Some(NOW));
}

async fn an_installation_has_one_name(fixture: Fixture) {
    let again = fixture.open_again(database::Settings::default()).await;
    let again = again.expect("open");
    assert_eq!(again.installation(), fixture.database.installation());
}
