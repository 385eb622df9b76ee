//! RENAME between folders with different rights, onto what the server has fixed, over what may not
//! be written, and out of what may not be read.

use bytes::Bytes;
use testkit::client::Session;

use crate::clients::Attacker;
use crate::world::{Backend, OTHER_BUCKET, OWN, SECRET, World};

/// Both buckets, but for two folders, and with nothing to be listed.
const NO_PAYROLL: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      "Resource": ["arn:aws:s3:::inbox/*", "arn:aws:s3:::vault/*"] },
    { "Effect": "Deny", "Action": "s3:*", 
      "Resource": ["arn:aws:s3:::inbox/*/payroll", "arn:aws:s3:::inbox/*/payroll/*"] },
    { "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::inbox/pool/ledger" },
    { "Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::inbox/pool/fixed/*" }
  ]
}"#;

/// His tree: his own folder, one to read, one to write, one where everything goes, and one that
/// stands alone below a name that nothing else has.
fn mapped(world: &World) -> Attacker<'_> {
    world.policy("no-payroll", NO_PAYROLL);
    world.user(
        "mapped",
        &[
            "--map",
            "/=/inbox/home/acme",
            "--map",
            "/read=/inbox/read:read,list",
            "--map",
            "/drop=/inbox/drop:write,list",
            "--map",
            "/pool=/inbox/pool",
            "--map",
            "/above/below=/vault",
            "--map",
            "/price=file:/inbox/prices/today:read,list",
            "--role",
            "no-payroll",
        ],
    );
    Attacker {
        world,
        user: "mapped",
    }
}

async fn place(backend: Backend) -> World {
    let world = World::new(backend).await;
    world.hide(&[
        "read/secret",
        "read/sub/secret",
        "drop/secret",
        "prices/today",
        "pool/payroll/secret",
        "pool/sub/payroll/secret",
        "pool/ledger",
        "pool/fixed/secret",
        "home/acme2/secret",
    ]);
    world.put(OTHER_BUCKET, "secret", SECRET);
    world
}

/// Tries both kinds of rename, and says what was answered.
async fn renames(session: &mut Session, from: &str, to: &str) -> Vec<String> {
    let mut answers = Vec::new();
    for over in [false, true] {
        answers.push(match session.rename(from, to, over).await {
            Ok(()) => "done".to_owned(),
            Err(stop) => stop.to_string(),
        });
    }
    answers
}

async fn no_rename_does_what_a_folder_does_not_grant(backend: Backend) {
    let world = place(backend).await;
    let mapped = mapped(&world);
    let mut session = world.session(mapped.user).await;
    for own in ["own", "folder/own", "pool/own"] {
        let bytes = Bytes::from_static(OWN.as_bytes());
        session.put(own, &bytes).await.expect("his own");
    }
    let before = world.standing();
    for (from, to) in [
        // Out of where nothing may be taken from.
        ("read/secret", "stolen"),
        ("read/sub", "stolen"),
        ("drop/secret", "stolen"),
        ("price", "stolen"),
        ("pool/payroll/secret", "stolen"),
        ("pool/payroll", "stolen"),
        ("pool/ledger", "stolen"),
        // Into where nothing may be put, or over what stands there.
        ("own", "read/new"),
        ("own", "read/secret"),
        ("own", "drop/new"),
        ("own", "drop/secret"),
        ("own", "price"),
        ("own", "pool/payroll/new"),
        ("own", "pool/ledger"),
        ("own", "pool/fixed/new"),
        ("own", "pool/fixed/secret"),
        ("folder", "read/folder"),
        ("folder", "pool/payroll/folder"),
        ("folder", "pool/fixed/folder"),
        // What the server has fixed, and what stands above it.
        ("read", "moved"),
        ("pool", "moved"),
        ("above", "moved"),
        ("above/below", "moved"),
        ("/", "moved"),
        ("own", "/"),
        ("own", "read"),
        ("own", "pool"),
        ("own", "above"),
        ("own", "above/below"),
        ("folder", "above"),
        ("folder", "folder/within"),
        // What belongs to the gateway.
        ("own", "above/below/.pierhead/own"),
        ("own", "above/below/.pierhead"),
        ("above/below/.pierhead", "stolen"),
        ("folder", "above/below/.pierhead/staging"),
        // Outside of the tree.
        ("own", "../../home/acme2/secret"),
        ("../acme2/secret", "stolen"),
    ] {
        for answer in renames(&mut session, from, to).await {
            let refused = answer.starts_with("refused");
            assert!(
                refused || (to.starts_with("..") && answer == "done"),
                "{from} to {to}: {answer}"
            );
        }
        if to.starts_with("..") {
            // That is a name in his own home.
            session
                .rename("home/acme2/secret", "own", false)
                .await
                .expect("his own");
        }
    }
    let mut after = world.standing();
    // A folder of the local store that was made for the last of them.
    after.retain(|key, _| before.contains_key(key) || !key.starts_with("inbox/home/acme/home/"));
    assert_eq!(keys(&after), keys(&before));
    let said = mapped
        .sftp("rename own pool/taken\nrename pool/taken above/below/taken\n")
        .await;
    assert!(said.done, "he was in all the time: {}", said.text);
}

fn keys(standing: &std::collections::BTreeMap<String, String>) -> Vec<(&String, bool)> {
    let told = standing
        .iter()
        .map(|(key, told)| (key, told.contains(SECRET)));
    told.collect()
}

async fn a_refused_rename_does_not_tell_what_stands_there(backend: Backend) {
    let world = place(backend).await;
    let mapped = mapped(&world);
    let mut session = world.session(mapped.user).await;
    // A folder with something in it that he may not know of: refused as a whole, without its name.
    for answer in renames(&mut session, "pool/sub", "pool/other").await {
        assert!(answer.contains("PermissionDenied"), "{answer}");
        assert!(
            !answer.contains("payroll") && !answer.contains("secret"),
            "{answer}"
        );
    }
    // One that he may neither read nor list, and one that is not there.
    for (there, absent) in [
        ("pool/ledger", "pool/payroll/ledger"),
        ("pool/payroll/secret", "pool/payroll/absent"),
    ] {
        let told = renames(&mut session, there, "stolen").await.concat();
        let nothing = renames(&mut session, absent, "stolen").await.concat();
        assert_eq!(told.replace(there, "NAME"), nothing.replace(absent, "NAME"));
    }
}

/// A role that denies one file by its very name, and lets nobody list.
async fn a_rename_of_what_may_not_be_known_is_no_oracle(backend: Backend) {
    let world = place(backend).await;
    let mapped = mapped(&world);
    let mut session = world.session(mapped.user).await;
    let told = |world: &World| world.object("pool/ledger").is_some();
    assert!(told(&world));
    let there = renames(&mut session, "pool/ledger", "stolen").await;
    remove(&world, "pool/ledger");
    assert!(!told(&world));
    let absent = renames(&mut session, "pool/ledger", "stolen").await;
    assert_eq!(there, absent, "the same whether it is there or not");
    let rmdir = sftp::Request::Rmdir {
        path: Bytes::from_static(b"pool/ledger"),
    };
    let absent = crate::verbs::answer(&mut session, &rmdir).await;
    world.hide(&["pool/ledger"]);
    let there = crate::verbs::answer(&mut session, &rmdir).await;
    assert_eq!(there, absent);
}

fn remove(world: &World, key: &str) {
    match world.s3() {
        Some(server) => server.remove(crate::world::BUCKET, key),
        None => std::fs::remove_file(world.bucket_folder().join(key)).expect("removed"),
    }
}

on_each_store!(
    no_rename_does_what_a_folder_does_not_grant,
    a_refused_rename_does_not_tell_what_stands_there,
    a_rename_of_what_may_not_be_known_is_no_oracle,
);
