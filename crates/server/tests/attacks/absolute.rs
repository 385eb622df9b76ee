//! Paths that begin where the attacker would like to be: in the bucket, in another one, on the
//! machine, in somebody's home, in another program's notation.

use crate::leads::{acme, by_path, by_role, lead_nowhere};
use crate::world::{Backend, OTHER_BUCKET, SECRET, World};

const NEIGHBOURS: [&str; 3] = ["home/acme2/secret", "home/secret", "secret"];

/// Absolute for everybody.
const ABSOLUTE: [&str; 6] = [
    "/inbox/home/acme2/secret",
    "/home/acme2/secret",
    "/vault/secret",
    "//inbox/home/acme2/secret",
    "/inbox",
    "/etc/passwd",
];

/// Somebody's notation, and plain names here.
const NOTATIONS: [&str; 4] = [
    "file:///inbox/home/acme2/secret",
    "s3://inbox/home/acme2/secret",
    "~acme2/secret",
    "C:\\inbox\\home\\acme2\\secret",
];

async fn no_absolute_path_leads_out(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&NEIGHBOURS);
    world.put(OTHER_BUCKET, "secret", SECRET);
    let acme = acme(&world);
    lead_nowhere(&acme, &ABSOLUTE).await;
    lead_nowhere(&acme, &NOTATIONS).await;
    acme.is_in("home/acme/inside").await;
}

async fn absolute_paths_end_at_a_home_by_path_and_at_a_role(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&NEIGHBOURS);
    world.put(OTHER_BUCKET, "secret", SECRET);
    let path = by_path(&world);
    for answers in lead_nowhere(&path, &ABSOLUTE).await {
        answers.denied();
    }
    path.is_in("home/acme/inside").await;
    let wide = by_role(&world, "partners");
    let names = ["/all/home/acme2/secret", "/other/secret", "/all/secret"];
    for answers in lead_nowhere(&wide, &names).await {
        answers.denied();
    }
}

on_each_store!(
    no_absolute_path_leads_out,
    absolute_paths_end_at_a_home_by_path_and_at_a_role,
);
