//! `pierhead up`: one command to a working gateway, and its end.

use std::net::TcpStream;

use crate::node::{Node, run};

#[test]
fn up_prints_all_a_script_needs_and_answers_on_the_admin_address() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::up(&folder.path().join("data"), &[]);
    for name in ["sftp", "admin", "user", "password", "fingerprint"] {
        assert!(node.greeting[name].is_string(), "{name}");
    }
    assert_eq!(
        node.get("/healthz"),
        ("HTTP/1.1 200 OK".to_owned(), "ok\n".to_owned())
    );
    assert_eq!(node.get("/readyz").1, "ready\n");
    assert!(node.get("/metrics").0.ends_with("200 OK"));
    assert!(node.get("/nowhere").0.contains("404"));
    // A load balancer's probe: connect and close.
    drop(TcpStream::connect(node.address("sftp")).unwrap());
    assert!(node.terminate().success());
}

#[test]
fn the_password_is_shown_once_and_the_host_keys_stay() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = Node::up(&data, &[]);
    let fingerprint = first.greeting["fingerprint"].clone();
    assert!(first.terminate().success());
    let second = Node::up(&data, &[]);
    assert!(second.greeting["password"].is_null());
    assert_eq!(second.greeting["fingerprint"], fingerprint);
}

#[test]
fn a_second_node_on_the_same_folder_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let _first = Node::up(&data, &[]);
    let data = data.to_str().unwrap();
    let (ok, _, err) = run(&[
        "up",
        "--data",
        data,
        "--sftp",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
    ]);
    assert!(!ok && err.contains("another node runs"), "{err}");
}

#[test]
fn a_taken_port_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let first = Node::up(&folder.path().join("a"), &[]);
    let taken = first.address("sftp").to_string();
    let data = folder.path().join("b");
    let (ok, _, err) = run(&[
        "up",
        "--data",
        data.to_str().unwrap(),
        "--sftp",
        &taken,
        "--admin",
        "127.0.0.1:0",
    ]);
    assert!(
        !ok && err.contains(&taken) && err.contains("in use"),
        "{err}"
    );
}
