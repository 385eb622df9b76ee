//! Which documents are understood, and how the others are refused.

use policy::{Document, limits};

fn document(statement: &str) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": {statement}}}"#)
}

/// A statement with one member in place of the usual one.
fn with(member: &str) -> String {
    let usual = [
        (r#""Effect""#, r#""Effect": "Allow""#),
        (r#"Action""#, r#""Action": "s3:GetObject""#),
        (r#"Resource""#, r#""Resource": "*""#),
    ];
    let others = usual
        .iter()
        .filter(|(name, _)| !member.contains(name))
        .map(|(_, usual)| *usual);
    let members: Vec<&str> = others.chain([member]).collect();
    document(&format!("{{{}}}", members.join(", ")))
}

#[test]
fn documents_in_either_form_are_understood() {
    for member in [
        r#""Effect": "Deny""#,
        r#""Sid": "Some words, even these""#,
        r#""Action": ["s3:*", "S3:getOBJECT", "kms:Decrypt", "s3-outposts:Get?", "*"]"#,
        r#""NotAction": "s3:Put*""#,
        r#""Resource": ["arn:aws:s3:::b", "arn:aws:kms:eu-west-1:1:key/k"]"#,
        r#""NotResource": "arn:aws:s3:::b/*""#,
        r#""Resource": "arn:aws:s3:::${transfer:HomeDirectory}*""#,
        r#""Condition": {"Bool": {"AWS:securetransport": true}}"#,
        r#""Condition": {"NumericLessThan": {"s3:max-keys": 10}}"#,
        r#""Condition": {"IpAddress": {"aws:SourceIp": ["192.0.2.1", "2001:db8::/32"]}}"#,
        r#""Condition": {"DateLessThan": {"aws:CurrentTime": "2026-11-21"}}"#,
        r#""Condition": {"Null": {"s3:prefix": "true"}, "StringLike": {"s3:prefix": "*"}}"#,
        r#""Condition": {"ArnLike": {"s3:x-amz-server-side-encryption-aws-kms-key-id":
            "arn:aws:kms:*:1:key/${aws:username}"}}"#,
        r#""Condition": {"ForAnyValue:StringEqualsIfExists": {"aws:username": ["a", "b"]}}"#,
    ] {
        let text = with(member);
        let found = Document::parse("x", &text);
        assert_eq!(found.map(|d| d.statements()), Ok(1), "{text}");
    }
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    for (member, place, reason) in [
        (r#""Efect": "Deny""#, "Efect", "did you mean Effect?"),
        (r#""Principal": "*""#, "Principal", "take it out"),
        (
            r#""NotPrincipal": {"AWS": "1"}"#,
            "NotPrincipal",
            "take it out",
        ),
        (
            r#""Effect": "allow""#,
            "Effect",
            "must be \"Allow\" or \"Deny\"",
        ),
        (r#""Effect": true"#, "Effect", "a string, and is a boolean"),
        (r#""Effect": "Deny", "Effect": "Allow""#, "Effect", "twice"),
        (r#""Sid": """#, "Sid", "1 to 128 bytes"),
        (r#""Sid": 7"#, "Sid", "must be a string"),
        (r#""Action": []"#, "Action", "empty list"),
        (r#""Action": {}"#, "Action", "must be a string"),
        (r#""Action": ["s3:*", null]"#, "Action", "and is null"),
        (r#""Action": "GetObject""#, "Action", "s3:GetObject"),
        (r#""Action": "*:*""#, "Action", "is not an action"),
        (
            r#""Action": "s3:${aws:username}""#,
            "Action",
            "is not an action",
        ),
        (
            r#""Action": "s3:*", "NotAction": "s3:*""#,
            "Action",
            "take one out",
        ),
        (
            r#""Resource": "b/*""#,
            "Resource",
            "neither \"*\" nor an ARN",
        ),
        (r#""Resource": [["*"]]"#, "Resource", "and is a list"),
        (
            r#""Resource": "arn:aws:s3:::${home}""#,
            "Resource",
            "unknown variable",
        ),
        (
            r#""Resource": "arn:aws:s3:::${home""#,
            "Resource",
            "without \"}\"",
        ),
        (r#""NotResource": []"#, "NotResource", "empty list"),
        (r#""Condition": {}"#, "Condition", "is empty"),
        (r#""Condition": []"#, "Condition", "must be an object"),
        (
            r#""Condition": {"Bool": {}}"#,
            "Condition.Bool",
            "names no key",
        ),
        (
            r#""Condition": {"stringLike": {"s3:prefix": "x"}}"#,
            "Condition.stringLike",
            "did you mean StringLike?",
        ),
        (
            r#""Condition": {"StringLike": {"s3:prefx": "x"}}"#,
            "Condition.StringLike.s3:prefx",
            "did you mean s3:prefix?",
        ),
        (
            r#""Condition": {"StringLike": {"s3:prefix": []}}"#,
            "Condition.StringLike.s3:prefix",
            "empty list",
        ),
        (
            r#""Condition": {"StringLike": {"s3:prefix": {"a": 1}}}"#,
            "Condition.StringLike.s3:prefix",
            "and is an object",
        ),
        (
            r#""Condition": {"StringLike": {"s3:prefix": "${x}"}}"#,
            "Condition.StringLike.s3:prefix",
            "unknown variable",
        ),
        (
            r#""Condition": {"Bool": {"s3:prefix": "true"}}"#,
            "Condition.Bool.s3:prefix",
            "use one of String",
        ),
        (
            r#""Condition": {"StringLike": {"aws:SourceIp": "10.*"}}"#,
            "Condition.StringLike.aws:SourceIp",
            "IpAddress",
        ),
        (
            r#""Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}}"#,
            "Condition.IpAddress.aws:SourceIp",
            "no address",
        ),
        (
            r#""Condition": {"IpAddress": {"aws:SourceIp": "${aws:SourceIp}"}}"#,
            "Condition.IpAddress.aws:SourceIp",
            "String and Arn operators only",
        ),
        (
            r#""Condition": {"NumericEquals": {"s3:max-keys": "inf"}}"#,
            "Condition.NumericEquals.s3:max-keys",
            "not a number",
        ),
        (
            r#""Condition": {"DateEquals": {"aws:CurrentTime": "soon"}}"#,
            "Condition.DateEquals.aws:CurrentTime",
            "is not a date",
        ),
        (
            r#""Condition": {"Bool": {"aws:SecureTransport": "yes"}}"#,
            "Condition.Bool.aws:SecureTransport",
            "neither true nor false",
        ),
        (
            r#""Condition": {"NullIfExists": {"s3:prefix": "true"}}"#,
            "Condition.NullIfExists",
            "stands alone",
        ),
        (
            r#""Condition": {"StringLike": {"s3:prefix": "x", "S3:Prefix": "y"}}"#,
            "Condition.StringLike.S3:Prefix",
            "another case",
        ),
        (
            r#""Condition": {"StringLike": {"s3:prefix": "x", "s3:prefix": "y"}}"#,
            "Condition.StringLike.s3:prefix",
            "twice",
        ),
        (
            r#""Condition": {"Bool": {"aws:SecureTransport": "true"}, "Bool": {"aws:SecureTransport": "false"}}"#,
            "Condition.Bool",
            "twice",
        ),
    ] {
        let error = Document::parse("scope down", &with(member)).unwrap_err();
        assert_eq!(error.kind(), model::ErrorKind::Invalid);
        assert_eq!(error.place().statement, Some(1), "{error}");
        assert_eq!(error.place().member.as_deref(), Some(place), "{error}");
        assert!(error.reason().contains(reason), "{member}: {error}");
    }
}

#[test]
fn whole_documents_are_refused_too() {
    let big = " ".repeat(limits::DOCUMENT_BYTES);
    let statement = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
    let many = vec![r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#; limits::STATEMENTS + 1];
    for (text, reason) in [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "must be an object"),
        ("{}", "is missing"),
        (&document("[]"), "empty list"),
        (&document("7"), "must be an object, and is a number"),
        (&document(&format!("[{statement}, 7]")), "must be an object"),
        (
            &document(statement).replace("2012-10-17", "2012-10-18"),
            "2012-10-17",
        ),
        (
            &document(statement).replace("Version", "version"),
            "did you mean Version?",
        ),
        (
            &document(&format!("{statement}, \"Statement\": {statement}")),
            "twice",
        ),
        (&format!("{}{big}", document(statement)), "split it"),
        (
            &document(&format!("[{}]", many.join(","))),
            "the most is 200",
        ),
        (&document("{}"), "is missing"),
        (
            &document(r#"{"Effect": "Allow", "Resource": "*"}"#),
            "is missing",
        ),
        (
            &document(r#"{"Effect": "Allow", "Action": "*"}"#),
            "is missing",
        ),
    ] {
        let error = Document::parse("x", text).unwrap_err();
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
}

#[test]
fn errors_name_document_statement_and_sid() {
    let first = r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Sid": "A"}"#;
    let second = r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Sid": "B", "X": 1}"#;
    let text = document(&format!("[{first}, {second}]"));
    let error = Document::parse("role uploads", &text).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"policy "role uploads", statement 2 ("B"), X: unknown member"#
    );
    let text = document(&format!("[{first}, {first}]"));
    let error = Document::parse("role uploads", &text).unwrap_err();
    assert!(error.to_string().contains("earlier statement"), "{error}");
}

#[test]
fn texts_and_lists_are_bounded() {
    let long = format!(
        r#""Resource": "arn:aws:s3:::{}""#,
        "x".repeat(limits::TEXT_BYTES)
    );
    let many = format!(
        r#""Action": [{}"s3:*"]"#,
        r#""s3:*","#.repeat(limits::VALUES)
    );
    let value = "x".repeat(limits::TEXT_BYTES + 1);
    let value = format!(r#""Condition": {{"StringLike": {{"s3:prefix": "{value}"}}}}"#);
    for member in [long, many, value] {
        let error = Document::parse("x", &with(&member)).unwrap_err();
        assert!(error.reason().contains("the most is"), "{error}");
    }
}
