//! Keys that a request has or lacks, and several conditions side by side.

use crate::{Has, check, prefix};

#[test]
fn a_missing_key_fails_but_for_negated_operators_and_if_exists() {
    for (operator, key, value, wanted) in [
        ("StringEquals", "s3:prefix", "a", false),
        ("StringLike", "s3:prefix", "*", false),
        ("StringEqualsIgnoreCase", "s3:prefix", "a", false),
        ("IpAddress", "aws:SourceIp", "0.0.0.0/0", false),
        ("NumericLessThan", "s3:max-keys", "10", false),
        ("StringNotEquals", "s3:prefix", "a", true),
        ("StringNotLike", "s3:prefix", "*", true),
        ("StringNotEqualsIgnoreCase", "s3:prefix", "a", true),
        ("NotIpAddress", "aws:SourceIp", "0.0.0.0/0", true),
        ("NumericNotEquals", "s3:max-keys", "10", true),
    ] {
        let plain = format!(r#""{operator}": {{"{key}": "{value}"}}"#);
        let if_exists = format!(r#""{operator}IfExists": {{"{key}": "{value}"}}"#);
        let of_any = format!(r#""ForAnyValue:{operator}": {{"{key}": "{value}"}}"#);
        let of_all = format!(r#""ForAllValues:{operator}": {{"{key}": "{value}"}}"#);
        check(&[
            (&plain, Has::default(), wanted),
            (&if_exists, Has::default(), true),
            (&of_any, Has::default(), false),
            (&of_all, Has::default(), true),
        ]);
    }
}

#[test]
fn a_key_that_is_there_is_compared_whatever_its_form() {
    for form in ["{}", "{}IfExists", "ForAnyValue:{}", "ForAllValues:{}"] {
        for (operator, value, wanted) in [
            ("StringEquals", "a", true),
            ("StringEquals", "b", false),
            ("StringNotEquals", "a", false),
            ("StringNotLike", "b*", true),
        ] {
            let operator = form.replace("{}", operator);
            let condition = format!(r#""{operator}": {{"s3:prefix": "{value}"}}"#);
            check(&[(&condition, prefix("a"), wanted)]);
        }
    }
}

#[test]
fn null_asks_whether_a_key_is_there() {
    check(&[
        (r#""Null": {"s3:prefix": "true"}"#, Has::default(), true),
        (r#""Null": {"s3:prefix": "true"}"#, prefix(""), false),
        (r#""Null": {"s3:prefix": "false"}"#, Has::default(), false),
        (r#""Null": {"s3:prefix": false}"#, prefix(""), true),
        (r#""Null": {"aws:SourceIp": "true"}"#, Has::default(), true),
        (
            r#""Null": {"aws:CurrentTime": "true"}"#,
            Has::default(),
            false,
        ),
    ]);
}

#[test]
fn all_conditions_must_hold() {
    let both = r#""StringLike": {"s3:prefix": "a*"}, "Bool": {"aws:SecureTransport": "true"}"#;
    let two_keys = r#""StringLike": {"s3:prefix": "a*", "s3:delimiter": "/"}"#;
    check(&[
        (both, prefix("ab"), true),
        (both, prefix("b"), false),
        (
            both,
            Has {
                in_the_clear: true,
                ..prefix("ab")
            },
            false,
        ),
        (two_keys, prefix("a"), true),
        (two_keys, prefix("b"), false),
    ]);
}
