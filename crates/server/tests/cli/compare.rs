//! `pierhead compare`: OpenSSH's server and a node of ours, as one partner.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use testkit::sshd::Sshd;

use crate::node::run;
use crate::served::{Served, write_config};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// What and path of each notice.
fn told(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let notices = report["notices"].as_array().expect("notices");
    notices
        .iter()
        .map(|notice| (text(&notice["what"]), text(&notice["path"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_partner_would_notice_is_told() {
    let old = Sshd::start("").await.expect("sshd runs");
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("old");
    for (name, content) in [
        ("same", "same"),
        ("in/bytes", "one"),
        ("in/size", "1"),
        ("gone", "x"),
    ] {
        fs::create_dir_all(home.join("in")).expect("made");
        fs::write(home.join(name), content).expect("written");
    }
    let config = write_config(&folder.path().join("new"), "", "");
    let public = folder.path().join("key.pub");
    fs::write(
        &public,
        old.key().public_key().to_openssh().expect("encoded"),
    )
    .expect("written");
    let user = old.user();
    let add = [
        "user",
        "add",
        user,
        "--home",
        "/files/home",
        "--key",
        text(&public),
    ];
    let (ok, _, err) = run(&[&add[..], &["--config", text(&config)]].concat());
    assert!(ok, "{err}");
    let from = text(&home);
    let import = [
        "import",
        "files",
        "--from",
        from,
        "--to",
        "local:/files/home",
    ];
    let (ok, out, err) = run(&[&import[..], &["--config", text(&config)]].concat());
    assert!(ok, "{out}{err}");
    let node = Served::start(&config);

    let users = folder.path().join("users.toml");
    let key = old.key_file();
    fs::write(
        &users,
        format!("[[users]]\nname = {user:?}\nkey = {key:?}\n"),
    )
    .expect("written");
    let there = format!("sftp://{}{}", old.address(), home.display());
    let here = format!("sftp://{}", node.sftp);
    let command = ["compare", &there, &here, "--users", text(&users), "--json"];
    let (ok, _, err) = run(&command);
    assert!(!ok && err.contains("--trust-host-keys"), "{err}");
    let command = [&command[..], &["--trust-host-keys"]].concat();
    let compare = || {
        let (_, out, err) = run(&command);
        serde_json::from_str::<Value>(&out).unwrap_or_else(|_| panic!("{out}{err}"))
    };
    let report = compare();
    let whats: Vec<_> = told(&report).into_iter().map(|(what, _)| what).collect();
    assert!(
        whats.contains(&"host key".to_owned()),
        "another key: {report}"
    );
    let files = told(&report)
        .into_iter()
        .filter(|(_, path)| !path.is_empty());
    assert_eq!(files.collect::<Vec<_>>(), [], "what was moved is the same");
    assert_eq!(
        (report["partners"].as_u64(), report["entries"].as_u64()),
        (Some(1), Some(5))
    );
    assert_eq!(report["contents"].as_u64(), Some(4));

    fs::write(home.join("in/bytes"), "two").expect("written");
    fs::write(home.join("in/size"), "22").expect("written");
    fs::write(home.join("added"), "x").expect("written");
    fs::remove_file(home.join("gone")).expect("removed");
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let same = fs::File::open(home.join("same")).expect("opened");
    same.set_modified(time).expect("set");
    let report = compare();
    let mut files: Vec<_> = told(&report)
        .into_iter()
        .filter(|(_, path)| !path.is_empty())
        .collect();
    // Times of what was just written may be those of the moment before.
    files.retain(|(what, path)| what != "time" || path == "same");
    files.sort();
    let expected = [
        ("content", "in/bytes"),
        ("kind", "added"),
        ("kind", "gone"),
        ("size", "in/size"),
        ("time", "same"),
    ];
    let own = expected.map(|(what, path)| (what.to_owned(), path.to_owned()));
    assert_eq!(files, own, "{report}");
    node.signal(Signal::TERM);
    assert!(node.wait().success());
}
