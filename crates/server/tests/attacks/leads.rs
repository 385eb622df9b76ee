//! Names that might lead out of the attacker's home, tried by every verb of every client.

use std::collections::BTreeMap;

use crate::clients::Attacker;
use crate::verbs::{Answers, every_verb};
use crate::world::{ATTACKER, BUCKET, HOME, OTHER_BUCKET, OWN, World};

/// What ends the names of things that are there, and what stands in its place for things that are
/// not.
const THERE: &str = "secret";
const ABSENT: &str = "absent";

/// Whatever is tried by these names, nothing beside the home is read, changed or made, and no answer
/// tells whether something is there. Returns what was answered.
pub(crate) async fn lead_nowhere(attacker: &Attacker<'_>, names: &[&str]) -> Vec<Answers> {
    let before = beside_his_home(attacker.world);
    // First, since programs leave files of his own in his own home.
    let answers = tell_nothing(attacker, names).await;
    assert_eq!(beside_his_home(attacker.world), before, "by packets");
    attacker.by_openssh(names).await;
    assert_eq!(beside_his_home(attacker.world), before, "by OpenSSH");
    are_clean(attacker.world);
    answers
}

/// The same by packets alone, for names that OpenSSH's clients cannot say.
pub(crate) async fn tell_nothing(attacker: &Attacker<'_>, names: &[&str]) -> Vec<Answers> {
    let mut session = attacker.world.session(attacker.user).await;
    let mut all = Vec::new();
    for name in names {
        let there = every_verb(&mut session, name.as_bytes()).await;
        let absent = name.replace(THERE, ABSENT);
        let absent = every_verb(&mut session, absent.as_bytes()).await;
        let told = "the answers tell what is there";
        assert_eq!(absent.called(ABSENT, THERE), there, "{name}: {told}");
        all.push(there);
    }
    all
}

/// Everything that is not the attacker's, past the gateway.
pub(crate) fn beside_his_home(world: &World) -> BTreeMap<String, String> {
    let home = format!("{BUCKET}/{HOME}/");
    let before = world.beside(&[&home]);
    assert!(!before.is_empty(), "there is something to attack");
    before
}

/// No key holds a name that leads anywhere.
fn are_clean(world: &World) {
    for key in world.standing().keys() {
        let path = key.strip_suffix('/').unwrap_or(key);
        let clean = path.split('/').all(|name| !["", ".", ".."].contains(&name));
        assert!(clean, "{key}");
    }
}

/// A user of this name, whose home in `folder` has it too and who sees the whole bucket below `/all`:
/// his role alone keeps him from what is there, as if his name were any other.
pub(crate) async fn is_but_a_name(world: &World, user: &str, folder: &str, names: &[&str]) {
    let home = format!("/=/{BUCKET}/{folder}/${{transfer:UserName}}");
    let all = format!("/all=/{BUCKET}");
    let maps = ["--map", &home, "--map", &all];
    world.user(user, &[&maps[..], &["--role", "partners"]].concat());
    let attacker = Attacker { world, user };
    let before = world.beside(&[]);
    for answers in tell_nothing(&attacker, names).await {
        answers.denied();
    }
    assert_eq!(world.beside(&[]), before, "by {user}");
    let mut session = world.session(user).await;
    let own = bytes::Bytes::from_static(OWN.as_bytes());
    session.put("inside", &own).await.expect("he is in");
    let object = world.object(&format!("{folder}/{user}/inside"));
    assert_eq!(object.as_deref(), Some(OWN));
}

/// The attacker of most tests.
pub(crate) fn acme(world: &World) -> Attacker<'_> {
    Attacker {
        world,
        user: ATTACKER,
    }
}

/// One whose home shows itself by path.
pub(crate) fn by_path(world: &World) -> Attacker<'_> {
    let home = format!("/{BUCKET}/{HOME}");
    world.user(
        "path",
        &["--home", &home, "--home-type", "path", "--role", "partners"],
    );
    Attacker {
        world,
        user: "path",
    }
}

/// One who sees both buckets below `/all` and `/other`, so that his role alone keeps him from them.
pub(crate) fn by_role<'w>(world: &'w World, role: &str) -> Attacker<'w> {
    let maps = [
        format!("/=/{BUCKET}/{HOME}"),
        format!("/all=/{BUCKET}"),
        format!("/other=/{OTHER_BUCKET}"),
    ];
    let [home, all, other] = &maps;
    let maps = ["--map", home, "--map", all, "--map", other];
    world.user("wide", &[&maps[..], &["--role", role]].concat());
    Attacker {
        world,
        user: "wide",
    }
}
