//! Policies x people x operations x paths, as committed in `tests/matrix.txt`: who may do what, at
//! a glance, and what a change changes.
//!
//! After a change that is meant: `cargo nextest run -p policy --run-ignored only write`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use model::Timestamp;
use policy::{
    Compiled, Context, Decision, Denial, Document, Home, Operation, Paths, PolicySet, Variables,
    Verdict, compile,
};

const POLICIES: [&str; 7] = [
    "scope-down",
    "bucket-role",
    "send-only",
    "read-only",
    "no-removals",
    "by-user-name",
    "variables-of-2008",
];

/// Role and session policy together.
const PAIRS: [(&str, &str); 2] = [("bucket-role", "scope-down"), ("no-removals", "scope-down")];

/// Name and home.
const PEOPLE: [(&str, Option<&str>); 5] = [
    ("acme", Some("/uploads/home/acme")),
    ("*", Some("/uploads/home/*")),
    ("${aws:username}", Some("/uploads/home/${aws:username}")),
    ("root", Some("/uploads")),
    ("nobody", None),
];

/// Bucket and key. Operations that lead somewhere lead to the same place under another name.
const PLACES: [(&str, &str); 16] = [
    ("uploads", ""),
    ("uploads", "home"),
    ("uploads", "home/acme"),
    ("uploads", "home/acme/x.csv"),
    ("uploads", "home/acme/inbox/x.csv"),
    ("uploads", "home/acme/reports/x.csv"),
    ("uploads", "home/acme2"),
    ("uploads", "home/acme2/x.csv"),
    ("uploads", "home/Acme/x.csv"),
    ("uploads", "home/*/x.csv"),
    ("uploads", "home/${aws:username}/x.csv"),
    ("uploads", "home/${transfer:UserName}/x.csv"),
    ("uploads", "home//x.csv"),
    ("uploads", "home/acme/../acme2/x.csv"),
    ("uploads2", "home/acme/x.csv"),
    ("archive", "home/acme/x.csv"),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn document(name: &str) -> Document {
    let path = folder().join("policies").join(format!("{name}.json"));
    Document::parse(name, &fs::read_to_string(path).unwrap()).unwrap()
}

fn set(name: &str) -> PolicySet {
    PolicySet::new(name, vec![document(name)]).unwrap()
}

fn person(name: &str, home: Option<&str>) -> Variables {
    let variables = Variables::new(name).from([192, 0, 2, 7].into());
    match home.and_then(Home::parse) {
        Some(home) => variables.at_home(home),
        None => variables,
    }
}

/// One sign for a verdict.
fn sign(verdict: &Verdict) -> char {
    match verdict {
        Verdict::Allowed => '+',
        Verdict::Denied {
            decision:
                Decision::Denied {
                    denial: Denial::Explicit,
                    ..
                },
            ..
        } => 'x',
        Verdict::Denied { .. } => '.',
    }
}

fn block(title: &str, policy: &Compiled, text: &mut String) {
    writeln!(text, "\n{title}").unwrap();
    let context = Context::at(Timestamp::from_seconds(1_795_262_707));
    for (bucket, key) in PLACES {
        let target = format!("{key}.to");
        let paths = Paths::at(bucket, key).to(bucket, &target);
        let signs: String = Operation::ALL
            .iter()
            .map(|operation| sign(&policy.permits(*operation, &paths, &context)))
            .collect();
        writeln!(text, "  {signs}  {bucket}/{key}").unwrap();
    }
}

fn matrix() -> String {
    let mut text = String::from("+ allowed   . not allowed   x denied by a statement\n");
    for (column, operation) in Operation::ALL.iter().enumerate() {
        writeln!(text, "  {}{operation}", "|".repeat(column)).unwrap();
    }
    for (name, home) in PEOPLE {
        let variables = person(name, home);
        let at = home.unwrap_or("no home");
        for policy in POLICIES {
            let title = format!("{policy}: {name} at {at}");
            block(&title, &compile(&[set(policy)], &variables), &mut text);
        }
        for (role, session) in PAIRS {
            let title = format!("{role} and {session}: {name} at {at}");
            let policy = compile(&[set(role), set(session)], &variables);
            block(&title, &policy, &mut text);
        }
    }
    text
}

#[test]
fn the_matrix_is_as_committed() {
    let committed = fs::read_to_string(folder().join("matrix.txt")).unwrap();
    let now = matrix();
    let mut title = "";
    for (before, after) in committed.lines().zip(now.lines()) {
        if !after.starts_with(' ') {
            title = after;
        }
        assert_eq!(before, after, "under {title:?}");
    }
    assert_eq!(committed.len(), now.len(), "the matrix has other blocks");
}

#[test]
#[ignore = "writes the matrix that is committed"]
fn write_the_matrix() {
    fs::write(folder().join("matrix.txt"), matrix()).unwrap();
}
