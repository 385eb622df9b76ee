//! `pierhead compare`: OpenSSH's server and a node of ours, as one partner.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use testkit::sshd::Sshd;

use crate::node::run;
use crate::served::{Served, write_config};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn notices(report: &Value) -> &[Value] {
    report["notices"].as_array().expect("notices")
}

/// What and path of each notice about a partner's files.
fn about_files(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let files = |notice: &&Value| notice["user"].is_string() && notice["of"].is_string();
    let told = notices(report).iter().filter(files);
    told.map(|notice| (text(&notice["what"]), text(&notice["of"])))
        .collect()
}

/// Both sides of a thing that is told once with this weight.
fn told<'r>(report: &'r Value, weight: &str, what: &str) -> Option<(&'r str, &'r str)> {
    let text = |value: &'r Value| value.as_str().unwrap_or_default();
    let is_it = |it: &&Value| it["what"] == what && it["weight"] == weight;
    let mut found = notices(report).iter().filter(is_it);
    let notice = found.next()?;
    assert!(found.next().is_none(), "{what} is told twice: {report}");
    Some((text(&notice["old"]), text(&notice["new"])))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_partner_would_notice_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let banner = folder.path().join("banner");
    fs::write(&banner, "Partners alone\n").expect("written");
    let more = format!("Banner {}\nMACs hmac-sha1,hmac-sha2-256", banner.display());
    let old = Sshd::start(&more).await.expect("sshd runs");
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
    let config = write_config(
        &folder.path().join("new"),
        "",
        // Whoever runs the tests may be root.
        "[defence]\ndenied_names = []",
    );
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
        format!(
            "[[users]]\nname = {user:?}\nkey = {key:?}\n[[users]]\nname = \"stranger\"\nkey = {key:?}\n"
        ),
    )
    .expect("written");
    let there = format!("sftp://{}{}", old.address(), home.display());
    let here = format!("sftp://{}", node.sftp);
    let command = ["compare", &there, &here, "--users", text(&users), "--json"];
    let (ok, _, err) = run(&command);
    assert!(!ok && err.contains("--trust-host-keys"), "{err}");
    let other = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    let wrong = ["--trust-host-keys", "--old-host-key", other];
    let (ok, _, err) = run(&[&command[..], &wrong].concat());
    assert!(!ok && err.contains(old.fingerprint()), "{err}");
    let known = [
        "--trust-host-keys",
        "--old-host-key",
        other,
        "--old-host-key",
        old.fingerprint(),
    ];
    let command = [&command[..], &known].concat();
    let compare = || {
        let (ok, out, err) = run(&command);
        assert!(!ok, "{out}{err}");
        serde_json::from_str::<Value>(&out).unwrap_or_else(|_| panic!("{out}{err}"))
    };
    let report = compare();
    let (one, _) = told(&report, "difference", "host key").expect("another key");
    assert_eq!(one, old.fingerprint());
    let macs = told(&report, "difference", "MACs");
    assert_eq!(macs, Some(("hmac-sha1 alone", "")), "{report}");
    let (one, new) = told(&report, "remark", "version").expect("another server");
    assert!(one.contains("OpenSSH") && new.contains("SSH-2.0-"));
    // Both partners were shown it.
    let banners: Vec<_> = notices(&report)
        .iter()
        .filter(|it| it["what"] == "banner")
        .map(|it| (it["old"].as_str(), it["new"].as_str()))
        .collect();
    assert_eq!(banners, [(Some("Partners alone"), None); 2], "{report}");
    let directory = told(&report, "difference", "working directory");
    assert_eq!(directory, Some((text(&home), "/")));
    assert_eq!(about_files(&report), [], "what was moved is the same");
    let numbers = ["partners", "entries", "contents"].map(|name| report[name].as_u64());
    assert_eq!(numbers, [Some(2), Some(5), Some(4)]);
    let unseen = report["unseen"].as_array().expect("a list");
    assert_eq!(unseen.len(), 1, "{report}");
    assert_eq!(unseen[0], "stranger: the login is refused at both servers");

    fs::write(home.join("in/bytes"), "two").expect("written");
    fs::write(home.join("in/size"), "22").expect("written");
    fs::write(home.join("added"), "x").expect("written");
    fs::remove_file(home.join("gone")).expect("removed");
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let same = fs::File::open(home.join("same")).expect("opened");
    same.set_modified(time).expect("set");
    let private = fs::Permissions::from_mode(0o700);
    fs::set_permissions(home.join("in"), private).expect("set");
    let report = compare();
    let mut files = about_files(&report);
    // Times of what was just written may be those of the moment before.
    files.retain(|(what, path)| what != "time" || path == "same");
    files.sort();
    let expected = [
        ("content", "in/bytes"),
        ("kind", "added"),
        ("kind", "gone"),
        ("permissions", "in"),
        ("size", "in/size"),
        ("time", "same"),
    ];
    let own = expected.map(|(what, path)| (what.to_owned(), path.to_owned()));
    assert_eq!(files, own, "{report}");
    let (_, out, _) = run(&command
        .iter()
        .copied()
        .filter(|it| *it != "--json")
        .collect::<Vec<_>>());
    let line =
        format!("{user}: size of in/size: 2 bytes at the old server, 1 bytes at the new one");
    assert!(out.contains(&line), "{out}");
    node.signal(Signal::TERM);
    assert!(node.wait().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_a_server_that_is_the_same() {
    let server = Sshd::start("").await.expect("sshd runs");
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a"), "a").expect("written");
    let users = folder.path().join("users.toml");
    let (user, key) = (server.user(), server.key_file());
    let written = fs::write(
        &users,
        format!("[[users]]\nname = {user:?}\nkey = {key:?}\n"),
    );
    written.expect("written");
    let place = format!("sftp://{}{}", server.address(), folder.path().display());
    let known = [
        "--old-host-key",
        server.fingerprint(),
        "--new-host-key",
        server.fingerprint(),
    ];
    let command = ["compare", &place, &place, "--users", text(&users)];
    let (ok, out, err) = run(&[&command[..], &known].concat());
    assert!(ok, "{out}{err}");
    let line =
        "1 partners, 2 files and directories, contents of 2 files: nobody would notice anything";
    assert_eq!(out.trim(), line);
}
