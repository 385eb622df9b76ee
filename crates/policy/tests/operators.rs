//! Condition operators, rule by rule: "IAM JSON policy elements: Condition operators", and "Single-
//! valued vs. multivalued context keys" for ForAnyValue and ForAllValues.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::IpAddr;

use model::Timestamp;
use policy::{Context, Document, Home, PolicySet, Request, Resource, S3Action, Variables, compile};

/// 2026-11-21T12:05:07Z.
const NOW: Timestamp = Timestamp::from_seconds(1_795_262_707);

/// What a request has; what is `None` it lacks.
#[derive(Clone, Copy, Default)]
struct Has<'a> {
    prefix: Option<&'a str>,
    max_keys: Option<u32>,
    kms_key: Option<&'a str>,
    source_ip: Option<&'a str>,
    in_the_clear: bool,
}

fn holds(condition: &str, has: Has<'_>) -> bool {
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "*",
            "Resource": "*", "Condition": {{{condition}}}}}}}"#
    );
    let document = Document::parse("test", &text).unwrap_or_else(|error| panic!("{error}"));
    let mut variables = Variables::new("Acme*").at_home(Home::parse("/b/home/acme").unwrap());
    if let Some(address) = has.source_ip {
        variables = variables.from(address.parse::<IpAddr>().unwrap());
    }
    if has.in_the_clear {
        variables = variables.in_the_clear();
    }
    let mut context = Context::at(NOW);
    if let Some(prefix) = has.prefix {
        context = context.listing(prefix);
    }
    if let Some(max_keys) = has.max_keys {
        context = context.paged(max_keys);
    }
    if let Some(key) = has.kms_key {
        context = context.encrypted("aws:kms", Some(key));
    }
    let request = Request {
        action: S3Action::ListBucket,
        resource: &Resource::bucket("b"),
        context,
    };
    let set = PolicySet::new("role", vec![document]).unwrap();
    compile(&[set], &variables).decide(&request).is_allowed()
}

fn check(rows: &[(&str, Has<'_>, bool)]) {
    for (condition, has, wanted) in rows {
        assert_eq!(holds(condition, *has), *wanted, "{condition}");
    }
}

fn prefix(prefix: &str) -> Has<'_> {
    Has {
        prefix: Some(prefix),
        ..Has::default()
    }
}

#[test]
fn strings_are_equal_or_not() {
    check(&[
        (r#""StringEquals": {"s3:prefix": "a/"}"#, prefix("a/"), true),
        (
            r#""StringEquals": {"s3:prefix": "a/"}"#,
            prefix("A/"),
            false,
        ),
        (
            r#""StringEquals": {"s3:prefix": ["x", "a/"]}"#,
            prefix("a/"),
            true,
        ),
        (
            r#""StringEquals": {"s3:prefix": "a*"}"#,
            prefix("ab"),
            false,
        ),
        (r#""StringEquals": {"s3:prefix": "a*"}"#, prefix("a*"), true),
        (r#""StringEquals": {"s3:prefix": ""}"#, prefix(""), true),
        (
            r#""StringNotEquals": {"s3:prefix": "a/"}"#,
            prefix("a/"),
            false,
        ),
        (
            r#""StringNotEquals": {"s3:prefix": ["x", "a/"]}"#,
            prefix("a/"),
            false,
        ),
        (
            r#""StringNotEquals": {"s3:prefix": ["x", "a/"]}"#,
            prefix("b/"),
            true,
        ),
        (
            r#""StringEqualsIgnoreCase": {"s3:prefix": "\u00dcBER"}"#,
            prefix("\u{fc}ber"),
            true,
        ),
        (
            r#""StringEqualsIgnoreCase": {"s3:prefix": "a"}"#,
            prefix("b"),
            false,
        ),
        (
            r#""StringNotEqualsIgnoreCase": {"s3:prefix": "A"}"#,
            prefix("a"),
            false,
        ),
        (
            r#""StringNotEqualsIgnoreCase": {"s3:prefix": "A"}"#,
            prefix("b"),
            true,
        ),
    ]);
}

#[test]
fn strings_are_alike_or_not() {
    check(&[
        (
            r#""StringLike": {"s3:prefix": "a/*"}"#,
            prefix("a/b/"),
            true,
        ),
        (r#""StringLike": {"s3:prefix": "a/*"}"#, prefix("a"), false),
        (
            r#""StringLike": {"s3:prefix": "A/*"}"#,
            prefix("a/b"),
            false,
        ),
        (r#""StringLike": {"s3:prefix": "?/"}"#, prefix("a/"), true),
        (
            r#""StringLike": {"s3:prefix": ["x", "a*"]}"#,
            prefix("abc"),
            true,
        ),
        (
            r#""StringNotLike": {"s3:prefix": ["x*", "a*"]}"#,
            prefix("abc"),
            false,
        ),
        (
            r#""StringNotLike": {"s3:prefix": ["x*", "a*"]}"#,
            prefix("b"),
            true,
        ),
        (
            r#""StringLike": {"s3:prefix": "a${*}"}"#,
            prefix("abc"),
            false,
        ),
        (
            r#""StringLike": {"s3:prefix": "a${*}"}"#,
            prefix("a*"),
            true,
        ),
    ]);
}

#[test]
fn variables_in_values_are_literal() {
    check(&[
        (
            r#""StringLike": {"s3:prefix": "${aws:username}/*"}"#,
            prefix("Acme*/x"),
            true,
        ),
        (
            r#""StringLike": {"s3:prefix": "${aws:username}/*"}"#,
            prefix("Acme2/x"),
            false,
        ),
        (
            r#""StringEquals": {"s3:prefix": "${Transfer:homefolder}/"}"#,
            prefix("home/acme/"),
            true,
        ),
        (
            r#""StringLike": {"s3:prefix": "${transfer:HomeFolder}*"}"#,
            prefix("home/acme2/"),
            false,
        ),
        (
            r#""StringEquals": {"aws:username": "${transfer:UserName}"}"#,
            Has::default(),
            true,
        ),
        (
            r#""StringEquals": {"s3:prefix": "${aws:SourceIp, 'none'}"}"#,
            prefix("none"),
            true,
        ),
        (
            r#""StringEquals": {"s3:prefix": "${aws:SourceIp}"}"#,
            prefix("${aws:SourceIp}"),
            false,
        ),
        // Variables without a value hold in no Allow, whatever the operator.
        (
            r#""StringNotEquals": {"s3:prefix": "${aws:SourceIp}"}"#,
            prefix("x"),
            false,
        ),
        (
            r#""StringEqualsIfExists": {"s3:prefix": "${aws:SourceIp}"}"#,
            Has::default(),
            false,
        ),
    ]);
}

#[test]
fn addresses_are_within_networks_of_their_family() {
    let from = |source_ip| Has {
        source_ip: Some(source_ip),
        ..Has::default()
    };
    check(&[
        (
            r#""IpAddress": {"aws:SourceIp": "192.0.2.0/24"}"#,
            from("192.0.2.255"),
            true,
        ),
        (
            r#""IpAddress": {"aws:SourceIp": "192.0.2.77/24"}"#,
            from("192.0.2.1"),
            true,
        ),
        (
            r#""IpAddress": {"aws:SourceIp": "192.0.2.0/24"}"#,
            from("192.0.3.0"),
            false,
        ),
        (
            r#""IpAddress": {"aws:SourceIp": "192.0.2.1"}"#,
            from("192.0.2.1"),
            true,
        ),
        (
            r#""IpAddress": {"aws:SourceIp": "192.0.2.1"}"#,
            from("::ffff:192.0.2.1"),
            true,
        ),
        (
            r#""IpAddress": {"aws:SourceIp": "::ffff:192.0.2.0/120"}"#,
            from("192.0.2.1"),
            true,
        ),
        (
            r#""IpAddress": {"aws:SourceIp": "0.0.0.0/0"}"#,
            from("2001:db8::1"),
            false,
        ),
        (
            r#""IpAddress": {"aws:SourceIp": "::/0"}"#,
            from("192.0.2.1"),
            false,
        ),
        (
            r#""IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]}"#,
            from("2001:db8::1"),
            true,
        ),
        (
            r#""NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]}"#,
            from("10.1.1.1"),
            false,
        ),
        (
            r#""NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]}"#,
            from("11.1.1.1"),
            true,
        ),
    ]);
}

#[test]
fn numbers_are_compared() {
    let keys = |max_keys| Has {
        max_keys: Some(max_keys),
        ..Has::default()
    };
    for (operator, of_nine, of_ten, of_eleven) in [
        ("NumericEquals", false, true, false),
        ("NumericNotEquals", true, false, true),
        ("NumericLessThan", true, false, false),
        ("NumericLessThanEquals", true, true, false),
        ("NumericGreaterThan", false, false, true),
        ("NumericGreaterThanEquals", false, true, true),
    ] {
        let condition = format!(r#""{operator}": {{"s3:max-keys": "10"}}"#);
        check(&[
            (&condition, keys(9), of_nine),
            (&condition, keys(10), of_ten),
            (&condition, keys(11), of_eleven),
        ]);
    }
    check(&[
        (
            r#""NumericEquals": {"s3:max-keys": [1, 10.0]}"#,
            keys(10),
            true,
        ),
        (
            r#""NumericGreaterThan": {"aws:EpochTime": 1795262706}"#,
            Has::default(),
            true,
        ),
        (
            r#""NumericGreaterThan": {"aws:EpochTime": 1795262707}"#,
            Has::default(),
            false,
        ),
    ]);
}

#[test]
fn instants_are_compared() {
    for (operator, before, same, after) in [
        ("DateEquals", false, true, false),
        ("DateNotEquals", true, false, true),
        ("DateLessThan", false, false, true),
        ("DateLessThanEquals", false, true, true),
        ("DateGreaterThan", true, false, false),
        ("DateGreaterThanEquals", true, true, false),
    ] {
        for (written, wanted) in [
            ("2026-11-21T12:05:06Z", before),
            ("2026-11-21T13:05:07+01:00", same),
            ("1795262707", same),
            ("2026-11-22", after),
        ] {
            for key in ["aws:CurrentTime", "aws:EpochTime"] {
                let condition = format!(r#""{operator}": {{"{key}": "{written}"}}"#);
                check(&[(&condition, Has::default(), wanted)]);
            }
        }
    }
}

#[test]
fn booleans_are_true_or_false() {
    let clear = Has {
        in_the_clear: true,
        ..Has::default()
    };
    check(&[
        (
            r#""Bool": {"aws:SecureTransport": "true"}"#,
            Has::default(),
            true,
        ),
        (
            r#""Bool": {"aws:SecureTransport": false}"#,
            Has::default(),
            false,
        ),
        (r#""Bool": {"aws:SecureTransport": "true"}"#, clear, false),
        (r#""Bool": {"aws:SecureTransport": "false"}"#, clear, true),
        (
            r#""Bool": {"aws:SecureTransport": ["true", "false"]}"#,
            clear,
            true,
        ),
    ]);
}

#[test]
fn arns_are_compared_field_by_field() {
    let key = |kms_key| Has {
        kms_key: Some(kms_key),
        ..Has::default()
    };
    // Only writes have the key, so the request of this test is none of the gateway's.
    let arn = "arn:aws:kms:eu-west-1:1:key/a:b";
    for (pattern, wanted) in [
        (arn, true),
        ("arn:aws:kms:*:*:key/*", true),
        ("arn:aws:kms:eu-west-?:1:key/*:b", true),
        ("arn:aws:*:key/a:b:x:y", false),
        ("arn:aws:kms:*:key/*:", false),
        ("arn:aws:kms:eu-west-1:1:KEY/a:b", false),
        ("*", true),
    ] {
        for (operator, negated) in [
            ("ArnEquals", false),
            ("ArnLike", false),
            ("ArnNotEquals", true),
            ("ArnNotLike", true),
        ] {
            let name = "s3:x-amz-server-side-encryption-aws-kms-key-id";
            let condition = format!(r#""{operator}": {{"{name}": "{pattern}"}}"#);
            check(&[(&condition, key(arn), wanted != negated)]);
            let no_arn = key("just-an-id");
            check(&[(&condition, no_arn, (pattern == "*") != negated)]);
        }
    }
}

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
