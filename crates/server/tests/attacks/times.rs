//! Where one may not look, the answer and the way to it are the same, whether something is there or
//! not: the store is not even asked, so time does not tell either.

use bytes::Bytes;
use testkit::s3::S3Server;

use crate::leads::{by_path, by_role};
use crate::verbs::{answer, requests};
use crate::world::{Backend, World};

/// Who may send, and nothing else.
const SEND: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Allow", "Action": "s3:PutObject",
      "Resource": "arn:aws:s3:::${transfer:HomeDirectory}/*" }
  ]
}"#;

async fn nobody_is_asked_where_one_may_not_look(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&["home/acme2/secret", "home/acme2/sub/secret"]);
    let attackers = [
        (by_path(&world), "/inbox/home/acme2"),
        (by_role(&world, "partners"), "/all/home/acme2"),
    ];
    for (attacker, folder) in attackers {
        let mut session = world.session(attacker.user).await;
        let asked = || world.s3().map(asked_for_objects);
        let before = asked();
        for (there, absent) in [
            ("secret", "absent"),
            ("sub", "bus"),
            ("sub/secret", "bus/absent"),
        ] {
            let there = format!("{folder}/{there}");
            let absent = format!("{folder}/{absent}");
            for ((verb, of_there), (_, of_absent)) in requests(&name(&there))
                .into_iter()
                .zip(requests(&name(&absent)))
            {
                let told = answer(&mut session, &of_there).await;
                let nothing = answer(&mut session, &of_absent).await;
                let nothing = nothing.replace(&absent, &there);
                assert_eq!(told, nothing, "{verb} {there}");
                let refused =
                    told.starts_with("PermissionDenied") || told.starts_with("OpUnsupported");
                assert!(refused, "{verb} {there}: {told}");
            }
        }
        assert_eq!(asked(), before, "the store was asked for {}", attacker.user);
    }
}

/// How often the store was asked for an object: what the node asks for its own sake are lists.
fn asked_for_objects(server: &S3Server) -> u64 {
    let requests = server.requests();
    let objects = requests.iter().filter(|(name, _)| name.ends_with("Object"));
    objects.map(|(_, count)| count).sum()
}

/// Who may only send may find out by sending what stands there, and by nothing else.
async fn who_may_only_send_is_told_nothing_of_what_is_there(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&["home/sender/secret", "home/sender/sub/secret"]);
    world.policy("send", SEND);
    world.user(
        "sender",
        &["--home", "/inbox/home/sender", "--role", "send"],
    );
    let mut session = world.session("sender").await;
    let before = world.standing();
    for (there, absent) in [
        ("secret", "absent"),
        ("sub", "bus"),
        ("sub/secret", "bus/secret"),
    ] {
        let looks = |name: &str| {
            let mut requests = requests(&self::name(name));
            let looks = [
                "open to read",
                "stat",
                "lstat",
                "statvfs",
                "opendir",
                "rename from",
                "replace from",
                "remove",
                "rmdir",
                "open to read and write",
            ];
            requests.retain(|(verb, _)| looks.contains(verb));
            requests
        };
        for ((verb, of_there), (_, of_absent)) in looks(there).into_iter().zip(looks(absent)) {
            let told = answer(&mut session, &of_there).await;
            let nothing = answer(&mut session, &of_absent).await;
            assert_eq!(told, nothing.replace(absent, there), "{verb} {there}");
            assert!(
                told.starts_with("PermissionDenied"),
                "{verb} {there}: {told}"
            );
        }
    }
    assert_eq!(world.standing(), before);
}

fn name(path: &str) -> Bytes {
    Bytes::copy_from_slice(path.as_bytes())
}

on_each_store!(
    nobody_is_asked_where_one_may_not_look,
    who_may_only_send_is_told_nothing_of_what_is_there,
);
