//! Two nodes on one PostgreSQL: neither has anything that the other lacks.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use rustix::process::Signal;
use ssh::{HostKey, HostKeyAlgorithm};
use testkit::client::{Client, Credential};
use testkit::postgres::TestDatabase;

use crate::node::{run, run_with_input};
use crate::served::{Served, write_config};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// What identical nodes are told.
struct Cluster {
    folder: tempfile::TempDir,
    database: TestDatabase,
}

impl Cluster {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            database: TestDatabase::new(),
        }
    }

    /// The configuration of a node, with this in front of its `[secrets]`.
    fn config(&self, name: &str, sealing_key: &str) -> PathBuf {
        let objects = self.folder.path().join("objects");
        let more = format!(
            "[database]\nurl = {:?}\n[storage.local]\nroot = {objects:?}\n\
             [secrets]\nsealing_key = {sealing_key:?}\n",
            self.database.url(),
        );
        write_config(&self.folder.path().join(name), "", &more)
    }
}

/// 32 bytes, all alike, in base64.
pub(crate) fn key(letter: char) -> String {
    format!("{}A=", String::from(letter).repeat(42))
}

/// The host keys that are shown at an address.
pub(crate) fn host_keys(node: &Served) -> Vec<String> {
    let port = node.sftp.port().to_string();
    let scanned = Command::new("ssh-keyscan")
        .args(["-p", &port, "127.0.0.1"])
        .output()
        .expect("ssh-keyscan is installed");
    let text = String::from_utf8(scanned.stdout).expect("UTF-8");
    let keys = text.lines().filter_map(|line| line.split_once(' '));
    let mut keys: Vec<String> = keys.map(|(_, key)| key.to_owned()).collect();
    keys.sort();
    keys
}

#[test]
fn all_nodes_show_the_same_host_keys_and_one_without_their_key_does_not_start() {
    let cluster = Cluster::new();
    let first = Served::start(&cluster.config("a", &key('A')));
    let second = Served::start(&cluster.config("b", &key('A')));
    let shown = host_keys(&first);
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert_eq!(shown, host_keys(&second));
    for (name, sealing_key, why) in [
        ("c", key('B'), "the configured sealing key does not open it"),
        ("d", String::new(), "no sealing key is configured"),
    ] {
        let config = cluster.config(name, &sealing_key);
        let (ok, _, err) = run(&["serve", "--config", config.to_str().unwrap()]);
        assert!(!ok && err.contains(why), "{err}");
        assert!(err.contains("read the host keys"), "{err}");
    }
    for node in [first, second] {
        node.signal(Signal::TERM);
        assert!(node.wait().success());
    }
}

pub(crate) fn add_user(config: &str, name: &str) {
    let home = format!("/files/{name}");
    let arguments = [
        "user",
        "add",
        name,
        "--home",
        &home,
        "--password-stdin",
        "--config",
        config,
    ];
    let (ok, _, err) = run_with_input(&arguments, &format!("{PASSWORD}\n"));
    assert!(ok, "{err}");
}

pub(crate) async fn client(node: &Served, name: &str) -> Client {
    let credential = Credential::password(PASSWORD);
    let client = Client::connect(node.sftp, name, &credential).await;
    client.expect("logged in")
}

/// A next version's migration, made up: what it adds is none of this version's business.
fn next_version() -> database::Settings {
    let script = "ALTER TABLE transfers ADD COLUMN made_up TEXT; \
                  ALTER TABLE users ADD COLUMN made_up BIGINT NOT NULL DEFAULT 0";
    database::Settings {
        next_migrations: vec![database::NextMigration {
            script: script.to_owned(),
            compatible_from: Some(database::schema_version()),
        }],
        ..database::Settings::default()
    }
}

/// An upgrade, node by node: the first node of the next version migrates while this one's serve,
/// and one of them restarts.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_go_on_while_a_newer_one_migrates() {
    let cluster = Cluster::new();
    let a = cluster.config("a", &key('A'));
    let first = Served::start(&a);
    add_user(a.to_str().unwrap(), "ann");
    let anns = client(&first, "ann").await;
    let mut ann = anns.sftp().await.expect("sftp");
    upload(&mut ann, "before").await;
    let flags = sftp::OpenFlags::WRITE | sftp::OpenFlags::CREATE;
    let handle = ann.open("across", flags, sftp::Attributes::default()).await;
    let handle = handle.expect("a handle");
    ann.write(&handle, 0, "bytes").await.expect("taken");

    let url = database::DatabaseUrl::parse(cluster.database.url()).expect("a URL");
    let newer = database::Database::open(&url, next_version()).await;
    let newer = newer.expect("migrated");
    let closed = ann.status(&sftp::Request::Close { handle }).await;
    assert_eq!(closed.expect("answered").code, sftp::StatusCode::Ok);
    upload(&mut ann, "after").await;
    let second = Served::start(&cluster.config("b", &key('A')));
    let again = client(&second, "ann").await;
    upload(&mut again.sftp().await.expect("sftp"), "restarted").await;
    newer.close().await;
    drop((anns, ann, again));
    for node in [first, second] {
        node.signal(Signal::TERM);
        assert!(node.wait().success());
    }
}

/// A whole upload, acknowledged.
pub(crate) async fn upload(channel: &mut testkit::client::Sftp, name: &str) {
    let flags = sftp::OpenFlags::WRITE | sftp::OpenFlags::CREATE | sftp::OpenFlags::TRUNCATE;
    let handle = channel.open(name, flags, sftp::Attributes::default()).await;
    let handle = handle.expect("a handle");
    channel
        .write(&handle, 0, name.to_owned())
        .await
        .expect("taken");
    let closed = channel.status(&sftp::Request::Close { handle }).await;
    assert_eq!(
        closed.expect("answered").code,
        sftp::StatusCode::Ok,
        "{name}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_through_one_node_is_out_of_all() {
    let cluster = Cluster::new();
    let (a, b) = (
        cluster.config("a", &key('A')),
        cluster.config("b", &key('A')),
    );
    let (first, second) = (Served::start(&a), Served::start(&b));
    let config = a.to_str().unwrap();
    add_user(config, "ann");
    add_user(config, "ben");
    let (anns, bens) = (client(&second, "ann").await, client(&second, "ben").await);
    let mut ann = anns.sftp().await.expect("sftp");
    let mut ben = bens.sftp().await.expect("sftp");
    let flags = sftp::OpenFlags::WRITE | sftp::OpenFlags::CREATE;
    let attributes = sftp::Attributes::default();
    let handle = ann.open("f", flags, attributes).await.expect("a handle");
    ann.write(&handle, 0, "bytes").await.expect("taken");

    let (ok, _, err) = run(&["user", "disable", "ann", "--config", config]);
    assert!(ok, "{err}");
    ann.reply().await.expect_err("her connection ends");
    let revoked = second.wait_for("session revoked");
    assert_eq!(revoked["reason"], "your account was disabled");
    let object = cluster.folder.path().join("objects/files/ann/f");
    assert!(!object.exists(), "what she had not closed is not published");
    let credential = Credential::password(PASSWORD);
    let again = Client::connect(second.sftp, "ann", &credential).await;
    assert!(again.is_err(), "nor does she get in");
    let handle = ben.open("f", flags, sftp::Attributes::default()).await;
    let handle = handle.expect("ben is not concerned");
    let closed = ben.status(&sftp::Request::Close { handle }).await;
    assert_eq!(closed.expect("answered").code, sftp::StatusCode::Ok);
    drop((bens, ben));
    for node in [first, second] {
        node.signal(Signal::TERM);
        assert!(node.wait().success());
    }
}

/// A key that is taken away through one node ends what was opened with it on another, and nothing
/// that was opened with something else.
#[tokio::test(flavor = "multi_thread")]
async fn whose_key_is_removed_through_one_node_is_out_of_all() {
    let cluster = Cluster::new();
    let (a, b) = (
        cluster.config("a", &key('A')),
        cluster.config("b", &key('A')),
    );
    let (first, second) = (Served::start(&a), Served::start(&b));
    let config = a.to_str().unwrap();
    add_user(config, "ann");
    let made = HostKey::generate(HostKeyAlgorithm::Ed25519).expect("a key");
    let private = made.to_openssh().expect("encoded");
    let private = russh::keys::decode_secret_key(private.expose(), None).expect("a key");
    let public = private.public_key().to_openssh().expect("encoded");
    let add = ["user", "key", "add", "ann", "-", "--config", config];
    let (ok, added, err) = run_with_input(&add, &public);
    assert!(ok, "{err}");
    let fingerprint = added.split_whitespace().nth(2).expect("a fingerprint");

    let credential = Credential::Key(Arc::new(private));
    let keys = Client::connect(second.sftp, "ann", &credential).await;
    let keys = keys.expect("logged in by key");
    let mut by_key = keys.sftp().await.expect("sftp");
    let passwords = client(&second, "ann").await;
    let mut by_password = passwords.sftp().await.expect("sftp");
    upload(&mut by_key, "before").await;
    let remove = ["user", "key", "remove", "ann", fingerprint];
    let (ok, _, err) = run(&[&remove[..], &["--config", config]].concat());
    assert!(ok, "{err}");
    by_key.reply().await.expect_err("the connection ends");
    let revoked = second.wait_for("session revoked");
    assert_eq!(revoked["reason"], "the key you logged in with was removed");
    let again = Client::connect(second.sftp, "ann", &credential).await;
    assert!(again.is_err(), "nor does it let her in");
    upload(&mut by_password, "after").await;
    drop((keys, by_key, passwords, by_password));
    for node in [first, second] {
        node.signal(Signal::TERM);
        assert!(node.wait().success());
    }
}
