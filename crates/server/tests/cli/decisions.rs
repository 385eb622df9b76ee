//! What the guard and the counts of connections decide is in the metrics and in the audit log, each.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use database::{AuditEntry, Database, DatabaseUrl};
use model::Timestamp;
use rustix::process::Signal;
use ssh::{HostKey, HostKeyAlgorithm};
use testkit::client::{Client, Credential};

use crate::nodes::{PASSWORD, add_user};
use crate::served::{Served, write_config};

const SILENT: u8 = 9;
const HASTY: u8 = 10;
const STRANGER: u8 = 11;
const PARTNER: u8 = 12;

/// One connection without a login from each address, and three in an hour; one attempt in an hour
/// under a name, by strangers, before the next ones wait.
const SFTP: &str = "startups_per_address = 1\n";
const DEFENCE: &str = "[defence]\nexempt = []\ntarpit = \"0ms\"\nconnection_burst = 3\n\
                       connection_every = \"1h\"\nattempt_burst = 1\nattempt_every = \"1h\"\n\
                       patience = \"10ms\"\n";

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

/// A connection from an address of loopback.
fn connect(node: &Served, from: u8) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let bound = SocketAddr::new(address(from), 0);
    socket.bind(&bound.into()).expect("loopback");
    socket.connect(&node.sftp.into()).expect("it listens");
    let tcp = TcpStream::from(socket);
    let deadline = Some(Duration::from_secs(30));
    tcp.set_read_timeout(deadline).expect("set");
    tcp
}

/// Whether SSH is spoken to it; it is closed otherwise.
fn is_greeted(tcp: &mut TcpStream) -> bool {
    let mut greeting = [0; 8];
    tcp.read_exact(&mut greeting).is_ok() && &greeting == b"SSH-2.0-"
}

/// Which of these logins succeed, tried on one connection.
async fn log_in<const N: usize>(
    node: &Served,
    from: u8,
    tried: [(&str, &Credential); N],
) -> [bool; N] {
    let client = Client::connect_from(address(from), node.sftp).await;
    let mut client = client.expect("connected");
    let mut succeeded = [false; N];
    for ((name, credential), succeeded) in tried.into_iter().zip(&mut succeeded) {
        let answer = client.log_in(name, credential).await;
        *succeeded = answer.expect("answered");
    }
    succeeded
}

fn key() -> Credential {
    let key = HostKey::generate(HostKeyAlgorithm::Ed25519).expect("a key");
    let text = key.to_openssh().expect("encoded");
    let key = russh::keys::decode_secret_key(text.expose(), None).expect("a key");
    Credential::Key(Arc::new(key))
}

async fn rows(folder: &Path) -> Vec<AuditEntry> {
    let file = folder.join("data/pierhead.db");
    let url = DatabaseUrl::parse(&format!("sqlite://{}", file.display())).expect("a URL");
    let database = Database::open(&url, database::Settings::default()).await;
    let database = database.expect("it opens");
    let since = Timestamp::from_seconds(0);
    let rows = database.audit().since(since, 1000).await.expect("read");
    database.close().await;
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn every_decision_is_a_metric_and_an_audit_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write_config(folder.path(), SFTP, DEFENCE);
    let node = Served::start(&config);
    add_user(config.to_str().expect("UTF-8"), "acme");
    let password = Credential::password(PASSWORD);
    tokio::task::block_in_place(|| {
        let mut silent = connect(&node, SILENT);
        assert!(is_greeted(&mut silent));
        assert!(!is_greeted(&mut connect(&node, SILENT)), "one has no login");
        for _ in 0..3 {
            drop(connect(&node, HASTY));
        }
        assert!(!is_greeted(&mut connect(&node, HASTY)), "too often");
    });
    let (key, wrong) = (key(), Credential::password("wrong"));
    let tried = [("root", &key), ("root", &password), ("acme", &wrong)];
    assert_eq!(log_in(&node, STRANGER, tried).await, [false; 3]);
    // The second stranger's attempt waits; he is right all the same.
    let tried = [("acme", &password)];
    assert_eq!(log_in(&node, PARTNER, tried).await, [true]);

    let (_, page) = node.get("/metrics").expect("metrics");
    let value = |stage: &str, decision: &str| {
        let labels = format!("{{stage=\"{stage}\",decision=\"{decision}\"}} ");
        let series = format!("pierhead_defence_decisions_total{labels}");
        let found = page.lines().find_map(|line| line.strip_prefix(&series));
        found.map_or(0.0, |count| count.parse().expect("a number"))
    };
    for (stage, decision, least) in [
        ("connection", "proceed", 5.0),
        ("connection", "too_often", 1.0),
        ("admission", "startups_of_address", 1.0),
        ("offer", "denied_name", 1.0),
        ("attempt", "denied_name", 1.0),
        ("attempt", "proceed", 1.0),
        ("attempt", "slowed", 1.0),
        ("offence", "denied_name", 1.0),
    ] {
        let count = value(stage, decision);
        assert!(count >= least, "{stage} {decision}: {count}\n{page}");
    }
    node.signal(Signal::TERM);
    assert!(node.wait().success());
    let rows = rows(folder.path()).await;
    for (action, from, method, reason) in [
        ("login_refused", SILENT, "connection", "startups_of_address"),
        ("login_refused", HASTY, "connection", "too_often"),
        ("login_refused", STRANGER, "publickey", "denied_name"),
        ("login_refused", STRANGER, "password", "denied_name"),
        ("login_refused", STRANGER, "password", "wrong_password"),
        ("login_slowed", PARTNER, "password", "too_many_attempts"),
        ("login", PARTNER, "password", "success"),
    ] {
        let found = rows.iter().filter(|row| {
            let said = (&row.detail["method"], &row.detail["reason"]);
            row.action == action
                && row.address == Some(address(from))
                && (said.0 == method && said.1 == reason)
        });
        let what = format!("{action} {from} {method} {reason} in {rows:#?}");
        assert_eq!(found.count(), 1, "{what}");
    }
}
