//! `${...}` in names of files, users and homes: it stands for nothing but itself wherever an attacker
//! can write it.

use crate::leads::{acme, by_path, by_role, is_but_a_name, lead_nowhere};
use crate::world::{Backend, OWN, World};

const NEIGHBOURS: [&str; 5] = [
    "home/acme2/secret",
    "home/${transfer:UserName}/secret",
    "home/${*}/secret",
    "${transfer:HomeFolder}/secret",
    "secret",
];

const NAMES: [&str; 7] = [
    "../${transfer:UserName}/secret",
    "/${transfer:HomeDirectory}/../acme2/secret",
    "/inbox/home/${*}/secret",
    "../${aws:username}2/secret",
    "/${transfer:HomeBucket}/secret",
    "../../${transfer:HomeFolder}/secret",
    "$HOME/../acme2/secret",
];

async fn no_variable_in_a_path_stands_for_anything(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&NEIGHBOURS);
    let acme = acme(&world);
    for name in [
        "${transfer:UserName}",
        "${aws:username}",
        "${*}",
        "${?}",
        "${$}",
        "$$",
    ] {
        let said = acme.sftp(&format!("put own \"{name}\"\n")).await;
        assert!(said.done, "{name}: {}", said.text);
        let object = world.object(&format!("home/acme/{name}"));
        assert_eq!(object.as_deref(), Some(OWN), "{name} is its own name");
    }
    lead_nowhere(&acme, &NAMES).await;
    let path = by_path(&world);
    let names = [
        "/inbox/home/${transfer:UserName}/secret",
        "/inbox/home/${*}/secret",
    ];
    for answers in lead_nowhere(&path, &names).await {
        answers.denied();
    }
    let wide = by_role(&world, "partners");
    let names = [
        "/all/home/${transfer:UserName}/secret",
        "/all/home/${*}/secret",
        "/all/home/acme2/secret",
    ];
    for answers in lead_nowhere(&wide, &names).await {
        answers.denied();
    }
}

async fn no_variable_in_a_user_s_name_or_home_stands_for_anything(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&NEIGHBOURS);
    // A colon is in no name, so the variables with one cannot be names; these could.
    for user in ["${*}", "${?}", "${$}", "${username}"] {
        let names = [
            "/all/home/acme2/secret",
            "/all/home/${*}/secret",
            "/all/secret",
        ];
        is_but_a_name(&world, user, "homes", &names).await;
    }
    let key = world.key_file().with_extension("pub");
    let key = key.to_str().expect("UTF-8");
    for (name, home) in [
        ("${aws:username}", "/inbox/home/x"),
        ("${transfer:UserName}", "/inbox/home/x"),
        ("x", "/inbox/home/${aws:username}"),
        ("x", "/inbox/home/${*}"),
        ("x", "/inbox/home/${transfer:HomeFolder}"),
        ("..", "/inbox/home/${transfer:UserName}"),
        ("../acme2", "/inbox/home/${transfer:UserName}"),
    ] {
        let add = ["user", "add", name, "--home", home, "--key", key];
        world.node.command(&add).expect_err(name);
    }
}

on_each_store!(
    no_variable_in_a_path_stands_for_anything,
    no_variable_in_a_user_s_name_or_home_stands_for_anything,
);
