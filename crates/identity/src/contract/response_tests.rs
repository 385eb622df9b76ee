//! Answers of identity providers: the documented ones, and what odd ones do not do.

use proptest::prelude::*;
use serde_json::json;

use super::super::home::{Mapping, MappingType};
use super::*;

const ROLE: &str = "arn:aws:iam::024643489849:role/sftp-transfer";
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJDSrMjU4LEeo2nlwCUTHaNuLT6AlXGWQG7GpBGDQDkQ bob";

fn parse(answer: &Value, asked: Asked) -> Result<IdentityResponse, InvalidResponse> {
    IdentityResponse::parse(answer.to_string().as_bytes(), asked)
}

fn admitted(answer: &Value, asked: Asked) -> Admission {
    match parse(answer, asked) {
        Ok(IdentityResponse::Admitted(admission)) => *admission,
        other => panic!("{answer}: {other:?}"),
    }
}

#[test]
fn a_password_lets_in_with_home_and_policy() {
    let answer = json!({
        "statusCode": 200,
        "body": "{\"statusMessage\": \"Success\"}",
        "Role": ROLE,
        "Policy": "{\"Version\":\"2012-10-17\",\"Statement\":[]}",
        "HomeDirectory": "/uploads/bob",
    });
    let admission = admitted(&answer, Asked::Password);
    assert_eq!(admission.role, ROLE);
    assert_eq!(admission.policy.as_deref(), answer["Policy"].as_str());
    let directory = Some("/uploads/bob".to_owned());
    assert_eq!(admission.home, Home::Path { directory });
    assert!(admission.keys.is_empty());
}

#[test]
fn keys_come_as_a_list_and_mappings_as_a_string() {
    let answer = json!({
        "Role": ROLE,
        "PublicKeys": [KEY, "ssh-rsa broken", KEY],
        "HomeDirectoryType": "LOGICAL",
        "HomeDirectoryDetails":
            "[{\"Entry\":\"/\",\"Target\":\"/uploads/${transfer:UserName}\"},\
              {\"Entry\":\"/terms.pdf\",\"Target\":\"/public/terms.pdf\",\"Type\":\"FILE\",\"x\":1}]",
        "PosixProfile": {"Uid": 65534, "Gid": 65534, "SecondaryGids": [1, 2]},
    });
    let admission = admitted(&answer, Asked::PublicKey);
    assert_eq!(admission.keys.len(), 2);
    assert_eq!(admission.broken_keys.len(), 1);
    assert_eq!(admission.broken_keys[0].0, 1);
    let mapping = |entry: &str, target: &str, kind| Mapping {
        entry: entry.to_owned(),
        target: target.to_owned(),
        kind,
    };
    let mappings = vec![
        mapping("/", "/uploads/${transfer:UserName}", MappingType::Directory),
        mapping("/terms.pdf", "/public/terms.pdf", MappingType::File),
    ];
    assert_eq!(
        admission.home,
        Home::Logical {
            mappings,
            directory: None
        }
    );
    let posix = PosixProfile {
        uid: 65534,
        gid: 65534,
        secondary_gids: vec![1, 2],
    };
    assert_eq!(admission.posix, Some(posix));
}

#[test]
fn without_a_role_nobody_gets_in_whatever_else_is_there() {
    for body in [
        "",
        " \n",
        "null",
        "{}",
        "{\"Role\":null}",
        "{\"Role\":\"\"}",
        "{\"Role\":\" \\t\"}",
    ] {
        for asked in [Asked::Password, Asked::PublicKey] {
            let response = IdentityResponse::parse(body.as_bytes(), asked);
            assert!(matches!(response, Ok(IdentityResponse::Refused)), "{body}");
        }
    }
    let refusals = [
        json!({"statusCode": 401, "body": "{\"Role\":\"arn:aws:iam::1:role/r\"}"}),
        json!({"role": ROLE, "ROLE": ROLE, "PublicKeys": [KEY]}),
        json!({"HomeDirectory": "/b", "PublicKeys": [KEY], "Policy": "{}"}),
        json!({"errorMessage": "Task timed out after 3.00 seconds"}),
        json!({"Response": {"Role": ROLE}}),
    ];
    for answer in refusals {
        let response = parse(&answer, Asked::PublicKey);
        assert!(
            matches!(response, Ok(IdentityResponse::Refused)),
            "{answer}"
        );
    }
}

#[test]
fn what_is_not_as_documented_lets_nobody_in_and_names_the_member() {
    let logical = |details: Value| json!({"Role": ROLE, "HomeDirectoryType": "LOGICAL", "HomeDirectoryDetails": details});
    for (answer, member) in [
        (json!([ROLE]), "the answer"),
        (json!(ROLE), "the answer"),
        (json!(true), "the answer"),
        (json!({"Role": [ROLE]}), "Role"),
        (json!({"Role": true}), "Role"),
        (json!({"Role": {"Arn": ROLE}}), "Role"),
        (json!({"Role": "x".repeat(2049)}), "Role"),
        (
            json!({"Role": ROLE, "Policy": {"Version": "2012-10-17"}}),
            "Policy",
        ),
        (json!({"Role": ROLE, "Policy": null}), "Policy"),
        (json!({"Role": ROLE, "Policy": ""}), "Policy"),
        (
            json!({"Role": ROLE, "Policy": "x".repeat(20_481)}),
            "Policy",
        ),
        (json!({"Role": ROLE, "PublicKeys": [KEY]}), "PublicKeys"),
        (json!({"Role": ROLE, "PublicKeys": []}), "PublicKeys"),
        (
            json!({"Role": ROLE, "HomeDirectory": "bucket/home"}),
            "HomeDirectory",
        ),
        (json!({"Role": ROLE, "HomeDirectory": ""}), "HomeDirectory"),
        (
            json!({"Role": ROLE, "HomeDirectory": ["/b"]}),
            "HomeDirectory",
        ),
        (
            json!({"Role": ROLE, "HomeDirectory": "/b\0"}),
            "HomeDirectory",
        ),
        (
            json!({"Role": ROLE, "HomeDirectoryType": "logical"}),
            "HomeDirectoryType",
        ),
        (
            json!({"Role": ROLE, "HomeDirectoryType": 1}),
            "HomeDirectoryType",
        ),
        (
            json!({"Role": ROLE, "HomeDirectoryType": "LOGICAL"}),
            "HomeDirectoryDetails",
        ),
        (
            json!({"Role": ROLE, "HomeDirectoryDetails": "[]"}),
            "HomeDirectoryDetails",
        ),
        (
            json!({"Role": ROLE, "HomeDirectoryType": "PATH", "HomeDirectoryDetails": "[]"}),
            "HomeDirectoryDetails",
        ),
        (
            logical(json!([{"Entry": "/", "Target": "/b"}])),
            "HomeDirectoryDetails",
        ),
        (
            logical(json!({"Entry": "/", "Target": "/b"})),
            "HomeDirectoryDetails",
        ),
        (logical(json!("")), "HomeDirectoryDetails"),
        (logical(json!("[]")), "HomeDirectoryDetails"),
        (
            logical(json!("{\"Entry\":\"/\",\"Target\":\"/b\"}")),
            "HomeDirectoryDetails",
        ),
        (logical(json!("[\"/\"]")), "HomeDirectoryDetails"),
        (
            logical(json!(
                "[{\"Entry\":\"/\",\"Entry\":\"/x\",\"Target\":\"/b\"}]"
            )),
            "HomeDirectoryDetails",
        ),
        (
            logical(json!("[{\"Entry\":\"/\"}]")),
            "HomeDirectoryDetails[0].Target",
        ),
        (
            logical(json!(
                "[{\"Entry\":\"/\",\"Target\":\"/b\"},{\"Entry\":1,\"Target\":\"/b\"}]"
            )),
            "HomeDirectoryDetails[1].Entry",
        ),
        (
            logical(json!("[{\"Entry\":\"/\",\"Target\":\"bucket\"}]")),
            "HomeDirectoryDetails[0].Target",
        ),
        (
            logical(json!(
                "[{\"Entry\":\"/\",\"Target\":\"/b\",\"Type\":\"LINK\"}]"
            )),
            "HomeDirectoryDetails[0].Type",
        ),
        (json!({"Role": ROLE, "PosixProfile": "0:0"}), "PosixProfile"),
        (
            json!({"Role": ROLE, "PosixProfile": {"Uid": 0}}),
            "PosixProfile.Gid",
        ),
        (
            json!({"Role": ROLE, "PosixProfile": {"Uid": -1, "Gid": 0}}),
            "PosixProfile.Uid",
        ),
    ] {
        let error = parse(&answer, Asked::Password).expect_err(&answer.to_string());
        assert_eq!(error.member(), member, "{answer}: {error}");
    }
}

#[test]
fn a_list_instead_of_a_string_is_told_what_to_do() {
    let answer = json!({
        "Role": ROLE,
        "HomeDirectoryType": "LOGICAL",
        "HomeDirectoryDetails": [{"Entry": "/", "Target": "/b"}],
    });
    let error = parse(&answer, Asked::Password)
        .expect_err("a list")
        .to_string();
    assert!(
        error.contains("HomeDirectoryDetails") && error.contains("json.dumps"),
        "{error}"
    );
}

#[test]
fn a_question_for_keys_needs_keys() {
    for (answer, member) in [
        (json!({"Role": ROLE}), "PublicKeys"),
        (json!({"Role": ROLE, "PublicKeys": []}), "PublicKeys"),
        (json!({"Role": ROLE, "PublicKeys": KEY}), "PublicKeys"),
        (json!({"Role": ROLE, "PublicKeys": null}), "PublicKeys"),
        (
            json!({"Role": ROLE, "PublicKeys": [KEY, 1]}),
            "PublicKeys[1]",
        ),
        (
            json!({"Role": ROLE, "PublicKeys": vec![KEY; 101]}),
            "PublicKeys",
        ),
    ] {
        let error = parse(&answer, Asked::PublicKey).expect_err(&answer.to_string());
        assert_eq!(error.member(), member, "{answer}");
    }
    let broken = admitted(
        &json!({"Role": ROLE, "PublicKeys": ["", "none"]}),
        Asked::PublicKey,
    );
    assert!(
        broken.keys.is_empty(),
        "so that nothing he signs by is among them"
    );
}

#[test]
fn a_member_that_stands_twice_lets_nobody_in() {
    let body = format!("{{\"Role\":\"\",\"Role\":\"{ROLE}\"}}");
    let error = IdentityResponse::parse(body.as_bytes(), Asked::Password).expect_err("twice");
    assert_eq!(error.member(), "the answer");
}

#[test]
fn the_bounds_hold() {
    let endless = vec![b' '; IdentityResponse::MAX_BYTES + 1];
    assert!(IdentityResponse::parse(&endless, Asked::Password).is_err());
    let details = |count: usize| {
        let list = vec!["{\"Entry\":\"/\",\"Target\":\"/b\"}"; count].join(",");
        let details = format!("[{list}]");
        json!({"Role": ROLE, "HomeDirectoryType": "LOGICAL", "HomeDirectoryDetails": details})
    };
    match admitted(&details(50_000), Asked::Password).home {
        Home::Logical { mappings, .. } => assert_eq!(mappings.len(), 50_000),
        home @ Home::Path { .. } => panic!("{home:?}"),
    }
    assert!(parse(&details(50_001), Asked::Password).is_err());
    let deep = format!("{{\"Role\":{}", "[".repeat(100_000));
    assert!(IdentityResponse::parse(deep.as_bytes(), Asked::Password).is_err());
}

#[test]
fn errors_do_not_repeat_what_the_provider_sent() {
    let answer = json!({"Role": ROLE, "HomeDirectory": "hunter2", "Policy": "hunter2"});
    let error = parse(&answer, Asked::Password).expect_err("relative");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    let error = IdentityResponse::parse(b"{\"Role\": hunter2}", Asked::Password);
    assert!(!format!("{error:?}").contains("hunter2"));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!("")),
        Just(json!("/bucket/home")),
        Just(json!("LOGICAL")),
        Just(json!(ROLE)),
        Just(json!(KEY)),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("[{\"Entry\":\"/\",\"Target\":\"/b\"}]")),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{1,6}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn nobody_gets_in_by_accident(
        members in prop::collection::btree_map(
            prop_oneof![
                Just("Role".to_owned()),
                Just("Policy".to_owned()),
                Just("PublicKeys".to_owned()),
                Just("HomeDirectory".to_owned()),
                Just("HomeDirectoryType".to_owned()),
                Just("HomeDirectoryDetails".to_owned()),
                Just("PosixProfile".to_owned()),
                "[a-zA-Z]{1,8}",
            ],
            value(),
            0..6,
        ),
        by_key: bool,
    ) {
        let asked = if by_key { Asked::PublicKey } else { Asked::Password };
        let answer = Value::Object(members.clone().into_iter().collect());
        if let Ok(IdentityResponse::Admitted(admission)) = parse(&answer, asked) {
            let role = members.get("Role").and_then(Value::as_str);
            prop_assert_eq!(role, Some(admission.role.as_str()));
            prop_assert!(!admission.role.trim().is_empty());
            prop_assert_eq!(members.contains_key("PublicKeys"), by_key);
            let policy = members.get("Policy");
            prop_assert_eq!(policy.map(|policy| policy.as_str()), admission.policy.as_ref().map(|policy| Some(policy.as_str())));
            let logical = members.get("HomeDirectoryType") == Some(&json!("LOGICAL"));
            let confined = matches!(admission.home, Home::Logical { .. });
            prop_assert_eq!(logical, confined);
            prop_assert_eq!(members.contains_key("HomeDirectoryDetails"), confined);
        }
    }

    #[test]
    fn bytes_are_read_without_a_panic(body: Vec<u8>, text in "[{}\\[\\]\":,a-zA-Z0-9 ]{0,60}") {
        let _ = IdentityResponse::parse(&body, Asked::Password);
        let _ = IdentityResponse::parse(text.as_bytes(), Asked::PublicKey);
    }
}

#[test]
fn a_user_whom_a_certificate_has_proved_may_have_keys_or_none() {
    let without = admitted(&json!({ "Role": "r" }), Asked::Certificate);
    assert!(without.keys.is_empty());
    let none = json!({ "Role": "r", "PublicKeys": [] });
    assert!(admitted(&none, Asked::Certificate).keys.is_empty());
    let with = json!({ "Role": "r", "PublicKeys": [KEY] });
    assert_eq!(admitted(&with, Asked::Certificate).keys.len(), 1);
    for wrong in [json!("x"), json!([7])] {
        let answer = json!({ "Role": "r", "PublicKeys": wrong });
        assert!(parse(&answer, Asked::Certificate).is_err(), "{answer}");
    }
    let refused = parse(&json!({ "Role": " " }), Asked::Certificate);
    assert!(matches!(refused, Ok(IdentityResponse::Refused)));
}
