//! `//`, `/./`, slashes at the end, and keys in the bucket that no path can say.

use crate::leads::{acme, by_path, lead_nowhere};
use crate::world::{Backend, HOME, OWN, World};

const NEIGHBOURS: [&str; 3] = ["home/acme2/secret", "home/acme2/sub/secret", "secret"];

const NAMES: [&str; 6] = [
    "//home//acme2//secret",
    "/./../acme2/./secret",
    "//../acme2/secret//",
    ".//.//..//acme2/secret/.",
    "/inbox//home/acme/..//acme2/secret",
    "//",
];

async fn no_slash_and_no_dot_leads_out(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&NEIGHBOURS);
    let acme = acme(&world);
    lead_nowhere(&acme, &NAMES).await;
    let said = acme.sftp("mkdir //x/.//\nput own .//x///./y//\n").await;
    assert!(said.done, "{}", said.text);
    assert_eq!(world.object("home/acme/x/y").as_deref(), Some(OWN));
    let path = by_path(&world);
    lead_nowhere(&path, &NAMES).await;
    path.is_in("home/acme/inside").await;
}

on_each_store!(no_slash_and_no_dot_leads_out);

/// Other programs may put any key into a bucket. What such a key would name on the attacker's
/// machine, or here, is never told.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_no_path_can_say_lead_nowhere() {
    let world = World::new(Backend::S3).await;
    world.hide(&["secret", "home/acme2/secret"]);
    for key in [
        "/secret",
        "evil//secret",
        "evil/../../acme2/secret",
        "evil/./secret",
        "evil/..",
    ] {
        world.hide(&[&format!("{HOME}/{key}")]);
    }
    let (acme, before) = (acme(&world), world.standing());
    let mut session = world.session(acme.user).await;
    for folder in ["/", "/evil", "/evil/.", "/evil/.."] {
        for name in session.names(folder).await.expect("listed") {
            assert_eq!(name, "evil", "in {folder}");
        }
    }
    for way in ["-O", "-s"] {
        acme.scp(&[way, "-r", "{}:evil", "got"]).await;
        acme.scp(&[way, "-r", "{}:/", "got"]).await;
    }
    let mut here: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(world.desk().join("..")).expect("read") {
        here.push(
            entry
                .expect("read")
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    assert!(
        !here
            .iter()
            .any(|name| name.contains("secret") || name == "acme2"),
        "{here:?}"
    );
    crate::clients::nothing_was_got(&world.desk());
    assert_eq!(world.standing(), before);
}
