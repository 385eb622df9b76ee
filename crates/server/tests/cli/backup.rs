//! The machine is lost, the bucket is not.

use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;
use sftp::{Attributes, OpenFlags, Reply, Request};

use crate::node::run;
use crate::nodes::{add_user, client, host_keys, key, upload};
use crate::served::{Served, write_config};

const MTIME: u32 = 1_600_000_000;

fn ok(arguments: &[&str]) -> String {
    let (ok, out, err) = run(arguments);
    assert!(ok, "{arguments:?}: {err}");
    out
}

fn fails(arguments: &[&str], why: &str) {
    let (ok, _, err) = run(arguments);
    assert!(!ok && err.contains(why), "{arguments:?}: {err}");
}

async fn attributes(channel: &mut testkit::client::Sftp, name: &str) -> Attributes {
    let path = bytes::Bytes::from(name.to_owned());
    match channel.call(&Request::Stat { path }).await {
        Ok(Reply::Attributes(attributes)) => attributes,
        other => panic!("{name}: {other:?}"),
    }
}

fn set_mtime(name: &str) -> Request {
    Request::Setstat {
        path: bytes::Bytes::from(name.to_owned()),
        attributes: Attributes {
            times: Some(sftp::Times {
                accessed: MTIME,
                modified: MTIME,
            }),
            ..Attributes::default()
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_machine_comes_back_from_its_backup_and_the_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects");
    let more = format!(
        "[storage.local]\nroot = {objects:?}\n[secrets]\nsealing_key = {:?}\n",
        key('A')
    );
    let machine = folder.path().join("machine");
    let config = write_config(&machine, "", &more);
    let file = folder.path().join("state.backup");
    let (config_text, backup) = (config.to_str().unwrap(), file.to_str().unwrap());
    let node = Served::start(&config);
    add_user(config_text, "ann");
    let anns = client(&node, "ann").await;
    let mut ann = anns.sftp().await.expect("sftp");
    upload(&mut ann, "kept").await;
    let set = ann.status(&set_mtime("kept")).await.expect("answered");
    assert_eq!(set.code, sftp::StatusCode::Ok);
    let flags = OpenFlags::WRITE | OpenFlags::CREATE;
    let half = ann.open("half", flags, Attributes::default()).await;
    ann.write(&half.expect("a handle"), 0, "half")
        .await
        .expect("taken");

    let said = ok(&["backup", backup, "--config", config_text]);
    assert!(
        said.contains("not in it") && said.contains(config_text),
        "{said}"
    );
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fails(
        &["backup", backup, "--config", config_text],
        "exists already",
    );
    fails(
        &["restore", backup, "--config", config_text, "--force"],
        "end it first",
    );
    upload(&mut ann, "late").await;
    let shown = host_keys(&node);
    drop(node);
    std::fs::remove_dir_all(machine.join("data")).unwrap();

    let said = ok(&["restore", backup, "--config", config_text]);
    assert!(said.contains("host key  SHA256:"), "{said}");
    fails(&["restore", backup, "--config", config_text], "--force");
    let node = Served::start(&config);
    assert_eq!(host_keys(&node), shown, "partners know it again");
    let anns = client(&node, "ann").await;
    let mut ann = anns.sftp().await.expect("sftp");
    let kept = attributes(&mut ann, "kept").await;
    assert_eq!(kept.times.map(|times| times.modified), Some(MTIME));
    assert_eq!(kept.size, Some(4));
    assert_eq!(attributes(&mut ann, "late").await.size, Some(4));
    assert!(
        !objects.join("files/ann/half").exists(),
        "never closed, never there"
    );
    upload(&mut ann, "kept").await;
    drop((anns, ann));
    node.signal(Signal::TERM);
    assert!(node.wait().success());
}
