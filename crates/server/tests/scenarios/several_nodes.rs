//! Two nodes on one PostgreSQL and one bucket, behind a balancer.

use std::net::SocketAddr;
use std::time::Duration;

use testkit::dice::Dice;
use testkit::proxy::Proxy;
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::load::Load;
use crate::openssh::OpenSsh;
use crate::world::{World, noise, started};

/// Waits until a node shows its user a path: what a dead node had in hand is his again once its
/// lease has run out.
async fn until_shown(world: &World, address: SocketAddr, path: &str) {
    let mut session = world.session(address).await;
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    let look = async {
        while session.stat(path).await.expect("answered").is_none() {
            looks.tick().await;
        }
    };
    let shown = tokio::time::timeout(Duration::from_secs(30), look).await;
    assert!(shown.is_ok(), "{path} is not shown after 30 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_a_node_took_to_its_grave_is_resumed_on_another() {
    let world = World::with_s3(true).await;
    let mut first = started(world.node("")).await;
    let second = started(world.node("")).await;
    let content = noise(&mut Dice::seeded(3), 64 << 20);
    let source = world.folder().join("big.bin");
    std::fs::write(&source, &content).expect("written");
    // Slow enough to die in the middle of it.
    let proxy = Proxy::start(first.address()).await.expect("a proxy");
    proxy.set_bandwidth(Some(24 << 20));
    let (slow, put) = (
        proxy.address(),
        format!("put {} big.bin\n", source.display()),
    );
    let openssh = OpenSsh::of(&world);
    let mut client = JoinSet::new();
    let uploading = openssh.clone();
    client.spawn(async move { uploading.run(slow, &put).await });
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    while proxy.counts().sent < 40 << 20 {
        looks.tick().await;
    }
    first.kill().expect("it runs");
    let cut = client.join_next().await.expect("one").expect("it ends");
    assert!(!cut.status.success(), "the client noticed");
    assert_eq!(world.object("big.bin"), None, "nothing is visible");
    until_shown(&world, second.address(), "big.bin").await;
    let proxy = Proxy::start(second.address()).await.expect("a proxy");
    let (address, reput) = (
        proxy.address(),
        format!("reput {} big.bin\n", source.display()),
    );
    openssh.succeeds(address, &reput).await;
    assert_eq!(world.object("big.bin"), Some(content.clone()), "whole");
    assert_eq!(world.uploads_told().await.get("big.bin"), Some(&1));
    let again = proxy.counts().sent;
    assert!(
        again < content.len() as u64,
        "it was sent anew: {again} bytes"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_fails_no_transfer() {
    // The balancer asks twenty times a second, where the machine lets it.
    let settings = "drain.delay = \"3s\"\ndrain.deadline = \"90s\"";
    let mut cluster = Cluster::new(settings).await;
    let mut load = Load::start(&cluster.world, cluster.address(), 6 << 20, 4);
    for number in 0..cluster.size() {
        cluster.restart(number).await;
        load.goes_on().await;
    }
    load.end(&cluster.world).await;
}
