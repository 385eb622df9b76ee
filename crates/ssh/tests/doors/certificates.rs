//! SSH user certificates, made by `ssh-keygen` and shown by OpenSSH's clients.

use std::process::Command;

use identity::PublicKey;
use identity::certificate::{CertificateAuthorities, Revocations, Trust};

use crate::world::World;

/// Runs `ssh-keygen` in the world's folder.
fn keygen(world: &World, arguments: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    let made = command.current_dir(world.folder.path()).args(arguments);
    let made = made.output().expect("ssh-keygen is installed");
    let errors = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{arguments:?}: {errors}");
}

fn make_key(world: &World, name: &str) {
    keygen(
        world,
        &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name],
    );
}

fn read_key(world: &World, name: &str) -> PublicKey {
    let text = std::fs::read_to_string(world.path(name)).expect("made");
    PublicKey::parse(&text).expect("a key")
}

/// A certificate for the key `user`, signed by `authority`.
fn sign(world: &World, authority: &str, options: &[&str]) {
    let mut arguments = vec!["-q", "-s", authority, "-I", "a test", "-z", "7"];
    arguments.extend(options);
    arguments.push("user.pub");
    keygen(world, &arguments);
}

async fn gets_in(world: &World, program: &str) -> bool {
    let mut arguments = vec!["-o", "CertificateFile=user-cert.pub", "-i", "user"];
    let commands = match program {
        "sftp" => {
            arguments.extend(["-b", "-", "{}"]);
            "ls\n"
        }
        _ => {
            arguments.extend(["-O", "user.pub", "{}:copy"]);
            ""
        }
    };
    // The user's own key is not there to help.
    let _ = std::fs::rename(world.path("id"), world.path("id.away"));
    let output = world.openssh(program, &arguments, commands).await;
    output.status.success()
}

fn trust(world: &World, authorities: &[&str], revoked: Revocations) {
    let trusted = authorities.iter().map(|name| read_key(world, name));
    let known = CertificateAuthorities::new(trusted.collect(), revoked);
    world.identity.set_trust(Trust::new(known));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_lets_in_whom_it_names_when_and_where_it_says() {
    let world = World::new().await;
    for name in ["ca", "other", "user"] {
        make_key(&world, name);
    }
    sign(&world, "ca", &["-n", "acme"]);
    assert!(!gets_in(&world, "sftp").await, "there is no authority yet");
    trust(&world, &["ca.pub"], Revocations::default());
    for (authority, options, expected) in [
        ("ca", &["-n", "acme"][..], true),
        ("ca", &["-n", "somebody,acme"], true),
        ("ca", &["-n", "acme", "-V", "-1h:+1h"], true),
        (
            "ca",
            &["-n", "acme", "-O", "source-address=127.0.0.0/8"],
            true,
        ),
        (
            "ca",
            &["-n", "acme", "-O", "force-command=internal-sftp"],
            true,
        ),
        ("ca", &[], false),
        ("ca", &["-n", "acme2"], false),
        ("ca", &["-n", "acme", "-V", "-2h:-1h"], false),
        ("ca", &["-n", "acme", "-V", "+1h:+2h"], false),
        (
            "ca",
            &["-n", "acme", "-O", "source-address=192.0.2.0/24"],
            false,
        ),
        ("ca", &["-n", "acme", "-O", "force-command=/bin/sh"], false),
        ("ca", &["-h", "-n", "acme"], false),
        ("other", &["-n", "acme"], false),
    ] {
        sign(&world, authority, options);
        assert_eq!(
            gets_in(&world, "sftp").await,
            expected,
            "{authority} {options:?}"
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_sftp_alone_opens_no_scp() {
    let world = World::new().await;
    for name in ["ca", "user"] {
        make_key(&world, name);
    }
    trust(&world, &["ca.pub"], Revocations::default());
    sign(&world, "ca", &["-n", "acme"]);
    assert!(gets_in(&world, "scp").await);
    sign(
        &world,
        "ca",
        &["-n", "acme", "-O", "force-command=internal-sftp"],
    );
    assert!(!gets_in(&world, "scp").await);
    assert!(gets_in(&world, "sftp").await);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_lets_nobody_in() {
    let world = World::new().await;
    for name in ["ca", "user"] {
        make_key(&world, name);
    }
    sign(&world, "ca", &["-n", "acme"]);
    std::fs::write(world.path("serials"), "serial: 7\n").expect("written");
    let lists: [(&str, &[&str]); 2] = [
        ("by-serial", &["-s", "ca.pub", "serials"]),
        ("by-key", &["user.pub"]),
    ];
    for (name, of) in lists {
        let mut arguments = vec!["-q", "-k", "-f", name];
        arguments.extend(of);
        keygen(&world, &arguments);
        let list = std::fs::read(world.path(name)).expect("made");
        trust(&world, &["ca.pub"], Revocations::default());
        assert!(gets_in(&world, "sftp").await);
        let revoked = Revocations::parse_krl(&list).expect("a list");
        trust(&world, &["ca.pub"], revoked);
        assert!(!gets_in(&world, "sftp").await, "{name}");
    }
    // A key of a user's own can be revoked as well, and if nobody can say, every one is.
    world.batch(&["-i", "id.away"], "ls\n").await;
    let mut revoked = Revocations::default();
    let text = std::fs::read_to_string(world.path("id.away")).expect("there");
    let own = ssh::HostKey::import(&text, None).expect("a key");
    revoked.revoke_key(&PublicKey::parse(&own.public_key()).expect("a key"));
    for trusted in [
        Trust::new(CertificateAuthorities::new(Vec::new(), revoked)),
        Trust::unreadable(),
    ] {
        world.identity.set_trust(trusted);
        let arguments = ["-i", "id.away", "-b", "-", "{}"];
        let output = world.openssh("sftp", &arguments, "ls\n").await;
        assert!(!output.status.success());
    }
    world.stop().await;
}

/// Where certificates are taken, a key alone looks like one until it signs. Keys that are nobody's
/// are not counted as refusals then, so that a full agent still gets in.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_others_cost_no_attempt_where_certificates_are_taken() {
    let world = World::with(|settings| settings.limits.auth_attempts = 2).await;
    for name in ["ca", "k1", "k2", "k3", "k4"] {
        make_key(&world, name);
    }
    trust(&world, &["ca.pub"], Revocations::default());
    std::fs::rename(world.path("id"), world.path("own")).expect("moved");
    let arguments = ["-i", "k1", "-i", "k2", "-i", "k3", "-i", "k4", "-i", "own"];
    world.batch(&arguments, "ls\n").await;
    world.stop().await;
}
