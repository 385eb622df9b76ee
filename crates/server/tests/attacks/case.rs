//! Names in another case: they are other names, in paths, in policies and of users.

use crate::clients::Attacker;
use crate::leads::{acme, by_path, by_role, lead_nowhere};
use crate::world::{ATTACKER, Backend, OWN, World};

const NEIGHBOURS: [&str; 4] = [
    "home/ACME/secret",
    "home/Acme/secret",
    "Home/acme/secret",
    "HOME/ACME/secret",
];

async fn another_case_is_another_name(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&NEIGHBOURS);
    let acme = acme(&world);
    let names = [
        "../ACME/secret",
        "/inbox/home/ACME/secret",
        "../Acme/secret",
        "../../Home/acme/secret",
        "/HOME/ACME/secret",
    ];
    lead_nowhere(&acme, &names).await;
    let path = by_path(&world);
    let names = [
        "/inbox/home/ACME/secret",
        "/INBOX/home/acme/secret",
        "/Inbox/Home/acme/secret",
        "../Acme/secret",
    ];
    for answers in lead_nowhere(&path, &names).await {
        answers.denied();
    }
    path.is_in("home/acme/inside").await;
}

async fn policies_and_users_know_case(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&NEIGHBOURS);
    let wide = by_role(&world, "partners");
    let names = [
        "/all/home/ACME/secret",
        "/all/Home/acme/secret",
        "/all/HOME/ACME/secret",
    ];
    for answers in lead_nowhere(&wide, &names).await {
        answers.denied();
    }
    wide.is_in("home/acme/inside").await;
    // Another user, with a home of his own.
    let other = "Acme";
    world.user(
        other,
        &[
            "--home",
            "/inbox/home/${transfer:UserName}",
            "--role",
            "partners",
        ],
    );
    let other = Attacker {
        world: &world,
        user: other,
    };
    let said = other.sftp("put own mine\n").await;
    assert!(said.done, "{}", said.text);
    assert_eq!(world.object("home/Acme/mine").as_deref(), Some(OWN));
    assert_eq!(world.object(&format!("home/{ATTACKER}/mine")), None);
}

on_each_store!(another_case_is_another_name, policies_and_users_know_case);
