//! Signs that policies, shells and clients read as patterns, in names of users, homes and files.

use bytes::Bytes;
use testkit::client::Session;

use crate::clients::Attacker;
use crate::leads::{is_but_a_name, tell_nothing};
use crate::world::{Backend, OWN, World};

/// Users who would be everybody, were their names patterns.
const USERS: [&str; 4] = ["*", "a?me", "[a-z]cme", "{acme,acme2}"];

const NEIGHBOURS: [&str; 2] = ["home/acme/secret", "home/acme2/secret"];

async fn no_name_of_a_user_is_a_pattern(backend: Backend) {
    let world = World::without_users(backend).await;
    world.policy("partners", BY_NAME);
    world.hide(&NEIGHBOURS);
    for user in USERS {
        let names = [
            "/all/home/acme/secret",
            "/all/home/acme2/secret",
            "/all/home/ac*/secret",
        ];
        is_but_a_name(&world, user, "home", &names).await;
    }
}

/// Homes by name in every way that policies know.
const BY_NAME: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "s3:ListBucket",
      "Resource": "arn:aws:s3:::inbox",
      "Condition": { "StringLike": { "s3:prefix": [
        "home/${aws:username}/*", "${transfer:HomeFolder}/*", "${transfer:HomeFolder}"
      ] } }
    },
    {
      "Effect": "Allow",
      "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      "Resource": [
        "arn:aws:s3:::inbox/home/${transfer:UserName}/*",
        "arn:aws:s3:::${transfer:HomeDirectory}/*"
      ]
    }
  ]
}"#;

fn own() -> Bytes {
    Bytes::from_static(OWN.as_bytes())
}

async fn no_home_and_no_file_is_a_pattern(backend: Backend) {
    let world = World::without_users(backend).await;
    world.policy("partners", BY_NAME);
    world.hide(&NEIGHBOURS);
    let maps = ["--map", "/=/inbox/home/ac*", "--map", "/all=/inbox"];
    world.user("glob", &[&maps[..], &["--role", "partners"]].concat());
    let glob = Attacker {
        world: &world,
        user: "glob",
    };
    let before = world.beside(&[]);
    let names = ["/all/home/acme/secret", "/all/home/acme2/secret"];
    for answers in tell_nothing(&glob, &names).await {
        answers.denied();
    }
    assert_eq!(world.beside(&[]), before);
    let mut session = world.session("glob").await;
    for name in ["*", "?", "[a-z]", "{a,b}", "a", "b"] {
        session.put(name, &own()).await.expect(name);
    }
    removes_one_alone(&mut session, "*").await;
    removes_one_alone(&mut session, "[a-z]").await;
    session.rename("?", "**", false).await.expect("renamed");
    let left = session.names("/").await.expect("listed");
    let expected = ["**", "a", "all", "b", "{a,b}"].map(str::to_owned);
    assert_eq!(left.into_iter().collect::<Vec<_>>(), expected);
    let pattern = session.stat("?").await.expect("answered");
    assert!(pattern.is_none(), "it stands for no other name");
}

async fn removes_one_alone(session: &mut Session, name: &str) {
    let before = session.names("/").await.expect("listed").len();
    session.remove(name).await.expect("removed");
    let after = session.names("/").await.expect("listed").len();
    assert_eq!(after + 1, before, "{name}");
}

on_each_store!(
    no_name_of_a_user_is_a_pattern,
    no_home_and_no_file_is_a_pattern
);
