//! `pierhead sweep`, beside a running node.

use rustix::process::Signal;
use testkit::client::{Client, Credential};

use crate::node::{run, run_with_input};
use crate::served::{Served, write_config};

const PASSWORD: &str = "correct horse battery";

async fn put(node: &Served) {
    let credential = Credential::password(PASSWORD);
    let client = Client::connect(node.sftp, "ann", &credential).await;
    let client = client.expect("logged in");
    let mut ann = client.sftp().await.expect("sftp");
    let flags = sftp::OpenFlags::WRITE | sftp::OpenFlags::CREATE;
    let attributes = sftp::Attributes::default();
    let handle = ann.open("f", flags, attributes).await.expect("a handle");
    ann.write(&handle, 0, "bytes").await.expect("taken");
    let closed = ann.status(&sftp::Request::Close { handle }).await;
    assert_eq!(closed.expect("answered").code, sftp::StatusCode::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_says_what_it_finds_and_leaves_what_is_not_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write_config(folder.path(), "", "");
    let config = file.to_str().expect("UTF-8");
    let node = Served::start(&file);
    let home = ["--home", "/files/ann", "--password-stdin"];
    let add = [&["user", "add", "ann"], &home[..], &["--config", config]].concat();
    let (ok, _, err) = run_with_input(&add, &format!("{PASSWORD}\n"));
    assert!(ok, "{err}");
    put(&node).await;

    let (ok, out, err) = run(&["sweep", "--config", config]);
    assert!(ok, "{err}");
    assert_eq!(out, "nothing to do\n");

    let unknown = "0197a000-0000-7000-8000-000000000001";
    let key = format!(".pierhead/staging/{unknown}/pieces/1");
    let object = folder.path().join("data/objects/files").join(&key);
    std::fs::create_dir_all(object.parent().expect("a folder")).expect("made");
    std::fs::write(&object, "theirs").expect("written");
    let (ok, out, err) = run(&["sweep", "--dry-run", "--config", config]);
    assert!(ok, "{err}");
    assert!(
        out.contains("leave-foreign") && out.contains(unknown),
        "{out}"
    );
    let (ok, out, err) = run(&["sweep", "--json", "--config", config]);
    assert!(ok, "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["left"], false);
    assert_eq!(report["entries"][0]["what"], "leave-foreign");
    assert_eq!(report["entries"][0]["upload"], unknown);
    assert_eq!(report["entries"][0]["key"], key.as_str());
    assert!(object.exists(), "it is not ours");

    node.signal(Signal::TERM);
    assert!(node.wait().success());
    let (ok, _, err) = run(&["sweep", "--data", "/nowhere"]);
    assert!(!ok && err.contains("no data folder"), "{err}");
}
