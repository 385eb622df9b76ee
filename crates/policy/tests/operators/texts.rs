//! Operators on texts: equal, alike, and variables in them.

use crate::{Has, check, prefix};

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
