//! The database goes away under load and comes back at another place.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use bytes::Bytes;
use database::{Database, DatabaseUrl};
use model::Timestamp;
use rustix::process::Signal;
use sftp::{Attributes, OpenFlags, Reply, Request, StatusCode};
use testkit::client::Sftp;
use testkit::postgres::Postmaster;
use testkit::proxy::Proxy;

use crate::node::{run, run_with_input};
use crate::nodes::{add_user, client, key, upload};
use crate::served::{Served, write_config};

const PIECE: usize = 32_000;
/// Between two looks, and how long one looks: a node tries to tell what it has every half minute.
const LOOK: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(120);

async fn open(channel: &mut Sftp, name: &str, flags: OpenFlags) -> Bytes {
    let opened = channel.open(name, flags, Attributes::default()).await;
    opened.expect("a handle")
}

async fn close(channel: &mut Sftp, handle: Bytes) -> StatusCode {
    let closed = channel.status(&Request::Close { handle }).await;
    closed.expect("answered").code
}

async fn read(channel: &mut Sftp, handle: &Bytes, offset: usize) -> Bytes {
    let request = Request::Read {
        handle: handle.clone(),
        offset: offset as u64,
        length: u32::try_from(PIECE).expect("small"),
    };
    match channel.call(&request).await.expect("answered") {
        Reply::Data(data) => data,
        other => panic!("{other:?}"),
    }
}

/// OpenSSH's own client, as a person starts it, with a key. (With `-b` it has no other method to go
/// on with, and leaves before it is told why.)
fn openssh(node: &Served, key: &Path) -> Output {
    Command::new("sftp")
        .args(["-P", &node.sftp.port().to_string(), "-i"])
        .arg(key)
        .args(["-F", "/dev/null"])
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .args(["-o", "IdentitiesOnly=yes", "ann@127.0.0.1"])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("sftp is installed")
}

fn add_key(config: &str, file: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(file)
        .status();
    assert!(made.expect("ssh-keygen is installed").success());
    let public = std::fs::read_to_string(file.with_extension("pub")).expect("made");
    let arguments = ["user", "key", "add", "ann", "-", "--config", config];
    let (ok, _, err) = run_with_input(&arguments, &public);
    assert!(ok, "{err}");
}

/// Waits until the intent of an upload is on record.
async fn until_begun(url: &str) {
    let url = DatabaseUrl::parse(url).expect("a URL");
    let database = Database::open(&url, database::Settings::default()).await;
    let database = database.expect("it answers");
    let any_time = Timestamp::from_seconds(i64::from(u32::MAX));
    let mut looks = tokio::time::interval(LOOK);
    let look = async {
        let transfers = database.transfers();
        while transfers
            .unfinished(any_time, 1)
            .await
            .expect("it answers")
            .is_empty()
        {
            looks.tick().await;
        }
    };
    let begun = tokio::time::timeout(PATIENCE, look).await;
    assert!(begun.is_ok(), "no upload is on record");
    database.close().await;
}

/// Waits until a path shows so many safe bytes: the node that has them tells the database when
/// that answers again.
async fn until_safe(channel: &mut Sftp, path: &str, size: u64) {
    let path = Bytes::copy_from_slice(path.as_bytes());
    let mut looks = tokio::time::interval(LOOK);
    let look = async {
        loop {
            let stat = Request::Stat { path: path.clone() };
            match channel.call(&stat).await.expect("answered") {
                Reply::Attributes(shown) if shown.size == Some(size) => return,
                _ => looks.tick().await,
            };
        }
    };
    let shown = tokio::time::timeout(PATIENCE, look).await;
    assert!(shown.is_ok(), "{path:?} does not show {size} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_go_on_logins_are_refused_and_a_failed_close_is_resumed_elsewhere() {
    let mut server = Postmaster::start();
    let proxy = Proxy::start(server.address()).await.expect("started");
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects");
    let more = format!(
        "[database]\nurl = {:?}\nwrite_deadline = \"2s\"\n[storage.local]\nroot = {objects:?}\n\
         [secrets]\nsealing_key = {:?}\n",
        server.url_at(proxy.address()),
        key('A'),
    );
    let config = write_config(&folder.path().join("a"), "", &more);
    let node = Served::start(&config);
    let neighbour = Served::start(&write_config(&folder.path().join("b"), "", &more));
    let config = config.to_str().unwrap();
    add_user(config, "ann");
    let private = folder.path().join("id");
    add_key(config, &private);
    assert!(
        openssh(&node, &private).status.success(),
        "while all is well"
    );
    let (one, other) = (client(&node, "ann").await, client(&node, "ann").await);
    let mut down = one.sftp().await.expect("sftp");
    let mut up = other.sftp().await.expect("sftp");
    upload(&mut up, "acknowledged").await;
    let big: Vec<u8> = (0..200 * PIECE).map(|n| (n / 7) as u8).collect();
    let big_path = objects.join("files/ann/big");
    std::fs::write(&big_path, &big).expect("written");
    let reading = open(&mut down, "big", OpenFlags::READ).await;
    let mut got = read(&mut down, &reading, 0).await.to_vec();
    let writing = open(&mut up, "f", OpenFlags::WRITE | OpenFlags::CREATE).await;
    up.write(&writing, 0, "half").await.expect("taken");
    until_begun(&server.url_at(server.address())).await;

    server.kill();
    while got.len() < big.len() {
        got.extend(read(&mut down, &reading, got.len()).await);
    }
    assert!(got == big, "the download is whole");
    let begun = Instant::now();
    let refused = openssh(&node, &private);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(said.contains("the service is out of order"), "{said}");
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    let begun = Instant::now();
    assert_ne!(close(&mut up, writing).await, StatusCode::Ok);
    assert!(
        begun.elapsed() < Duration::from_secs(40),
        "{:?}",
        begun.elapsed()
    );
    let (status, reason) = node.get("/readyz").unwrap();
    assert!(
        status.contains("503") && reason.starts_with("database"),
        "{reason}"
    );

    server.start_elsewhere();
    proxy.switch_to(server.address());
    assert!(openssh(&node, &private).status.success(), "it is back");
    let third = client(&node, "ann").await;
    let mut channel = third.sftp().await.expect("sftp");
    let handle = open(&mut channel, "acknowledged", OpenFlags::READ).await;
    let bytes = read(&mut channel, &handle, 0).await;
    assert_eq!(bytes, "acknowledged", "nothing acknowledged is lost");
    let elsewhere = client(&neighbour, "ann").await;
    let mut there = elsewhere.sftp().await.expect("sftp");
    until_safe(&mut there, "f", 4).await;
    assert!(!objects.join("files/ann/f").exists(), "for her alone");
    let writing = open(&mut there, "f", OpenFlags::WRITE | OpenFlags::CREATE).await;
    there.write(&writing, 4, " and half").await.expect("taken");
    assert_eq!(close(&mut there, writing).await, StatusCode::Ok);
    let whole = std::fs::read(objects.join("files/ann/f")).unwrap();
    assert_eq!(whole, b"half and half");
    upload(&mut channel, "f").await;
    assert_eq!(std::fs::read(objects.join("files/ann/f")).unwrap(), b"f");
    let (ok, list, err) = run(&["user", "list", "--config", config]);
    assert!(ok && list.contains("ann"), "{err}");
    drop((one, other, third, elsewhere, up, down, channel, there));
    for node in [node, neighbour] {
        node.signal(Signal::TERM);
        assert!(node.wait().success());
    }
}
