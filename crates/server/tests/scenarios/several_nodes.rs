//! Two nodes on one PostgreSQL and one bucket, behind a balancer.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use bytes::Bytes;
use testkit::balancer::{Backend, Balancer};
use testkit::client::{Session, Stop};
use testkit::dice::Dice;
use testkit::node::Node;
use testkit::proxy::Proxy;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::world::{Login, USER, World, aside, noise, started};

/// The stock OpenSSH client with these commands, to its end.
fn openssh(world: &World, address: SocketAddr, commands: &str) -> Output {
    let mut child = Command::new("sftp")
        .args(["-q", "-b", "-", "-P", &address.port().to_string(), "-i"])
        .arg(world.key_file())
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .args(["-o", "IdentitiesOnly=yes"])
        .arg(format!("{USER}@{}", address.ip()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("OpenSSH's client is installed");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(commands.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

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

fn backend(node: &Node) -> Backend {
    Backend {
        sftp: node.address(),
        admin: Some(node.admin()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_a_node_took_to_its_grave_is_resumed_on_another() {
    let world = std::sync::Arc::new(World::with_s3(true).await);
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
    let client = {
        let world = std::sync::Arc::clone(&world);
        tokio::task::spawn_blocking(move || openssh(&world, slow, &put))
    };
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    while proxy.counts().sent < 40 << 20 {
        looks.tick().await;
    }
    first.kill().expect("it runs");
    let cut = client.await.expect("it ends");
    assert!(!cut.status.success(), "the client noticed");
    assert_eq!(world.object("big.bin"), None, "nothing is visible");
    until_shown(&world, second.address(), "big.bin").await;
    let proxy = Proxy::start(second.address()).await.expect("a proxy");
    let (address, reput) = (
        proxy.address(),
        format!("reput {} big.bin\n", source.display()),
    );
    let client = {
        let world = std::sync::Arc::clone(&world);
        aside(move || openssh(&world, address, &reput))
    };
    let done = client.await;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "reput: {said}");
    assert_eq!(world.object("big.bin"), Some(content.clone()), "whole");
    assert_eq!(world.uploads_told().await.get("big.bin"), Some(&1));
    let again = proxy.counts().sent;
    assert!(
        again < content.len() as u64,
        "it was sent anew: {again} bytes"
    );
}

/// A whole file through an open handle, which is closed.
async fn send(session: &mut Session, handle: &Bytes, content: &Bytes) -> Result<(), Stop> {
    let block = |offset| {
        let begin = usize::try_from(offset).expect("it fits into memory");
        content.slice(begin..content.len().min(begin + (32 << 10)))
    };
    session
        .write(handle, 0, content.len() as u64, block)
        .await?;
    session.close(handle).await
}

/// Uploads until told to stop, always through the balancer; begins anew what broke off. Counts the
/// files, and how often a transfer was lost. A connection that is turned away, or ended while it
/// is quiet, carries none: it is made again, as clients do.
async fn keep_uploading(
    login: Login,
    address: SocketAddr,
    name: String,
    mut dice: Dice,
    stop: CancellationToken,
) -> (Vec<(String, Bytes)>, usize) {
    let (mut done, mut lost) = (Vec::new(), 0);
    while !stop.is_cancelled() {
        let path = format!("{name}-{}", done.len());
        let size = dice.below(6 << 20);
        let content = noise(&mut dice, size);
        loop {
            let opened = async {
                let mut session = login.try_session(address).await?;
                let handle = session.create(&path, true).await?;
                Ok((session, handle))
            };
            let (mut session, handle) = match opened.await {
                Ok(opened) => opened,
                Err(Stop::Cut) => continue,
                Err(stop) => panic!("{path}: {stop}"),
            };
            match send(&mut session, &handle, &content).await {
                Ok(()) => break,
                Err(Stop::Cut) => lost += 1,
                Err(stop) => panic!("{path}: {stop}"),
            }
        }
        done.push((path, content));
    }
    (done, lost)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_fails_no_transfer() {
    let world = World::with_s3(true).await;
    // The balancer asks twenty times a second, where the machine lets it.
    let settings = "drain.delay = \"3s\"\ndrain.deadline = \"90s\"";
    let mut nodes = Vec::new();
    for _ in 0..2 {
        nodes.push(started(world.node(settings)).await);
    }
    let backends: Vec<_> = nodes.iter().map(backend).collect();
    let balancer = Balancer::start(&backends).await.expect("a balancer");
    let stop = CancellationToken::new();
    let mut dice = Dice::seeded(4);
    let mut work = JoinSet::new();
    for number in 0..3 {
        let (login, dice) = (world.credential(), dice.fork());
        let (address, stop) = (balancer.address(), stop.clone());
        work.spawn(keep_uploading(
            login,
            address,
            format!("c{number}"),
            dice,
            stop,
        ));
    }
    for number in 0..nodes.len() {
        balancer.until_ready(number, true).await;
        let mut node = nodes.remove(number);
        node.terminate().expect("it runs");
        balancer.until_ready(number, false).await;
        let restarted = aside(move || {
            let status = node.wait().expect("it ends");
            assert!(status.success(), "it drains in order: {status}");
            node.start().expect("it starts again");
            node
        });
        nodes.insert(number, restarted.await);
        balancer.until_ready(number, true).await;
    }
    stop.cancel();
    let mut files = 0;
    for (done, lost) in work.join_all().await {
        assert_eq!(lost, 0, "no transfer fails within the drain deadline");
        for (path, content) in done {
            assert_eq!(world.object(&path), Some(content), "{path}");
            files += 1;
        }
    }
    assert!(files > 0, "the load was none");
    let told = world.uploads_told().await;
    assert!(
        told.values().all(|count| *count == 1),
        "one event each: {told:?}"
    );
    assert_eq!(told.len(), files);
}
