//! Roles and policies, and what takes rights away from who has them.

use std::time::Duration;

use database::{Group, NewRole, NewUser, Role, RoleChanges};
use model::{ErrorKind, UserName};
use policy::Permissions;

use crate::fixture::{Fixture, NOW, on_both_engines};

on_both_engines!(
    a_role_is_read_with_its_documents_in_their_order,
    a_role_is_found_by_its_arn_or_its_name,
    what_cannot_be_read_is_not_saved,
    what_is_absent_from_changes_stays,
    what_takes_rights_away_advances_the_epoch,
    a_policy_that_a_role_has_stays,
    names_are_taken_once,
    iam_roles_are_such_as_sts_takes,
    a_session_opens_with_one_query,
);

const READ: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
const WRITE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}"#;
const TYPO: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringLikes":{"s3:prefix":"x"}}}]}"#;
const ARN: &str = "arn:aws:iam::111122223333:role/partners";

fn named(name: &str, policies: &[&str]) -> NewRole {
    NewRole {
        name: name.to_owned(),
        policies: policies.iter().map(ToString::to_string).collect(),
        ..NewRole::default()
    }
}

/// Policies `read` and `write`, and a role that has both.
async fn partners(fixture: &Fixture) -> Role {
    let policies = fixture.database.policies();
    policies.create("read", READ, NOW).await.expect("create");
    policies.create("write", WRITE, NOW).await.expect("create");
    let new = NewRole {
        arn: Some(ARN.to_owned()),
        description: "sends and fetches".to_owned(),
        ..named("partners", &["write", "read"])
    };
    let roles = fixture.database.roles();
    roles.create(&new, NOW).await.expect("create")
}

async fn a_role_is_read_with_its_documents_in_their_order(fixture: Fixture) {
    let made = partners(&fixture).await;
    let roles = fixture.database.roles();
    let read = roles.documents("partners").await.expect("read");
    let read = read.expect("there");
    assert_eq!(read.role, made);
    let wanted = [("write", WRITE), ("read", READ)];
    let wanted = wanted.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(read.documents, wanted);
    assert_eq!(roles.documents("nobody").await.expect("read"), None);
    let bare = roles.create(&named("bare", &[]), NOW).await;
    bare.expect("a role without policies");
    let read = roles.documents("bare").await.expect("read").expect("there");
    assert_eq!(read.documents, []);
    let names: Vec<_> = roles.list().await.expect("read");
    let names: Vec<_> = names.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["bare", "partners"]);
    let users = fixture.database.policies().roles_with("read").await;
    assert_eq!(users.expect("read"), ["partners"]);
}

async fn a_role_is_found_by_its_arn_or_its_name(fixture: Fixture) {
    partners(&fixture).await;
    let roles = fixture.database.roles();
    for word in [ARN, "partners"] {
        let found = roles.by_arn_or_name(word).await.expect("read");
        assert_eq!(found.expect("there").name, "partners", "{word}");
    }
    let found = roles.by_arn_or_name("Partners").await.expect("read");
    assert_eq!(found, None);
}

async fn what_cannot_be_read_is_not_saved(fixture: Fixture) {
    partners(&fixture).await;
    let policies = fixture.database.policies();
    let created = policies.create("typo", TYPO, NOW).await;
    let replaced = policies.replace("read", TYPO, NOW).await;
    for refused in [created.err(), replaced.err()] {
        let refused = refused.expect("refused");
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        let text = refused.to_string();
        assert!(text.contains("statement 1"), "{text}");
        assert!(text.contains("StringLike?"), "{text}");
    }
    let left = policies.by_name("read").await.expect("read");
    assert_eq!(left.expect("there").document, READ);
    assert_eq!(policies.by_name("typo").await.expect("read"), None);
    for name in ["", "two words", "a/b", &"x".repeat(65)] {
        let refused = policies.create(name, READ, NOW).await.expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{name}");
        let (roles, role) = (fixture.database.roles(), named(name, &[]));
        let refused = roles.create(&role, NOW).await.expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{name}");
    }
}

async fn iam_roles_are_such_as_sts_takes(fixture: Fixture) {
    partners(&fixture).await;
    let roles = fixture.database.roles();
    let change = |iam_role: Option<&str>, external_id: Option<&str>| RoleChanges {
        iam_role: iam_role.map(|arn| Some(arn.to_owned())),
        external_id: external_id.map(|id| Some(id.to_owned())),
        ..RoleChanges::default()
    };
    for (iam_role, external_id) in [
        (None, Some("pier-1")),
        (Some("partners"), None),
        (Some("arn:aws:iam::1:role/with space"), None),
        (Some(ARN), Some("x")),
        (Some(ARN), Some("a b")),
        (Some(ARN), Some(&"x".repeat(1_225))),
    ] {
        let changed = roles.update("partners", change(iam_role, external_id), NOW);
        let refused = changed.await.expect_err("refused");
        assert_eq!(
            refused.kind(),
            ErrorKind::Invalid,
            "{iam_role:?} {external_id:?}"
        );
    }
    let changed = roles.update("partners", change(Some(ARN), Some("pier-1")), NOW);
    changed.await.expect("changed");
    let read = roles
        .by_name("partners")
        .await
        .expect("read")
        .expect("there");
    assert_eq!(read.iam_role.as_deref(), Some(ARN));
    assert_eq!(read.external_id.as_deref(), Some("pier-1"));
    let none = RoleChanges {
        iam_role: Some(None),
        ..RoleChanges::default()
    };
    let changed = roles.update("partners", none, NOW).await.expect("changed");
    assert_eq!((changed.iam_role, changed.external_id), (None, None));
    let new = NewRole {
        iam_role: Some(ARN.to_owned()),
        ..named("other", &[])
    };
    let made = roles.create(&new, NOW).await.expect("made");
    assert_eq!(roles.by_name("other").await.expect("read"), Some(made));
}

async fn a_session_opens_with_one_query(fixture: Fixture) {
    let server = fixture.server().await.id;
    let role = partners(&fixture).await;
    let mut group = Group::new(server.clone(), "partners", NOW);
    group.permissions = Permissions::READ_ONLY;
    group.limits.sessions = Some(3);
    let made = fixture.database.groups().create(&group).await;
    made.expect("made");
    let name = UserName::parse("acme").expect("valid");
    let new = NewUser::new(server, name, "/b/acme");
    let users = fixture.database.users();
    let mut user = users.create(new, NOW).await.expect("made");
    let admissions = fixture.database.admissions();
    let bare = admissions.of(&user).await.expect("read");
    assert_eq!((bare.group, bare.role), (None, None));
    user.role = Some("partners".to_owned());
    user.group = Some(group.id);
    let full = admissions.of(&user).await.expect("read");
    let bounds = full.group.expect("there");
    assert_eq!(bounds.permissions, Permissions::READ_ONLY);
    assert_eq!(bounds.limits.sessions, Some(3));
    let found = full.role.expect("there");
    assert_eq!(found.role, role);
    let names: Vec<_> = found.documents.iter().map(|one| one.0.as_str()).collect();
    assert_eq!(names, ["write", "read"]);
    // What does not exist is not there, and takes nothing else along.
    user.role = Some("nobody".to_owned());
    let found = admissions.of(&user).await.expect("read");
    assert!(found.role.is_none() && found.group.is_some());
}

async fn what_is_absent_from_changes_stays(fixture: Fixture) {
    let made = partners(&fixture).await;
    let roles = fixture.database.roles();
    let later = NOW.plus(Duration::from_secs(1));
    let changes = RoleChanges {
        store: Some(Some("archive".to_owned())),
        ..RoleChanges::default()
    };
    let changed = roles.update("partners", changes, later).await;
    let changed = changed.expect("changed");
    let wanted = Role {
        store: Some("archive".to_owned()),
        changed: later,
        ..made
    };
    assert_eq!(changed, wanted);
    let read = roles.by_name("partners").await.expect("read");
    assert_eq!(read, Some(wanted));
    assert_eq!(
        roles.policies_of("partners").await.expect("read"),
        ["write", "read"]
    );
    let changes = RoleChanges {
        arn: Some(None),
        policies: Some(vec!["read".to_owned()]),
        ..RoleChanges::default()
    };
    let changed = roles.update("partners", changes, later).await;
    assert_eq!(changed.expect("changed").arn, None);
    assert_eq!(roles.policies_of("partners").await.expect("read"), ["read"]);
    let missing = roles.update("nobody", RoleChanges::default(), later).await;
    assert_eq!(missing.expect_err("none").kind(), ErrorKind::NotFound);
}

async fn what_takes_rights_away_advances_the_epoch(fixture: Fixture) {
    let epoch = async || {
        let epoch = fixture.database.revocation().epoch().await;
        epoch.expect("read")
    };
    let before = epoch().await;
    partners(&fixture).await;
    assert_eq!(epoch().await, before, "what is new takes nothing away");
    let (roles, policies) = (fixture.database.roles(), fixture.database.policies());
    let replaced = policies.replace("write", READ, NOW).await;
    replaced.expect("replaced");
    assert_eq!(epoch().await, before + 1);
    let changes = RoleChanges {
        policies: Some(Vec::new()),
        ..RoleChanges::default()
    };
    roles
        .update("partners", changes, NOW)
        .await
        .expect("changed");
    assert_eq!(epoch().await, before + 2);
    policies.remove("write").await.expect("removed");
    roles.remove("partners").await.expect("removed");
    assert_eq!(epoch().await, before + 4);
    assert_eq!(roles.list().await.expect("read"), []);
    for missing in [
        roles.remove("partners").await,
        policies.remove("write").await,
    ] {
        assert_eq!(missing.expect_err("none").kind(), ErrorKind::NotFound);
    }
    assert_eq!(epoch().await, before + 4, "nothing was changed");
}

async fn a_policy_that_a_role_has_stays(fixture: Fixture) {
    partners(&fixture).await;
    let (roles, policies) = (fixture.database.roles(), fixture.database.policies());
    let refused = policies.remove("read").await.expect_err("in use");
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let changes = RoleChanges {
        policies: Some(vec!["read".to_owned(), "missing".to_owned()]),
        ..RoleChanges::default()
    };
    let refused = roles.update("partners", changes, NOW).await;
    assert_eq!(
        refused.expect_err("no such policy").kind(),
        ErrorKind::Conflict
    );
    assert_eq!(
        roles.policies_of("partners").await.expect("read"),
        ["write", "read"],
        "all or nothing"
    );
    roles.remove("partners").await.expect("removed");
    policies.remove("read").await.expect("removed");
}

async fn names_are_taken_once(fixture: Fixture) {
    partners(&fixture).await;
    let (roles, policies) = (fixture.database.roles(), fixture.database.policies());
    let again = policies.create("read", READ, NOW).await;
    assert_eq!(again.expect_err("taken").kind(), ErrorKind::Conflict);
    let again = roles.create(&named("partners", &[]), NOW).await;
    assert_eq!(again.expect_err("taken").kind(), ErrorKind::Conflict);
    let same_arn = NewRole {
        arn: Some(ARN.to_owned()),
        ..named("others", &[])
    };
    let again = roles.create(&same_arn, NOW).await;
    assert_eq!(again.expect_err("taken").kind(), ErrorKind::Conflict);
    let twice = roles.create(&named("others", &["read", "read"]), NOW).await;
    assert_eq!(twice.expect_err("twice").kind(), ErrorKind::Conflict);
    assert_eq!(roles.by_name("others").await.expect("read"), None);
}
