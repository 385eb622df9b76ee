//! Roles x operations x paths through real sessions, as committed in `tests/rules/matrix.txt`: who
//! may do what, at a glance, and what a change changes.
//!
//! After a change that is meant: `cargo nextest run -p gateway --run-ignored only write_the_matrix`.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use database::{Mapping, MappingKind, NewRole};
use gateway::{AttributeChanges, Overwrite, Result, Session};
use model::{Clock, ErrorKind, UserName};
use storage::memory::MemoryStore;
use storage::{Entry, ListRequest, ObjectStore, ObjectStoreExt};

use crate::world::{SessionExt, World, bucket, flags, object_key, path};

/// The policies of the role, and the session policy.
const ROLES: [(&str, &[&str], Option<&str>); 8] = [
    ("bucket-role", &["bucket-role"], None),
    ("scope-down", &["scope-down"], None),
    ("send-only", &["send-only"], None),
    ("read-only", &["read-only"], None),
    ("no-removals", &["no-removals"], None),
    ("by-user-name", &["by-user-name"], None),
    (
        "read-only and send-only together",
        &["read-only", "send-only"],
        None,
    ),
    (
        "bucket-role within scope-down",
        &["bucket-role"],
        Some("scope-down"),
    ),
];

/// Each of them holds `x.csv`, an empty directory `empty` and a directory `full` with a file.
const DIRECTORIES: [&str; 7] = [
    "uploads",
    "uploads/home",
    "uploads/home/acme",
    "uploads/home/acme/inbox",
    "uploads/home/acme/reports",
    "uploads/home/acme2",
    "archive/home/acme",
];

const VERBS: [&str; 20] = [
    "OPEN for reading",
    "OPEN with TRUNC, a new file",
    "OPEN with TRUNC, a file that is there",
    "OPEN without TRUNC, all bytes replaced",
    "OPEN without TRUNC, some bytes replaced",
    "OPEN with APPEND",
    "STAT of a file",
    "SETSTAT",
    "SETSTAT of the size",
    "REMOVE",
    "RENAME",
    "posix-rename onto a file",
    "RENAME of a temporary name",
    "copy-data",
    "OPENDIR",
    "STAT of a directory",
    "statvfs",
    "MKDIR",
    "RMDIR",
    "RENAME of a directory",
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/rules")
}

fn document(name: &str) -> String {
    let file = folder().join(format!("../../../policy/tests/policies/{name}.json"));
    fs::read_to_string(file).expect("a policy")
}

/// A user at home in `/uploads/home/acme` who sees both buckets whole: what keeps him in is the
/// policy alone.
async fn session(policies: &[&str], session_policy: Option<&str>, world: &World) -> Arc<Session> {
    let now = world.clock.now();
    for name in policies {
        let saved = world
            .database
            .policies()
            .create(name, &document(name), now)
            .await;
        saved.expect("saved");
    }
    let role = NewRole {
        name: "role".to_owned(),
        policies: policies.iter().map(ToString::to_string).collect(),
        ..NewRole::default()
    };
    world
        .database
        .roles()
        .create(&role, now)
        .await
        .expect("saved");
    let mapping = |bucket: &str| Mapping {
        entry: format!("/{bucket}"),
        target: format!("/{bucket}"),
        kind: MappingKind::Directory,
        permissions: None,
    };
    let session_policy = session_policy.map(document);
    let user = world.user("/uploads/home/acme", |user| {
        user.name = UserName::parse("acme").expect("valid");
        user.role = Some("role".to_owned());
        user.session_policy = session_policy;
        user.mappings = ["uploads", "archive"].map(mapping).to_vec();
    });
    user.await;
    world.login("acme").await.expect("a session")
}

/// Makes the two buckets what they are at the beginning.
async fn reset(world: &World) {
    for name in ["uploads", "archive"] {
        let store = world.store.sibling(bucket(name));
        empty(&store).await;
        for directory in DIRECTORIES {
            let Some(key) = directory.strip_prefix(name) else {
                continue;
            };
            let prefix = match key.trim_start_matches('/') {
                "" => String::new(),
                key => format!("{key}/"),
            };
            for (key, text) in [
                ("x.csv", "old bytes"),
                ("y.csv", ""),
                ("empty/", ""),
                ("full/z", ""),
            ] {
                let key = object_key(&format!("{prefix}{key}"));
                let put = store.put_bytes(&key, Bytes::from_static(text.as_bytes()));
                put.await.expect("a healthy store");
            }
        }
    }
}

async fn empty(store: &MemoryStore) {
    let page = store.list(&ListRequest::default()).await;
    for entry in page.expect("a healthy store").entries {
        if let Entry::Object { key, .. } = entry {
            let deleted = store.delete(&object_key(&key), None).await;
            deleted.expect("a healthy store");
        }
    }
}

async fn verb(number: usize, directory: &str, session: &Arc<Session>) -> Result<()> {
    let at = |name: &str| format!("/{directory}/{name}");
    let (x, to) = (path(&at("x.csv")), path(&at("to.csv")));
    let rewrite = async |how: &str, piece: &[u8]| {
        let handle = session.open(&x, &flags(how)).await?;
        session.write(handle, 0, piece)?;
        session.close(handle).await
    };
    let nothing = AttributeChanges::default();
    match number {
        0 => session.text(&at("x.csv")).await.map(drop),
        1 => session.put(&at("new.csv"), "bytes").await,
        2 => session.put(&at("x.csv"), "bytes").await,
        3 => rewrite("WC", b"new bytes").await,
        4 => rewrite("WC", b"new").await,
        5 => rewrite("WA", b" and more").await,
        6 => session.stat(&x).await.map(drop),
        7 => {
            let mode = AttributeChanges {
                mode: Some(0o600),
                ..nothing
            };
            session.set_attributes(&x, &mode).await
        }
        8 => {
            let size = AttributeChanges {
                size: Some(3),
                ..nothing
            };
            session.set_attributes(&x, &size).await
        }
        9 => session.remove(&x).await,
        10 => session.rename(&x, &to, Overwrite::Refuse).await,
        11 => {
            session
                .rename(&x, &path(&at("y.csv")), Overwrite::Replace)
                .await
        }
        12 => {
            session.put(&at("t.csv.filepart"), "bytes").await?;
            let from = path(&at("t.csv.filepart"));
            session
                .rename(&from, &path(&at("t.csv")), Overwrite::Refuse)
                .await
        }
        13 => copy(&x, &to, session).await,
        14 => session.list(&format!("/{directory}")).await.map(drop),
        15 => session.stat(&path(&at("full"))).await.map(drop),
        16 => session.space(&path(&at("full"))).await.map(drop),
        17 => session.make_directory(&path(&at("made")), &nothing).await,
        18 => session.remove_directory(&path(&at("empty"))).await,
        _ => {
            let (from, to) = (path(&at("full")), path(&at("moved")));
            session.rename(&from, &to, Overwrite::Refuse).await
        }
    }
}

async fn copy(from: &model::VirtualPath, to: &model::VirtualPath, session: &Session) -> Result<()> {
    let source = session.open(from, &flags("R")).await?;
    let target = session.open(to, &flags("WCT")).await?;
    session.copy_data(source, 0, 0, target, 0).await?;
    session.close(source).await?;
    session.close(target).await
}

/// One sign for an answer.
fn sign(answer: &Result<()>) -> char {
    match answer {
        Ok(()) => '+',
        Err(error) if error.kind() == ErrorKind::Denied => '.',
        Err(error) => panic!("{error}"),
    }
}

async fn matrix() -> String {
    let mut text = String::from("+ done   . refused\n");
    for (column, verb) in VERBS.iter().enumerate() {
        writeln!(text, "  {}{verb}", "|".repeat(column)).expect("a text");
    }
    for (title, policies, session_policy) in ROLES {
        let world = World::new().await;
        let session = session(policies, session_policy, &world).await;
        writeln!(text, "\n{title}: acme at home in uploads/home/acme").expect("a text");
        for directory in DIRECTORIES {
            let mut signs = String::new();
            for number in 0..VERBS.len() {
                reset(&world).await;
                let answer = Box::pin(verb(number, directory, &session)).await;
                signs.push(sign(&answer));
            }
            writeln!(text, "  {signs}  in {directory}/").expect("a text");
        }
    }
    text
}

#[tokio::test]
async fn the_matrix_is_as_committed() {
    let committed = fs::read_to_string(folder().join("matrix.txt")).expect("it is committed");
    let now = Box::pin(matrix()).await;
    let mut title = "";
    for (before, after) in committed.lines().zip(now.lines()) {
        if !after.starts_with(' ') {
            title = after;
        }
        assert_eq!(before, after, "under {title:?}");
    }
    assert_eq!(committed.len(), now.len(), "the matrix has other blocks");
}

#[tokio::test]
#[ignore = "writes the matrix that is committed"]
async fn write_the_matrix() {
    let text = Box::pin(matrix()).await;
    fs::write(folder().join("matrix.txt"), text).expect("written");
}
