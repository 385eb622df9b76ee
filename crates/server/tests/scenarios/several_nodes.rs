//! Two nodes on one PostgreSQL and one bucket, behind a balancer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sftp::{Reply, StatusCode, Write};
use testkit::dice::Dice;
use testkit::proxy::Proxy;
use testkit::s3::{Effect, Fault};
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::load::Load;
use crate::openssh::OpenSsh;
use crate::world::{Login, World, noise, started};

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

/// Uploads `content` pipelined until the connection ends, and says how much of it was answered.
async fn put_until_cut(login: Login, address: SocketAddr, content: Bytes, told: Arc<AtomicU64>) {
    const PIPELINE: usize = 64;
    let mut session = login.session(address).await;
    let handle = session.create("big.bin", true).await.expect("opened");
    let sftp = session.sftp();
    let (mut sent, mut waiting) = (0, VecDeque::new());
    loop {
        while waiting.len() < PIPELINE && sent < content.len() {
            let end = content.len().min(sent + (32 << 10));
            let write = Write {
                handle: handle.clone(),
                offset: sent as u64,
                data: content.slice(sent..end),
            };
            let id = sftp.fresh_id();
            if sftp.send_write(id, &write).await.is_err() {
                return;
            }
            waiting.push_back((id, end as u64));
            sent = end;
        }
        let Ok((id, reply)) = sftp.reply().await else {
            return;
        };
        let (asked, end) = waiting.pop_front().expect("no more replies than requests");
        assert_eq!(id, asked, "in order");
        let ok = matches!(&reply, Reply::Status(status) if status.code == StatusCode::Ok);
        assert!(ok, "{reply:?}");
        told.store(end, Ordering::SeqCst);
    }
}

/// Of what clients were told is taken, a node that is killed takes 16 MiB to its grave at most, how
/// ever slow the store is and however much memory there is for uploads.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_loses_little_of_what_it_acknowledged() {
    let world = World::with_s3(true).await;
    let mut first = started(world.node("")).await;
    let second = started(world.node("")).await;
    let slow = Effect::Latency(Duration::from_millis(300));
    world.s3().break_with(Fault::new(slow).on("UploadPart"));
    let content = noise(&mut Dice::seeded(26), 200 << 20);
    let answered = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&answered);
    let mut client = JoinSet::new();
    client.spawn(put_until_cut(
        world.credential(),
        first.address(),
        content.clone(),
        told,
    ));
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    while answered.load(Ordering::SeqCst) < 100 << 20 {
        looks.tick().await;
        assert!(client.try_join_next().is_none(), "it ended by itself");
    }
    first.kill().expect("it runs");
    client.join_next().await.expect("one").expect("no panic");
    world.s3().repair();
    let answered = answered.load(Ordering::SeqCst);
    until_shown(&world, second.address(), "big.bin").await;
    let mut session = world.session(second.address()).await;
    let safe = session.stat("big.bin").await.expect("answered");
    let safe = safe.and_then(|found| found.size).expect("it has a size");
    let lost = answered.saturating_sub(safe);
    assert!(lost <= 16 << 20, "{lost} of {answered} bytes are lost");

    let handle = session
        .create("big.bin", false)
        .await
        .expect("gone on with");
    let block = |offset| {
        let begin = usize::try_from(offset).expect("small");
        content.slice(begin..content.len().min(begin + (32 << 10)))
    };
    let len = content.len() as u64;
    let written = session.write(&handle, safe, len, block).await;
    written.expect("taken");
    session.close(&handle).await.expect("published");
    assert_eq!(world.object("big.bin"), Some(content));
}

/// The client has one address, the balancer's, and does not know which node has him.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_a_node_took_to_its_grave_is_resumed_on_another() {
    let mut cluster = Cluster::new("").await;
    let world = Arc::clone(&cluster.world);
    let content = noise(&mut Dice::seeded(3), 64 << 20);
    let source = world.folder().join("big.bin");
    std::fs::write(&source, &content).expect("written");
    // Slow enough to die in the middle of it.
    let line = Proxy::start(cluster.address()).await.expect("a proxy");
    line.set_bandwidth(Some(24 << 20));
    let (address, openssh) = (line.address(), OpenSsh::of(&world));
    let put = format!("put {} big.bin\n", source.display());
    let mut client = JoinSet::new();
    let uploading = openssh.clone();
    client.spawn(async move { uploading.run(address, &put).await });
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    while line.counts().sent < 40 << 20 {
        looks.tick().await;
    }
    // The client does not come to its end before the node does.
    line.swallow(true);
    let given = cluster.connections();
    assert_eq!(given.iter().sum::<u64>(), 1, "one node has him: {given:?}");
    let first = given.iter().position(|count| *count == 1).expect("one");
    cluster.kill(first).await;
    line.swallow(false);
    let cut = client.join_next().await.expect("one").expect("it ends");
    assert!(!cut.status.success(), "the client noticed");
    assert_eq!(world.object("big.bin"), None, "nothing is visible");
    until_shown(&world, cluster.address(), "big.bin").await;
    line.set_bandwidth(None);
    let (sent, second) = (line.counts().sent, 1 - first);
    let before = cluster.connections()[second];
    let reput = format!("reput {} big.bin\n", source.display());
    openssh.succeeds(address, &reput).await;
    let after = cluster.connections();
    assert_eq!((after[first], after[second]), (1, before + 1));
    assert_eq!(world.object("big.bin"), Some(content.clone()), "whole");
    assert_eq!(world.uploads_told().await.get("big.bin"), Some(&1));
    let again = line.counts().sent - sent;
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
