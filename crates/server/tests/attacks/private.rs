//! What belongs to one user alone: unfinished and temporary files of others in a folder that both
//! use, and what the gateway keeps for itself.

use bytes::Bytes;
use testkit::client::Session;

use crate::clients::Attacker;
use crate::verbs::every_verb;
use crate::world::{BUCKET, Backend, OTHER_BUCKET, SECRET, World};

/// Two users of one folder: the owner of what is private, and the attacker.
const OWNER: &str = "owner";
const OTHER: &str = "other";

/// Private files of the owner, and names with nothing behind them in any way.
const PRIVATE: [(&str, &str); 5] = [
    ("unfinished.bin", "notthereatall.bin"),
    ("letter.filepart", "lettre.filepart"),
    ("letter", "lettre"),
    ("folder", "dossier"),
    ("folder/deep.filepart", "dossier/deep.filepart"),
];

async fn place(backend: Backend) -> World {
    let world = World::new(backend).await;
    for user in [OWNER, OTHER] {
        world.partner(user, "/inbox/shared");
    }
    let mut owner = world.session(OWNER).await;
    let secret = Bytes::from_static(SECRET.as_bytes());
    for temporary in ["letter.filepart", "folder/deep.filepart"] {
        owner.put(temporary, &secret).await.expect("taken");
    }
    let handle = owner.create("unfinished.bin", true).await.expect("open");
    let half = SECRET.len() as u64 / 2;
    let written = owner
        .write(&handle, 0, half, |from| rest(&secret, from))
        .await;
    written.expect("taken");
    owner.cut();
    // Until it is left behind.
    let mut again = world.session(OWNER).await;
    let mut looks = tokio::time::interval(std::time::Duration::from_millis(20));
    while size(&mut again).await != Some(half) {
        looks.tick().await;
    }
    world
}

async fn size(session: &mut Session) -> Option<u64> {
    let found = session.stat("unfinished.bin").await.expect("answered");
    found.and_then(|found| found.size)
}

fn rest(bytes: &Bytes, from: u64) -> Bytes {
    bytes.slice(usize::try_from(from).expect("small")..)
}

async fn private_files_are_not_there_for_anybody_else(backend: Backend) {
    let world = place(backend).await;
    let mut other = world.session(OTHER).await;
    let listed = other.names("/").await.expect("listed");
    assert!(listed.is_empty(), "{listed:?}");
    for (private, absent) in PRIVATE {
        let there = every_verb(&mut other, private.as_bytes()).await;
        let absent_s = every_verb(&mut other, absent.as_bytes()).await;
        assert_eq!(there.called(private, absent), absent_s, "{private}");
        let moved = format!("moved-{private}");
        for over in [false, true] {
            let renamed = other.rename(private, &moved, over).await;
            renamed.expect_err("there is nothing to rename");
        }
    }
    let openssh = Attacker {
        world: &world,
        user: OTHER,
    };
    openssh
        .by_openssh(&PRIVATE.map(|(private, _)| private))
        .await;
    goes_on(&world).await;
}

/// The owner goes on with what he has, as if nothing had been.
async fn goes_on(world: &World) {
    let mut owner = world.session(OWNER).await;
    let secret = Bytes::from_static(SECRET.as_bytes());
    let handle = owner.create("unfinished.bin", false).await.expect("open");
    let (half, whole) = (SECRET.len() as u64 / 2, SECRET.len() as u64);
    let written = owner
        .write(&handle, half, whole, |from| rest(&secret, from))
        .await;
    written.expect("taken");
    owner.close(&handle).await.expect("published");
    let renamed = owner.rename("letter.filepart", "whole", true).await;
    renamed.expect("named");
    let renamed = owner.rename("folder/deep.filepart", "deep", true).await;
    renamed.expect("named");
    for name in ["unfinished.bin", "whole", "deep"] {
        let object = world.object(&format!("shared/{name}"));
        assert_eq!(object.as_deref(), Some(SECRET), "{name}");
    }
}

/// Everything in both buckets, as far as roles go.
const EVERYTHING: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }]
}"#;

async fn what_the_gateway_keeps_for_itself_is_out_of_every_reach(backend: Backend) {
    let world = place(backend).await;
    for bucket in [BUCKET, OTHER_BUCKET] {
        world.put(bucket, ".pierhead/staging/secret", SECRET);
        world.put(bucket, ".pierhead/secret", SECRET);
    }
    world.policy("everything", EVERYTHING);
    let path = [
        "--home",
        "/inbox",
        "--home-type",
        "path",
        "--role",
        "everything",
    ];
    world.user("root-by-path", &path);
    let maps = [
        "--map",
        "/=/inbox",
        "--map",
        "/vault=/vault",
        "--role",
        "everything",
    ];
    world.user("everything", &maps);
    let kept = kept(&world);
    assert!(kept.len() >= 4, "{kept:?}");
    for (user, prefixes) in [
        ("root-by-path", &["/inbox/", "./", "x/../"][..]),
        ("everything", &["/", "/vault/", "vault/x/..//"]),
    ] {
        let mut session = world.session(user).await;
        let mut names = vec![
            ".pierhead",
            ".pierhead/secret",
            ".pierhead/new",
            ".pierhead/staging",
        ];
        names.push(".pierhead/staging/secret");
        let staged: Vec<&String> = kept.keys().collect();
        let staged = staged.iter().filter_map(|key| key.strip_prefix("inbox/"));
        names.extend(staged);
        for prefix in prefixes {
            for name in &names {
                let name = format!("{prefix}{name}");
                every_verb(&mut session, name.as_bytes()).await.denied();
            }
        }
        for folder in prefixes {
            let listed = session.names(folder).await.unwrap_or_default();
            assert!(!listed.contains(".pierhead"), "{listed:?}");
        }
        let attacker = Attacker {
            world: &world,
            user,
        };
        for way in ["-O", "-s"] {
            let got = format!("got-{user}{way}");
            attacker.scp(&[way, "-r", "{}:.", &got]).await;
            assert!(!world.desk().join(got).join(".pierhead").exists());
        }
    }
    assert_eq!(self::kept(&world), kept);
    let key = world.key_file().with_extension("pub");
    let key = key.to_str().expect("UTF-8");
    for home in [
        "/inbox/.pierhead",
        "/inbox/.pierhead/staging",
        "/.pierhead/inbox",
    ] {
        let add = ["user", "add", "sneaky", "--home", home, "--key", key];
        world.node.command(&add).expect_err(home);
    }
}

/// What the gateway keeps in the buckets.
fn kept(world: &World) -> std::collections::BTreeMap<String, String> {
    let mut kept = world.standing();
    kept.retain(|key, _| key.contains("/.pierhead/"));
    kept
}

on_each_store!(
    private_files_are_not_there_for_anybody_else,
    what_the_gateway_keeps_for_itself_is_out_of_every_reach,
);
