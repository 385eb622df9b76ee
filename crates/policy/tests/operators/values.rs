//! Operators on addresses, numbers, instants, booleans and ARNs.

use crate::{Has, check};

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
