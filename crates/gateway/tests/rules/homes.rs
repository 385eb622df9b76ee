//! A home is a folder, whatever a policy puts behind it.

use database::{Mapping, MappingKind};
use model::ErrorKind;
use serde_json::json;

use crate::roles::document;
use crate::world::{SessionExt, World, flags, path};

/// The idiom of many examples: no slash between the home and the wildcard.
fn scope_down() -> String {
    document(&json!([
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::${transfer:HomeBucket}",
            "Condition": { "StringLike": { "s3:prefix": "${transfer:HomeFolder}*" } },
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": "arn:aws:s3:::${transfer:HomeDirectory}*",
        },
    ]))
}

#[tokio::test]
async fn a_wildcard_behind_a_home_without_a_slash_opens_no_other_home() {
    let world = World::new().await;
    world.role("scope-down", &scope_down()).await;
    for key in [
        "home/acme/f",
        "home/acme2/f",
        "home/acme.old/f",
        "home/acmef",
    ] {
        world.seed(key, "bytes").await;
    }
    // He sees the whole bucket, so that nothing but the policy keeps him in.
    let session = world
        .session_of("/b/home/acme", |user| {
            user.role = Some("scope-down".to_owned());
            user.mappings = vec![Mapping {
                entry: "/all".to_owned(),
                target: "/b".to_owned(),
                kind: MappingKind::Directory,
                permissions: None,
            }];
        })
        .await;
    assert_eq!(
        session.text("/all/home/acme/f").await.expect("his"),
        "bytes"
    );
    session.put("/all/home/acme/g", "new").await.expect("his");
    assert_eq!(session.names("/all/home/acme").await, ["f", "g"]);
    for at in [
        "/all/home/acme2/f",
        "/all/home/acme2/new",
        "/all/home/acme.old/f",
        "/all/home/acmef",
        "/all/home/Acme/f",
        "/all/home/acme/../acme2/f",
        "/all/home/f",
        "/all/acme/f",
    ] {
        for how in ["R", "W", "WCT", "WCA"] {
            let refused = session.open(&path(at), &flags(how)).await;
            let refused = refused.expect_err("not his");
            assert_eq!(refused.kind(), ErrorKind::Denied, "{how} {at}: {refused}");
        }
        let refused = session.remove(&path(at)).await.expect_err("not his");
        assert_eq!(refused.kind(), ErrorKind::Denied, "{at}: {refused}");
        let refused = session.stat(&path(at)).await.expect_err("not his");
        assert_eq!(refused.kind(), ErrorKind::Denied, "{at}: {refused}");
    }
    for at in ["/all", "/all/home", "/all/home/acme2", "/all/home/acme.old"] {
        let refused = session.open_directory(&path(at)).await;
        assert_eq!(
            refused.expect_err("not his").kind(),
            ErrorKind::Denied,
            "{at}"
        );
    }
    assert_eq!(world.object("home/acme2/new").await, None);
}

#[tokio::test]
async fn signs_in_names_mean_themselves() {
    let world = World::new().await;
    world.role("scope-down", &scope_down()).await;
    for key in [
        "home/*/f",
        "home/acme/f",
        "home/${transfer:UserName}/f",
        "home/?/f",
    ] {
        world.seed(key, "bytes").await;
    }
    for (home, own) in [("*", "/all/home/*/f"), ("?", "/all/home/?/f")] {
        let session = world
            .session_of(&format!("/b/home/{home}"), |user| {
                user.role = Some("scope-down".to_owned());
                user.mappings = vec![Mapping {
                    entry: "/all".to_owned(),
                    target: "/b".to_owned(),
                    kind: MappingKind::Directory,
                    permissions: None,
                }];
            })
            .await;
        assert_eq!(session.text(own).await.expect("his"), "bytes");
        for at in [
            "/all/home/acme/f",
            "/all/home/${transfer:UserName}/f",
            "/all/home/x/f",
        ] {
            let refused = session.text(at).await.expect_err("not his");
            assert_eq!(refused.kind(), ErrorKind::Denied, "{home}: {at}");
        }
    }
}
