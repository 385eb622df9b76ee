//! How a node goes down, and what a load balancer sees of it.

use rustix::process::Signal;

use crate::node::Node;
use crate::served::{Served, write_config};

/// The greeting is printed before the node serves: a signal that comes in between is not lost,
/// and does not kill.
#[test]
fn a_signal_right_after_the_greeting_drains() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let node = Node::up(&folder.path().join("data"), &[]);
        let ended = node.terminate();
        assert_eq!(ended.code(), Some(0), "round {round}");
    }
}

#[test]
fn balancers_are_told_before_the_door_closes_and_a_second_signal_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = write_config(folder.path(), "", "[drain]\ndelay = \"1h\"\n");
    let node = Served::start(&config);
    assert_eq!(node.get("/readyz").unwrap().1, "ready\n");
    node.signal(Signal::TERM);
    let draining = node.wait_for("draining");
    assert_eq!(draining["sessions"], 0);
    let (status, body) = node.get("/readyz").unwrap();
    assert!(status.contains("503"), "{status}");
    assert_eq!(body, "draining\n");
    assert_eq!(node.get("/healthz").unwrap().1, "ok\n");
    assert!(node.greets(node.sftp), "still, for those who come now");
    node.signal(Signal::TERM);
    node.wait_for("ended by a second signal, transfers were cut off");
    assert!(node.wait().success());
}

#[test]
fn a_listener_for_balancers_stands_beside_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = "proxy_listen = [\"127.0.0.1:0\"]\nproxy_trusted = [\"10.0.0.0/8\"]\n";
    let node = Served::start(&write_config(folder.path(), proxied, ""));
    assert!(node.greets(node.sftp));
    assert!(!node.greets(node.proxied.unwrap()), "not from here");
    let closed = node.wait_for("connection closed");
    let why = "its address is not in a trusted network";
    assert_eq!(closed["rejected"], why, "{closed}");
    node.signal(Signal::TERM);
    node.wait_for("drained");
    assert!(node.wait().success());
}

#[test]
fn a_listener_for_balancers_needs_to_know_them() {
    let folder = tempfile::tempdir().unwrap();
    let config = write_config(folder.path(), "proxy_listen = [\"127.0.0.1:0\"]\n", "");
    let config = config.to_str().unwrap();
    let (ok, _, err) = crate::node::run(&["config", "check", "--config", config]);
    assert!(!ok && err.contains("sftp.proxy_trusted"), "{err}");
}
