//! Names that another program would decode: percent signs, UTF-8 that is longer than it must be,
//! letters that look alike, backslashes, control characters.

use crate::clients::Attacker;
use crate::leads::{acme, beside_his_home, by_path, lead_nowhere, tell_nothing};
use crate::verbs::every_verb;
use crate::world::{Backend, SECRET, World};

const NEIGHBOURS: [&str; 2] = ["home/acme2/secret", "secret"];

/// Names that OpenSSH's clients can say.
const NAMES: [&str; 7] = [
    "..%2facme2%2fsecret",
    "%2e%2e/acme2/secret",
    "..\\acme2\\secret",
    "\u{ff0e}\u{ff0e}/acme2/secret",
    "..\u{2044}acme2\u{2044}secret",
    "..\u{ff0f}acme2\u{ff0f}secret",
    "\u{202e}/../acme2/secret",
];

/// Bytes that are no names.
const BYTES: [&[u8]; 9] = [
    b"\xc0\xae\xc0\xae/acme2/secret",
    b"\xe0\x80\xae\xe0\x80\xae/acme2/secret",
    b"..\xc0\xafacme2\xc0\xafsecret",
    b"\xed\xa0\x80",
    b"\xff\xfe.\0.\0/\0",
    b"..\0/acme2/secret",
    b"sub\n../acme2/secret",
    b"\x1b[2J",
    b"\xc2\x85../acme2/secret",
];

async fn no_encoding_leads_out(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&NEIGHBOURS);
    let acme = acme(&world);
    lead_nowhere(&acme, &NAMES).await;
    let before = world.standing();
    let mut session = world.session(acme.user).await;
    for name in BYTES {
        let answers = every_verb(&mut session, name).await;
        for (verb, answer) in &answers.0 {
            let refused = answer.starts_with("Failure: the path")
                || answer.starts_with("BadMessage")
                || answer.starts_with("OpUnsupported");
            assert!(refused, "{verb} {name:?}: {answer}");
        }
    }
    assert_eq!(world.standing().len(), before.len(), "nothing was made");
    acme.is_in("home/acme/inside").await;
}

async fn letters_that_look_alike_are_other_letters(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&["home/acm\u{e9}/secret"]);
    // The neighbour by one letter, the attacker by two.
    let (user, home) = ("acme\u{301}", "/inbox/home/${transfer:UserName}");
    world.user(user, &["--home", home, "--role", "partners"]);
    let acme = Attacker {
        world: &world,
        user,
    };
    let before = beside_his_home(&world);
    let names = ["../acm\u{e9}/secret", "/inbox/home/acm\u{e9}/secret"];
    tell_nothing(&acme, &names).await;
    assert_eq!(beside_his_home(&world), before);
    acme.is_in("home/acme\u{301}/inside").await;
    let path = by_path(&world);
    for answers in tell_nothing(&path, &["/inbox/home/acm\u{e9}/secret"]).await {
        answers.denied();
    }
    assert_eq!(
        world.object("home/acm\u{e9}/secret").as_deref(),
        Some(SECRET)
    );
}

on_each_store!(
    no_encoding_leads_out,
    letters_that_look_alike_are_other_letters
);
