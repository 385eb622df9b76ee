//! `pierhead host-key`: an older machine's keys move in.

use std::process::Command;

use crate::node::{Node, run};

#[test]
fn an_imported_host_key_keeps_its_fingerprint_and_replaces_the_one_made_here() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(Node::up(&data, &[]));
    let key = folder.path().join("ssh_host_ed25519_key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status()
        .expect("ssh-keygen runs (package openssh-client)");
    assert!(made.success());
    let shown = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(&key)
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let fingerprint = shown.split_whitespace().nth(1).unwrap();

    let data_text = data.to_str().unwrap();
    let (ok, out, err) = run(&[
        "host-key",
        "import",
        key.to_str().unwrap(),
        "--data",
        data_text,
    ]);
    assert!(ok, "{err}");
    assert!(
        out.contains(&format!("{fingerprint} ssh-ed25519: imported")),
        "{out}"
    );
    let (_, list, _) = run(&["host-key", "fingerprint", "--data", data_text]);
    assert_eq!(list.matches("ssh-ed25519").count(), 1);
    assert!(list.contains(fingerprint), "{list}");
    assert!(
        !run(&["host-key", "list", "--json", "--data", data_text])
            .1
            .contains("PRIVATE")
    );

    let node = Node::up(&data, &[]);
    assert_eq!(node.greeting["fingerprint"], fingerprint);
}

#[test]
fn a_public_key_is_not_taken_for_a_host_key() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(Node::up(&data, &[]));
    let file = folder.path().join("key.pub");
    std::fs::write(&file, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zO x\n").unwrap();
    let (ok, _, err) = run(&[
        "host-key",
        "import",
        file.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
    ]);
    assert!(!ok && err.contains("public key"), "{err}");
}
