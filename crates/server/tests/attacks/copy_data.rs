//! `copy-data`: from what may not be read, to what may not be written, and by handles of others.

use bytes::Bytes;
use sftp::{Extended, OpenFlags, Request};
use testkit::client::Session;

use crate::clients::Attacker;
use crate::verbs::answer;
use crate::world::{Backend, OTHER_BUCKET, OWN, SECRET, World};

const NOT_PRIVATE: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Allow", "Action": "s3:*", "Resource": "*" },
    { "Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::inbox/pool/private/*" },
    { "Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::inbox/pool/fixed/*" }
  ]
}"#;

fn copier(world: &World) -> Attacker<'_> {
    world.policy("not-private", NOT_PRIVATE);
    world.user(
        "copier",
        &[
            "--map",
            "/=/inbox/home/acme",
            "--map",
            "/sent=/inbox/sent:write,list",
            "--map",
            "/read=/inbox/read:read,list",
            "--map",
            "/pool=/inbox/pool",
            "--map",
            "/vault=/vault/home/acme",
            "--role",
            "not-private",
        ],
    );
    Attacker {
        world,
        user: "copier",
    }
}

fn copy(from: &Bytes, to: &Bytes) -> Request {
    Request::Extended(Extended::CopyData {
        from: from.clone(),
        from_offset: 0,
        length: 0,
        to: to.clone(),
        to_offset: 0,
    })
}

async fn no_copy_reads_or_writes_what_its_user_may_not(backend: Backend) {
    let world = World::new(backend).await;
    let secrets = [
        "sent/secret",
        "pool/private/secret",
        "pool/fixed/secret",
        "home/acme2/secret",
    ];
    world.hide(&secrets);
    world.put(OTHER_BUCKET, "secret", SECRET);
    world.put(
        crate::world::BUCKET,
        "read/public",
        "what everybody may read",
    );
    let copier = copier(&world);
    let before = world.beside(&["inbox/home/acme/", "vault/home/acme/"]);
    // From where he may not read.
    let mut commands = String::new();
    for (number, from) in [
        "sent/secret",
        "pool/private/secret",
        "../acme2/secret",
        "vault/../../secret",
    ]
    .iter()
    .enumerate()
    {
        for to in ["", "vault/", "pool/"] {
            commands.push_str(&format!(
                "-cp {from} {to}copied{number}\n-get {to}copied{number}\n"
            ));
        }
    }
    // To where he may not write.
    commands.push_str("put own mine\n");
    for to in [
        "read/new",
        "read/public",
        "pool/fixed/new",
        "pool/fixed/secret",
        "sent/secret",
    ] {
        commands.push_str(&format!("-cp mine {to}\n-cp read/public {to}\n"));
    }
    copier.sftp(&commands).await;
    crate::clients::nothing_was_got(&world.desk());
    assert_eq!(
        world.beside(&["inbox/home/acme/", "vault/home/acme/"]),
        before
    );
    // From where he may to where he may.
    let said = copier
        .sftp("cp read/public vault/copied\nget vault/copied\n")
        .await;
    assert!(said.done, "{}", said.text);
}

async fn open(session: &mut Session, path: &str, flags: OpenFlags) -> Bytes {
    session.open_file(path, flags).await.expect(path)
}

async fn no_copy_goes_by_a_handle_of_somebody_else(backend: Backend) {
    let world = World::new(backend).await;
    world.partner("acme2", "/inbox/home/acme2");
    world.hide(&["home/acme2/secret"]);
    let (mut neighbour, mut acme) = (world.session("acme2").await, world.session("acme").await);
    let own = Bytes::from_static(OWN.as_bytes());
    acme.put("mine", &own).await.expect("his own");
    let theirs = open(&mut neighbour, "secret", OpenFlags::READ).await;
    let writing = neighbour.create("written", true).await.expect("theirs");
    let (mine, written) = (
        open(&mut acme, "mine", OpenFlags::READ).await,
        acme.create("copied", true).await.expect("his own"),
    );
    // Handles are numbers, so those of others are easily guessed.
    let guesses = (0..40_u32).map(|number| Bytes::copy_from_slice(&number.to_be_bytes()));
    let guesses: Vec<Bytes> = guesses.collect();
    assert!(guesses.contains(&theirs) && guesses.contains(&writing));
    let others = guesses
        .iter()
        .filter(|guess| **guess != mine && **guess != written);
    for guessed in others {
        for (from, to) in [(guessed, &written), (&mine, guessed), (guessed, guessed)] {
            let told = answer(&mut acme, &copy(from, to)).await;
            assert!(!told.starts_with("Ok"), "{guessed:?}: {told}");
        }
    }
    // The wrong way round.
    let told = answer(&mut acme, &copy(&written, &mine)).await;
    assert!(
        told.starts_with("Failure") || told.starts_with("BadMessage"),
        "{told}"
    );
    acme.ok(&copy(&mine, &written))
        .await
        .expect("his own into his own");
    acme.close(&written).await.expect("closed");
    assert_eq!(world.object("home/acme/copied").as_deref(), Some(OWN));
    neighbour.close(&writing).await.expect("closed");
    assert_eq!(world.object("home/acme2/written").as_deref(), Some(""));
}

on_each_store!(
    no_copy_reads_or_writes_what_its_user_may_not,
    no_copy_goes_by_a_handle_of_somebody_else,
);
