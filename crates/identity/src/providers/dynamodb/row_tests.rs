//! Rows as people keep them.

use super::*;
use crate::providers::dynamodb::{Attributes, Defaults};
use crate::providers::{AwsAccess, AwsCredentials, Roots};

const KEY: &str = "ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIJKjCSNuMA5v+4eTD8AbsJYHJhSVkThg2BGq9KNJgBOF bob";

fn settings(defaults: Defaults) -> DynamoDbSettings {
    DynamoDbSettings {
        table: "users".to_owned(),
        index: None,
        consistent: false,
        attributes: Attributes::default(),
        defaults,
        roots: Roots::System,
        access: AwsAccess {
            region: "eu-west-1".to_owned(),
            endpoint: None,
            credentials: AwsCredentials::Chain,
        },
    }
}

fn all() -> Defaults {
    Defaults {
        role: Some("upload".to_owned()),
        policy: Some("{}".to_owned()),
        home: Some("/inbox/${transfer:UserName}".to_owned()),
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn answer(
    defaults: Defaults,
    row: &[(&str, AttributeValue)],
    asked: Asked,
) -> Result<Found, ProviderError> {
    let user = UserName::parse("bob").expect("a name");
    let row = row
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    let mut item: Item = row.collect();
    item.entry("username".to_owned()).or_insert(text("bob"));
    Row::new(&settings(defaults), item, &user).answer(asked)
}

fn admitted(row: &[(&str, AttributeValue)], asked: Asked) -> Admission {
    match answer(all(), row, asked).expect("an answer") {
        Found::User { admission, .. } => *admission,
        Found::Refused(why) => panic!("refused: {why}"),
    }
}

#[test]
fn defaults_hold_for_what_a_row_lacks() {
    let admission = admitted(&[("password", text("x"))], Asked::Password);
    assert_eq!(admission.role, "upload");
    assert_eq!(admission.policy.as_deref(), Some("{}"));
    let directory = Some("/inbox/bob".to_owned());
    assert_eq!(admission.home, crate::contract::Home::Path { directory });
    let own = [
        ("password", text("x")),
        ("Role", text("arn:x")),
        ("Policy", text("{\"a\":1}")),
        ("HomeDirectory", text("/other/home")),
    ];
    let admission = admitted(&own, Asked::Password);
    assert_eq!(admission.role, "arn:x");
    assert_eq!(admission.policy.as_deref(), Some("{\"a\":1}"));
    let directory = Some("/other/home".to_owned());
    assert_eq!(admission.home, crate::contract::Home::Path { directory });
}

#[test]
fn keys_come_as_sets_lists_and_lines() {
    let lines = format!("# his keys\n{KEY}\n\n{KEY}\n");
    for (keys, count) in [
        (AttributeValue::Ss(vec![KEY.to_owned()]), 1),
        (AttributeValue::L(vec![text(KEY), text(KEY)]), 2),
        (text(&lines), 2),
    ] {
        let admission = admitted(&[("PublicKeys", keys)], Asked::PublicKey);
        assert_eq!(admission.keys.len(), count);
    }
}

#[test]
fn mappings_come_as_lists_and_as_strings() {
    let mapping = [("Entry", text("/")), ("Target", text("/inbox/b"))];
    let mapping = mapping.map(|(name, value)| (name.to_owned(), value));
    let list = AttributeValue::L(vec![AttributeValue::M(mapping.into())]);
    let string = text(r#"[{"Entry":"/","Target":"/inbox/b"}]"#);
    for details in [list, string] {
        let row = [("password", text("x")), ("HomeDirectoryDetails", details)];
        let home = admitted(&row, Asked::Password).home;
        let crate::contract::Home::Logical {
            mappings,
            directory,
        } = home
        else {
            panic!("{home:?}");
        };
        assert_eq!(mappings[0].target, "/inbox/b");
        assert_eq!(directory, None, "the default is for rows without mappings");
    }
}

#[test]
fn users_without_keys_are_known_and_sign_by_none() {
    let admission = admitted(&[("password", text("x"))], Asked::PublicKey);
    assert!(admission.keys.is_empty());
    assert_eq!(admission.role, "upload");
}

#[test]
fn what_is_missing_refuses_and_is_named() {
    let none = Defaults::default();
    for (row, asked, why) in [
        (
            &[][..],
            Asked::Password,
            "his row has no attribute password",
        ),
        (
            &[("password", text(" "))],
            Asked::Password,
            "his row has no attribute password",
        ),
        (&[], Asked::PublicKey, "his row has no attribute PublicKeys"),
        (
            &[("PublicKeys", AttributeValue::L(vec![]))],
            Asked::PublicKey,
            "his row has no attribute PublicKeys",
        ),
        (
            &[("password", text("x"))],
            Asked::Password,
            "his row has no attribute Role",
        ),
    ] {
        match answer(none.clone(), row, asked).expect("an answer") {
            Found::Refused(said) => assert_eq!(said, why),
            Found::User { .. } => panic!("admitted without {why}"),
        }
    }
}

#[test]
fn what_is_not_as_it_must_be_admits_nobody() {
    let number = || AttributeValue::N("7".to_owned());
    for wrong in [
        ("username", text("Bob")),
        ("username", number()),
        ("password", number()),
        ("PublicKeys", AttributeValue::L(vec![number()])),
        ("Role", number()),
        ("Policy", AttributeValue::M(Default::default())),
        ("HomeDirectory", text("inbox")),
        ("HomeDirectoryType", text("LOGICAL")),
        ("HomeDirectoryType", text("logical")),
        ("HomeDirectoryDetails", AttributeValue::L(vec![text("/")])),
        ("HomeDirectoryDetails", text("[]")),
        ("expires", text("tomorrow")),
        ("expires", AttributeValue::N("1.5".to_owned())),
    ] {
        let row = [("password", text("x")), wrong.clone()];
        let error = answer(all(), &row, Asked::Password);
        let kind = match wrong {
            // Not what was asked for.
            ("username", AttributeValue::S(_)) => "malformed",
            _ => "unusable",
        };
        assert_eq!(error.expect_err("no answer").reason(), kind, "{wrong:?}");
    }
}

#[test]
fn attributes_share_no_name() {
    assert_eq!(Attributes::default().shared(), None);
    let clash = Attributes {
        keys: "password".to_owned(),
        ..Attributes::default()
    };
    assert_eq!(clash.shared(), Some("password"));
}
