//! Links: made through the gateway, left in the folder by somebody with a shell, and swapped while
//! they are being walked over.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;

use crate::leads::{acme, beside_his_home, lead_nowhere};
use crate::verbs::every_verb;
use crate::world::{Backend, HOME, OWN, SECRET, World};

async fn no_client_makes_or_reads_a_link(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&["home/acme2/secret"]);
    let acme = acme(&world);
    acme.is_in("home/acme/inside").await;
    let (before, mut session) = (world.standing(), world.session(acme.user).await);
    for target in ["inside", "../acme2/secret", "/etc/passwd"] {
        let answers = every_verb(&mut session, target.as_bytes()).await;
        let links = answers.0.iter().filter(|(verb, _)| verb.contains("link"));
        for (verb, answer) in links {
            assert!(answer.starts_with("OpUnsupported"), "{verb}: {answer}");
        }
        acme.is_in("home/acme/inside").await;
    }
    let commands = "-ln -s ../acme2/secret soft\n-ln ../acme2/secret hard\n-get soft\n-get hard\n";
    acme.sftp(commands).await;
    crate::clients::nothing_was_got(&world.desk());
    assert_eq!(world.standing().len(), before.len(), "no link was made");
}

on_each_store!(no_client_makes_or_reads_a_link);

/// A folder outside of the store, with a secret in it.
fn outside(world: &World) -> PathBuf {
    let folder = world.desk().join("../outside");
    std::fs::create_dir(&folder).expect("made");
    std::fs::write(folder.join("secret"), SECRET).expect("written");
    folder
}

fn is_untouched(outside: &Path) {
    let names = std::fs::read_dir(outside).expect("read").count();
    assert_eq!(names, 1, "something was made outside of the store");
    let secret = std::fs::read_to_string(outside.join("secret"));
    assert_eq!(secret.expect("read"), SECRET);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_lie_in_the_folder_lead_nowhere() {
    let world = World::new(Backend::Local).await;
    world.hide(&["home/acme2/secret", "home/secret"]);
    let outside = outside(&world);
    let home = world.bucket_folder().join(HOME);
    std::fs::create_dir_all(home.join("deep")).expect("made");
    for (link, target) in [
        ("beside", Path::new("../acme2")),
        ("above", Path::new("..")),
        ("file-secret", Path::new("../acme2/secret")),
        ("file-absent", Path::new("../acme2/absent")),
        ("deep/out", &outside),
        ("deep/out-secret", &outside.join("secret")),
        ("deep/out-absent", &outside.join("absent")),
        ("root", Path::new("/")),
        ("loop", Path::new("loop")),
    ] {
        symlink(target, home.join(link)).expect("made");
    }
    let pipe = Command::new("mkfifo").arg(home.join("pipe")).status();
    assert!(pipe.expect("it runs").success());
    let acme = acme(&world);
    let names = [
        "beside/secret",
        "file-secret",
        "deep/out/secret",
        "deep/out-secret",
        "above/acme2/secret",
        "above/secret",
        "root/etc/passwd",
        "beside/../beside/secret",
        "loop/secret",
    ];
    for answers in lead_nowhere(&acme, &names).await {
        answers.refused();
    }
    let mut session = world.session(acme.user).await;
    for name in ["pipe", "loop", "beside", "root", "deep/out"] {
        every_verb(&mut session, name.as_bytes()).await.refused();
    }
    let listed = session.names("/").await.expect("listed");
    let expected = ["bait", "deep"].map(str::to_owned);
    assert!(
        listed.iter().all(|name| expected.contains(name)),
        "{listed:?}"
    );
    is_untouched(&outside);
    for link in ["beside", "above", "file-secret", "deep/out", "root", "loop"] {
        assert!(home.join(link).is_symlink(), "{link} is not the gateway's");
    }
}

/// Whoever has a shell turns a folder into a link and back, as fast as he can.
fn swap(home: &Path, outside: &Path, spare: &Path, stop: &AtomicBool, turns: &AtomicUsize) {
    let swapped = home.join("swapped");
    while !stop.load(Ordering::Relaxed) {
        let turn = turns.fetch_add(1, Ordering::Relaxed);
        // The gateway may have made it meanwhile, so anything may fail, and comes again.
        let _ = std::fs::create_dir(&swapped);
        let _ = std::fs::write(swapped.join("secret"), OWN);
        let _ = std::fs::rename(&swapped, spare.join(turn.to_string()));
        let _ = symlink(outside, &swapped);
        let _ = std::fs::remove_file(&swapped);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_becomes_a_link_meanwhile_leads_nowhere() {
    const ROUNDS: usize = 15;
    const MOST_ROUNDS: usize = 500;
    let world = World::new(Backend::Local).await;
    world.hide(&["home/acme2/secret"]);
    let outside = outside(&world);
    let home = world.bucket_folder().join(HOME);
    let spare = world.desk().join("../spare");
    std::fs::create_dir_all(&home).expect("made");
    std::fs::create_dir(&spare).expect("made");
    let before = beside_his_home(&world);
    let (stop, turns) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let swapper = {
        let (stop, turns, outside) = (Arc::clone(&stop), Arc::clone(&turns), outside.clone());
        std::thread::spawn(move || swap(&home, &outside, &spare, &stop, &turns))
    };
    let mut session = world.session("acme").await;
    let own = Bytes::from_static(OWN.as_bytes());
    let (mut got, mut round) = (0, 0);
    // A whole folder is met now and then.
    while round < ROUNDS || (got == 0 && round < MOST_ROUNDS) {
        round += 1;
        let name = format!("swapped/new{round}");
        // Each may meet the folder or the link.
        if let Ok(pieces) = session.get("swapped/secret").await {
            let whole = String::from_utf8_lossy(&pieces.concat()).into_owned();
            assert!(whole.is_empty() || whole == OWN, "{whole}");
            got += 1;
        }
        let _ = session.put(&name, &own).await;
        let _ = session.put("swapped/secret", &own).await;
        let _ = session.rename("swapped/secret", "taken", true).await;
        let _ = session.rename("taken", "swapped/secret", true).await;
        let _ = session.mkdir("swapped/folder").await;
        let _ = session.remove(&name).await;
        if let Ok(names) = session.names("swapped").await {
            let known = |name: &String| {
                ["secret", "folder"].contains(&name.as_str()) || name.starts_with("new")
            };
            assert!(names.iter().all(known), "{names:?}");
        }
        is_untouched(&outside);
    }
    stop.store(true, Ordering::Relaxed);
    swapper.join().expect("no panic");
    let turns = turns.load(Ordering::Relaxed);
    assert!(turns > ROUNDS && got > 0, "{turns} turns, {got} reads");
    is_untouched(&outside);
    assert_eq!(beside_his_home(&world), before);
}
