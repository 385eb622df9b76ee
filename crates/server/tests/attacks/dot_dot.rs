//! `..`, from every place and in every company.

use crate::leads::{acme, by_path, by_role, lead_nowhere};
use crate::world::{Backend, World};

const NEIGHBOURS: [&str; 5] = [
    "home/acme2/secret",
    "home/acme2/sub/secret",
    "home/secret",
    "secret",
    "acme2/secret",
];

const NAMES: [&str; 8] = [
    "../acme2/secret",
    "/inbox/home/acme/../acme2/secret",
    "sub/../../acme2/secret",
    "../../../../../../inbox/home/acme2/sub/secret",
    "/../acme2/secret",
    "..//..//home//acme2//secret",
    "sub/../sub/../../../home/acme2/./secret",
    "..",
];

async fn no_dot_dot_leads_out(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&NEIGHBOURS);
    let acme = acme(&world);
    lead_nowhere(&acme, &NAMES).await;
    acme.is_in("home/acme/inside").await;
}

async fn no_dot_dot_leads_out_of_a_home_by_path_or_past_a_role(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&NEIGHBOURS);
    let path = by_path(&world);
    for answers in lead_nowhere(&path, &NAMES).await {
        answers.denied();
    }
    path.is_in("home/acme/inside").await;
    let wide = by_role(&world, "partners");
    let names = [
        "/all/home/acme/../acme2/secret",
        "/all/home/acme/sub/../../acme2/sub/secret",
        "all/../all/home/acme/../../secret",
        "/other/../all/acme2/secret",
    ];
    for answers in lead_nowhere(&wide, &names).await {
        answers.denied();
    }
    wide.is_in("home/acme/inside").await;
}

on_each_store!(
    no_dot_dot_leads_out,
    no_dot_dot_leads_out_of_a_home_by_path_or_past_a_role,
);
