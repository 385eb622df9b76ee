//! `pierhead role`, `policy` and `access`: from a document to a running session that it narrows.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::node::{run, run_with_input};
use crate::nodes::{PASSWORD, client, upload};
use crate::served::{Served, write_config};

const HOME: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Names",
      "Effect": "Allow",
      "Action": "s3:ListBucket",
      "Resource": "arn:aws:s3:::${transfer:HomeBucket}",
      "Condition": {
        "StringLike": { "s3:prefix": ["${transfer:HomeFolder}", "${transfer:HomeFolder}/*"] }
      }
    },
    {
      "Sid": "Files",
      "Effect": "Allow",
      "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      "Resource": "arn:aws:s3:::${transfer:HomeDirectory}/*"
    }
  ]
}"#;

/// An installation to work on, without a node.
struct House {
    folder: tempfile::TempDir,
    config: PathBuf,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = write_config(folder.path(), "", "");
        Self { folder, config }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).expect("written");
        file.to_str().expect("UTF-8").to_owned()
    }

    /// Success, standard output, standard error.
    fn call(&self, words: &[&str]) -> (bool, String, String) {
        let config = self.config.to_str().expect("UTF-8");
        let mut words = words.to_vec();
        words.extend(["--config", config]);
        run_with_input(&words, &format!("{PASSWORD}\n"))
    }

    fn done(&self, words: &[&str]) -> String {
        let (ok, out, err) = self.call(words);
        assert!(ok, "{words:?}: {err}");
        out
    }

    fn refused(&self, words: &[&str]) -> String {
        let (ok, out, err) = self.call(words);
        assert!(!ok, "{words:?}: {out}");
        err
    }

    /// Policy and role `partners`, and ann, who has it.
    fn partners(&self) -> String {
        let file = self.file("home.json", HOME);
        self.done(&["policy", "add", "partners", &file]);
        self.done(&["role", "add", "partners", "--policy", "partners"]);
        self.done(&[
            "user",
            "add",
            "ann",
            "--home",
            "/files/home/ann",
            "--role",
            "partners",
            "--password-stdin",
        ]);
        file
    }
}

#[test]
fn roles_and_policies_are_looked_after_from_the_command_line() {
    let house = House::new();
    let file = house.partners();
    let arn = "arn:aws:iam::111122223333:role/partners";
    house.done(&[
        "role",
        "set",
        "partners",
        "--arn",
        arn,
        "--description",
        "who sends",
    ]);
    let shown: Value =
        serde_json::from_str(&house.done(&["role", "show", "partners", "--json"])).expect("JSON");
    assert_eq!(shown["arn"], arn);
    assert_eq!(shown["policies"][0], "partners");
    let set = ["role", "set", "partners", "--external-id", "pier-1"];
    let err = house.refused(&set);
    assert!(err.contains("goes with an IAM role"), "{err}");
    house.done(&[&set[..], &["--iam-role", arn]].concat());
    let shown: Value =
        serde_json::from_str(&house.done(&["role", "show", "partners", "--json"])).expect("JSON");
    assert_eq!(shown["iam_role"], arn);
    assert_eq!(shown["external_id"], "pier-1");
    house.done(&["role", "set", "partners", "--iam-role", ""]);
    let text = house.done(&["role", "show", "partners"]);
    assert!(
        !text.contains("IAM role") && !text.contains("pier-1"),
        "{text}"
    );
    assert_eq!(shown["users"][0], "ann");
    assert_eq!(house.done(&["role", "list"]), "partners  partners\n");
    assert_eq!(
        house.done(&["policy", "list"]),
        "partners  roles: partners\n"
    );
    assert_eq!(house.done(&["policy", "show", "partners"]).trim_end(), HOME);
    let shown = house.done(&["user", "show", "ann"]);
    assert!(shown.contains("role       partners\n"), "{shown}");

    let err = house.refused(&["policy", "remove", "partners"]);
    assert!(err.contains("belongs to roles (partners)"), "{err}");
    let err = house.refused(&["role", "remove", "partners"]);
    assert!(err.contains("has 1 users (ann)"), "{err}");
    house.done(&["user", "set", "ann", "--session-policy", &file]);
    house.done(&["user", "set", "ann", "--no-role"]);
    house.done(&["role", "remove", "partners"]);
    house.done(&["policy", "remove", "partners"]);
    assert_eq!(house.done(&["role", "list"]), "");
    house.done(&["user", "set", "ann", "--no-session-policy"]);
}

#[test]
fn typos_are_answered_with_what_is_known() {
    let house = House::new();
    let file = house.partners();
    for (words, known) in [
        (&["role", "show", "partner"][..], "there are: partners"),
        (
            &["role", "add", "x", "--policy", "hme"],
            "there are: partners",
        ),
        (&["role", "set", "partners"], "nothing to change"),
        (&["role", "add", "two words"], "a name has 1 to 64"),
        (&["policy", "set", "hme", &file], "there are: partners"),
        (
            &["user", "set", "ann", "--role", "prtners"],
            "there are: partners",
        ),
        (
            &[
                "access", "explain", "--user", "ann", "--op", "upload", "--path", "/f",
            ],
            "get, put",
        ),
        (
            &[
                "access", "explain", "--user", "ann", "--op", "mv", "--path", "/f",
            ],
            "--to",
        ),
        (
            &[
                "access", "explain", "--user", "an", "--op", "put", "--path", "/f",
            ],
            "no user an",
        ),
    ] {
        let err = house.refused(words);
        assert!(err.contains(known), "{words:?}: {err}");
    }
    let typo = HOME.replace("StringLike", "StringLikes");
    let typo = house.file("typo.json", &typo);
    for words in [
        &["policy", "set", "partners", &typo][..],
        &["policy", "add", "other", &typo],
        &["user", "set", "ann", "--session-policy", &typo],
    ] {
        let err = house.refused(words);
        assert!(err.contains("statement 1 (\"Names\")"), "{err}");
        assert!(err.contains("did you mean StringLike?"), "{err}");
    }
    let long = HOME.replace("  ", &" ".repeat(100));
    let long = house.file("long.json", &long);
    let err = house.refused(&["user", "set", "ann", "--session-policy", &long]);
    assert!(err.contains("a session policy has 2048 at most"), "{err}");
}

#[test]
fn lint_speaks_of_a_home_without_a_slash() {
    let house = House::new();
    let loose = HOME.replace("HomeDirectory}/*", "HomeDirectory}*");
    let loose = house.file("loose.json", &loose);
    let (ok, out, err) = run(&["policy", "lint", &loose]);
    assert!(ok, "such a home is read as a folder: {err}");
    assert!(
        out.contains("warning: statement 2 (\"Files\")"),
        "{out}{err}"
    );
    let (_, _, err) = house.call(&["policy", "add", "loose", &loose]);
    assert!(err.contains("warning"), "it is saved, and said: {err}");
    let sound = house.file("home.json", HOME);
    let (ok, out, _) = run(&["policy", "lint", &sound]);
    assert!(ok && out.contains("2 statements, nothing to say"), "{out}");
    let open = HOME.replace("HomeDirectory}/*", "HomeBucket}/${aws:username}*");
    let open = house.file("open.json", &open);
    let (ok, out, _) = run(&["policy", "lint", &open, "--json"]);
    assert!(!ok, "somebody may reach what he should not: {out}");
    let found: Value = serde_json::from_str(&out).expect("JSON");
    let found = found.as_array().expect("findings").iter();
    let mut dangers = found.filter(|finding| finding["severity"] == "danger");
    assert!(dangers.next().is_some(), "{out}");
}

#[test]
fn staff_learn_why() {
    let house = House::new();
    house.partners();
    let explain = |op: &str, path: &str| {
        house.done(&[
            "access", "explain", "--user", "ann", "--op", op, "--path", path,
        ])
    };
    let out = explain("put", "/in/a.csv");
    for part in [
        "put /in/a.csv by ann\n",
        "role          partners\n",
        "bucket, key   files \"home/ann/in/a.csv\"\n",
        "needs         s3:PutObject on arn:aws:s3:::files/home/ann/in/a.csv: allowed\n",
        "role \"partners\", policy \"partners\", statement 2 (\"Files\") (Allow): matches\n",
    ] {
        assert!(out.contains(part), "{part:?} in {out}");
    }
    assert!(out.ends_with("allowed\n"), "{out}");
    let out = explain("get", "/../../ben/f");
    assert!(out.contains("home/ann/ben/f"), "{out}");
    let changes = ["user", "set", "ann", "--session-policy"];
    let nothing = HOME.replace("s3:PutObject", "s3:GetObjectTagging");
    let nothing = house.file("no-put.json", &nothing);
    house.done(&[&changes[..], &[nothing.as_str()]].concat());
    let out = explain("put", "/in/a.csv");
    let denied = "denied: nothing in session policy allows s3:PutObject on \
                  arn:aws:s3:::files/home/ann/in/a.csv\n";
    assert!(out.ends_with(denied), "{out}");
    let out = house.done(&[
        "access",
        "explain",
        "--user",
        "ann",
        "--op",
        "mv",
        "--path",
        "/a",
        "--to",
        "/b",
        "--source-ip",
        "192.0.2.7",
        "--json",
    ]);
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["allowed"], false);
    assert_eq!(told["paths"][1]["key"], "home/ann/b");
    assert_eq!(told["needs"][2]["action"], "s3:PutObject");
    assert_eq!(told["needs"][2]["allowed"], false);
    assert_eq!(told["needs"][0]["allowed"], true);
    house.done(&["role", "remove", "partners", "--force"]);
    let out = explain("put", "/in/a.csv");
    assert!(
        out.contains("denied: he gets no session: role \"partners\" does not exist"),
        "{out}"
    );
}

/// What is written is encrypted as the store of its bucket is told, whatever `[storage]` says.
#[test]
fn encryption_is_that_of_the_buckets_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let stores = "[storage]\nkind = \"s3\"\n[storage.s3]\nendpoint = \"http://127.0.0.1:9\"\n\
                  encryption = \"s3\"\n[[stores]]\nname = \"archive\"\nbuckets = [\"cold\"]\n\
                  kind = \"s3\"\ns3.endpoint = \"http://127.0.0.1:9\"\ns3.encryption = \"kms\"\n\
                  s3.kms_key_id = \"alias/cold\"\n";
    let config = write_config(folder.path(), "", stores);
    let house = House { folder, config };
    let sealed = r#"{"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*", "Condition": {
            "StringEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}}}"#;
    let file = house.file("sealed.json", sealed);
    house.done(&["policy", "add", "sealed", &file]);
    house.done(&["role", "add", "sealed", "--policy", "sealed"]);
    for (name, home, verdict) in [("ann", "/cold/ann", true), ("ben", "/files/ben", false)] {
        house.done(&[
            "user",
            "add",
            name,
            "--home",
            home,
            "--role",
            "sealed",
            "--password-stdin",
        ]);
        let out = house.done(&[
            "access", "explain", "--user", name, "--op", "put", "--path", "/f", "--json",
        ]);
        let told: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(told["allowed"], verdict, "{name}: {out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_learn_what_limits_say_and_how_much_is_used() {
    let house = House::new();
    house.partners();
    let limits = [
        "--max-bytes",
        "100B",
        "--max-files",
        "2",
        "--max-file-size",
        "60B",
        "--max-sessions",
        "3",
        "--deny-names",
        "*.exe",
        "--upload-rate",
        "1MiB",
    ];
    house.done(&[&["user", "set", "ann"], &limits[..]].concat());
    let node = Served::start(&house.config);
    let anns = client(&node, "ann").await;
    let mut ann = anns.sftp().await.expect("sftp");
    upload(&mut ann, "before").await;
    let explain =
        |words: &[&str]| house.done(&[&["access", "explain", "--user", "ann"], words].concat());
    let put = explain(&["--op", "put", "--path", "/a.csv", "--size", "20B"]);
    for line in [
        "  sessions      at most 3\n",
        "  names         !*.exe\n",
        "  file size     20 of 60\n",
        "  files         1 of 2\n",
        "  upload rate   at most 1048576\n",
    ] {
        assert!(put.contains(line), "{line:?} in {put}");
    }
    assert!(put.ends_with("allowed\n"), "{put}");
    for (words, denied) in [
        (
            &["--op", "put", "--path", "/a.csv", "--size", "61B"][..],
            "a file may have 60 bytes at most",
        ),
        (
            &["--op", "put", "--path", "/a.exe"],
            "files of this name are not allowed here",
        ),
    ] {
        let out = explain(words);
        assert!(
            out.lines().last().is_some_and(|line| line.contains(denied)),
            "{out}"
        );
    }
    house.done(&[
        "user",
        "set",
        "ann",
        "--max-files",
        "1",
        "--max-bytes",
        "none",
    ]);
    let out = explain(&["--op", "put", "--path", "/a.csv", "--json"]);
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["allowed"], false);
    let mut limits = told["limits"].as_array().expect("limits").iter();
    let files = limits.find(|limit| limit["name"] == "files");
    let files = files.expect("a limit of files");
    assert_eq!((&files["used"], &files["limit"]), (&json!(1), &json!(1)));
    assert_eq!(told["reason"], files["objection"]);
    // What it replaces makes room; what writes nothing meets no quota.
    let out = explain(&["--op", "overwrite", "--path", "/before"]);
    assert!(out.ends_with("allowed\n"), "{out}");
    let out = explain(&["--op", "get", "--path", "/before"]);
    assert!(!out.contains("files  "), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_narrowed_holds_in_a_running_session_and_a_removed_role_ends_it() {
    let house = House::new();
    house.partners();
    let node = Served::start(&house.config);
    let anns = client(&node, "ann").await;
    let mut ann = anns.sftp().await.expect("sftp");
    upload(&mut ann, "before").await;

    let read_only = HOME.replace(
        "\"s3:PutObject\", \"s3:DeleteObject\"",
        "\"s3:GetObjectVersion\"",
    );
    let read_only = house.file("read-only.json", &read_only);
    house.done(&["policy", "set", "partners", &read_only]);
    node.wait_for("other policies hold in a session from now on");
    let flags = sftp::OpenFlags::WRITE | sftp::OpenFlags::CREATE;
    let opened = ann.open("after", flags, sftp::Attributes::default()).await;
    opened.expect_err("she may not write any more");
    let opened = ann
        .open("before", sftp::OpenFlags::READ, sftp::Attributes::default())
        .await;
    opened.expect("she may still read");

    house.done(&["role", "remove", "partners", "--force"]);
    ann.reply().await.expect_err("her connection ends");
    let revoked = node.wait_for("session revoked");
    let reason = revoked["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("your role was removed"), "{reason}");
}
