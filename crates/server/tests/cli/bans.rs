//! Who guesses is banned on every node, and partners go on meanwhile. OpenSSH's client guesses.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use testkit::client::{Client, Credential};
use testkit::postgres::TestDatabase;

use crate::node::{run, run_with_input};
use crate::nodes::{PASSWORD, add_user, key};
use crate::served::{Served, write_config};

/// How long a node may take to hear of something; it asks every second.
const HEARD: Duration = Duration::from_secs(30);

/// Loopback is watched here, and nobody is held back.
const DEFENCE: &str = "[defence]\nexempt = []\nforgiven_every = \"1h\"\ntarpit = \"0ms\"\n\
                       patience = \"0ms\"\n";

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

/// Whether SSH is spoken to an address of loopback.
fn greets(node: &Served, from: u8) -> bool {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let bound = SocketAddr::new(address(from), 0);
    socket.bind(&bound.into()).expect("loopback");
    socket.connect(&node.sftp.into()).expect("it listens");
    let mut tcp = std::net::TcpStream::from(socket);
    tcp.set_read_timeout(Some(HEARD)).expect("set");
    let mut greeting = [0; 8];
    tcp.read_exact(&mut greeting).is_ok() && &greeting == b"SSH-2.0-"
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < HEARD, "{what}: not within {HEARD:?}");
        std::thread::yield_now();
    }
}

fn bans(config: &str) -> Vec<Value> {
    let (ok, out, err) = run(&["ban", "list", "--json", "--config", config]);
    assert!(ok, "{err}");
    serde_json::from_str(&out).expect("a list")
}

/// A program that answers with another password each time it is asked.
fn guesses(folder: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let program = folder.join("guesses");
    std::fs::write(&program, "#!/bin/sh\ndate +guess-%s-%N\n").expect("written");
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&program, mode).expect("set");
    program
}

/// OpenSSH's client as a bot: three passwords under a name.
fn openssh_guesses(node: &Served, from: u8, name: &str, program: &Path) {
    let status = Command::new("ssh")
        .args(["-F", "/dev/null", "-p", &node.sftp.port().to_string()])
        .args(["-b", &address(from).to_string(), "-o", "LogLevel=QUIET"])
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .args(["-o", "PreferredAuthentications=password"])
        .args(["-o", "NumberOfPasswordPrompts=3"])
        .arg(format!("{name}@127.0.0.1"))
        .arg("true")
        .env("SSH_ASKPASS", program)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("OpenSSH's client is installed");
    assert!(!status.success());
}

async fn log_in(node: &Served, from: u8, name: &str) -> bool {
    let Ok(mut client) = Client::connect_from(address(from), node.sftp).await else {
        return false;
    };
    let password = Credential::password(PASSWORD);
    client.log_in(name, &password).await.unwrap_or(false)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_earned_on_one_node_holds_on_the_other_and_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = TestDatabase::new();
    let objects = folder.path().join("objects");
    let more = format!(
        "{DEFENCE}[database]\nurl = {:?}\n[storage.local]\nroot = {objects:?}\n\
         [secrets]\nsealing_key = {:?}\n",
        database.url(),
        key('A'),
    );
    let configs = ["a", "b"].map(|name| write_config(&folder.path().join(name), "", &more));
    let config = configs[0].to_str().expect("UTF-8");
    let (first, second) = (Served::start(&configs[0]), Served::start(&configs[1]));
    add_user(config, "acme");
    let program = guesses(folder.path());
    for round in 0..20 {
        if !greets(&first, 9) {
            break;
        }
        openssh_guesses(&first, 9, &format!("user{round}x"), &program);
        assert!(
            log_in(&first, 8, "acme").await,
            "a partner gets in meanwhile"
        );
    }
    assert!(!greets(&first, 9), "never banned");
    wait_until("the other node hears of it", || !greets(&second, 9));
    assert!(log_in(&second, 8, "acme").await);
    let listed = bans(config);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["network"], "127.0.0.9/32");
    assert_eq!(listed[0]["reason"], "refused_logins");
    assert_eq!(listed[0]["by"], Value::Null);

    first.signal(Signal::TERM);
    assert!(first.wait().success());
    let first = Served::start(&configs[0]);
    assert!(!greets(&first, 9), "a restart forgets no ban");

    let (ok, _, err) = run(&["ban", "remove", "127.0.0.9", "--config", config]);
    assert!(ok, "{err}");
    for node in [&first, &second] {
        wait_until("the ban is lifted", || greets(node, 9));
    }
    assert_eq!(bans(config).len(), 0);
    for node in [first, second] {
        node.signal(Signal::TERM);
        assert!(node.wait().success());
    }
}

/// The addresses that events of bans name.
async fn events_of_bans(folder: &Path) -> Vec<IpAddr> {
    let file = folder.join("data/pierhead.db");
    let url = format!("sqlite://{}", file.display());
    let url = database::DatabaseUrl::parse(&url).expect("a URL");
    let database = database::Database::open(&url, database::Settings::default()).await;
    let database = database.expect("it opens");
    let since = model::Timestamp::from_seconds(0);
    let events = database.events().since(since, 1000).await.expect("read");
    database.close().await;
    let bans = events
        .into_iter()
        .filter(|stored| stored.event.kind == model::EventKind::Ban);
    bans.filter_map(|stored| stored.event.client_address)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_keep_a_network_out_and_end_what_it_has_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write_config(folder.path(), "", DEFENCE);
    let node = Served::start(&config);
    let config = config.to_str().expect("UTF-8");
    add_user(config, "acme");
    let mut client = Client::connect_from(address(9), node.sftp)
        .await
        .expect("connected");
    let password = Credential::password(PASSWORD);
    assert!(client.log_in("acme", &password).await.expect("answered"));
    let mut sftp = client.sftp().await.expect("sftp");
    let ban = [
        "ban",
        "add",
        "127.0.0.8/30",
        "--for",
        "2h",
        "--reason",
        "it scans",
    ];
    let (ok, out, err) = run(&[&ban[..], &["--config", config]].concat());
    assert!(ok && out.contains("banned 127.0.0.8/30"), "{out}{err}");
    sftp.reply().await.expect_err("what is open ends");
    assert!(!greets(&node, 9) && !greets(&node, 11) && greets(&node, 12));
    let (_, out, _) = run(&["ban", "list", "--config", config]);
    assert!(
        out.contains("127.0.0.8/30") && out.contains("it scans"),
        "{out}"
    );
    assert_eq!(events_of_bans(folder.path()).await, [address(8)]);
    for (network, why) in [
        ("127.0.0.9", "it lies in 127.0.0.8/30"),
        ("192.0.2.1", "is not banned"),
        ("acme", "neither an address nor a network"),
    ] {
        let (ok, _, err) = run(&["ban", "remove", network, "--config", config]);
        assert!(!ok && err.contains(why), "{err}");
    }
    let (ok, _, err) = run(&["ban", "remove", "127.0.0.8/30", "--config", config]);
    assert!(ok, "{err}");
    wait_until("the ban is lifted", || greets(&node, 9));
    node.signal(Signal::TERM);
    assert!(node.wait().success());
}

#[test]
fn what_could_keep_nobody_out_or_everybody_is_not_banned() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write_config(folder.path(), "", "");
    let config = config.to_str().expect("UTF-8");
    for (network, why) in [
        ("127.0.0.1", "is exempt (defence.exempt)"),
        ("0.0.0.0/0", "would keep out everybody"),
        ("192.0.2.1/24", "192.0.2.0/24 or 192.0.2.1"),
    ] {
        let (ok, _, err) = run(&["ban", "add", network, "--config", config]);
        assert!(!ok && err.contains(why), "{err}");
    }
}

#[test]
fn passwords_that_are_set_satisfy_the_rules_and_denied_names_get_no_user() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("breached.txt");
    // SHA-1 of "correct horse battery staple".
    std::fs::write(&list, "ABF7AAD6438836DBE526AA231ABDE2D0EEF74D42:3\n").expect("written");
    let more = format!("[password]\nbreached_list = {list:?}\nmin_characters = 14\n");
    let config = write_config(folder.path(), "", &more);
    let config = config.to_str().expect("UTF-8");
    let add = |name: &str, password: &str| {
        let home = [
            "--home",
            "/files/acme",
            "--password-stdin",
            "--config",
            config,
        ];
        run_with_input(
            &[&["user", "add", name][..], &home].concat(),
            &format!("{password}\n"),
        )
    };
    for (name, password, why) in [
        ("acme", "thirteen char", "14 characters"),
        ("acme", "acme-acme-acme-1", "name"),
        ("acme", "correct horse battery staple", "became known"),
        ("Root", PASSWORD, "deny-list"),
    ] {
        let (ok, _, err) = add(name, password);
        assert!(!ok && err.contains(why), "{password}: {err}");
    }
    let (ok, _, err) = add("acme", PASSWORD);
    assert!(ok, "{err}");
    let passwd = [
        "user",
        "passwd",
        "acme",
        "--password-stdin",
        "--config",
        config,
    ];
    let known = "correct horse battery staple\n";
    let (ok, _, err) = run_with_input(&passwd, known);
    assert!(!ok && err.contains("became known"), "{err}");
    // Another list in its place counts at once, and one that is gone lets nothing pass.
    std::fs::write(&list, format!("{}\n", "0".repeat(40))).expect("written");
    let (ok, _, err) = run_with_input(&passwd, known);
    assert!(ok, "{err}");
    std::fs::remove_file(&list).expect("removed");
    let (ok, _, err) = run_with_input(&passwd, known);
    assert!(!ok && err.contains("breached list"), "{err}");
}
