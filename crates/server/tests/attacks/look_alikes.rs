//! Homes whose names begin alike, and a policy that means more than it says: a wildcard behind a home
//! without a slash.

use crate::leads::{acme, by_path, by_role, lead_nowhere};
use crate::world::{Backend, World};

const NEIGHBOURS: [&str; 7] = [
    "home/acme2/secret",
    "home/acme-old/secret",
    "home/acme.bak/secret",
    "home/acmesecret",
    "home/acm/secret",
    "home/acme /secret",
    "home/a/secret",
];

/// As the examples of many have it.
const WITHOUT_A_SLASH: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "s3:ListBucket",
      "Resource": "arn:aws:s3:::${transfer:HomeBucket}",
      "Condition": { "StringLike": { "s3:prefix": ["${transfer:HomeFolder}*"] } }
    },
    {
      "Effect": "Allow",
      "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      "Resource": "arn:aws:s3:::${transfer:HomeDirectory}*"
    }
  ]
}"#;

async fn no_home_that_begins_alike_is_reached(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&NEIGHBOURS);
    let acme = acme(&world);
    let names = [
        "../acme2/secret",
        "2/secret",
        "../acmesecret",
        "secret",
        "-old/secret",
        "../acme-old/secret",
        "../acme.bak/secret",
    ];
    lead_nowhere(&acme, &names).await;
    let path = by_path(&world);
    let names = [
        "/inbox/home/acme2/secret",
        "/inbox/home/acmesecret",
        "/inbox/home/acme /secret",
        "/inbox/home/acm/secret",
        "/inbox/home/acme-old/secret",
        "/inbox/home/acme.bak/secret",
    ];
    for answers in lead_nowhere(&path, &names).await {
        answers.denied();
    }
    path.is_in("home/acme/inside").await;
}

async fn a_policy_without_a_slash_opens_no_home_that_begins_alike(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&NEIGHBOURS);
    world.policy("loose", WITHOUT_A_SLASH);
    let wide = by_role(&world, "loose");
    let names = [
        "/all/home/acme2/secret",
        "/all/home/acmesecret",
        "/all/home/acme /secret",
        "/all/home/acm/secret",
        "/all/home/acme-old/secret",
        "/all/home/acme.bak/secret",
        "/all/home/a/secret",
    ];
    for answers in lead_nowhere(&wide, &names).await {
        answers.denied();
    }
    // What the policy does allow is reached either way.
    wide.is_in("home/acme/inside").await;
    let said = wide.sftp("get /all/home/acme/inside\n").await;
    assert!(said.done, "{}", said.text);
}

on_each_store!(
    no_home_that_begins_alike_is_reached,
    a_policy_without_a_slash_opens_no_home_that_begins_alike,
);
