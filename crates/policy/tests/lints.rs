//! What `lint` finds, and what it leaves in peace.

use policy::{Document, Finding, Severity, lint};

fn look(statements: &str) -> Vec<Finding> {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
    lint(&Document::parse("test", &text).unwrap_or_else(|error| panic!("{error}")))
}

fn statement(action: &str, resource: &str, rest: &str) -> String {
    format!(r#"{{"Effect": "Allow", "Action": {action}, "Resource": {resource} {rest}}}"#)
}

/// Finds exactly one thing, and says so in these words.
#[track_caller]
fn one(statements: &str, severity: Severity, member: Option<&str>, words: &str) {
    let found = look(statements);
    let [finding] = found.as_slice() else {
        panic!("{statements}: {found:#?}");
    };
    assert_eq!(finding.severity, severity, "{finding}");
    assert_eq!(finding.place.member.as_deref(), member, "{finding}");
    assert!(finding.to_string().contains(words), "{finding}");
}

const LISTING: &str = r#"{"Effect": "Allow", "Action": "s3:ListBucket",
    "Resource": "arn:aws:s3:::${transfer:HomeBucket}",
    "Condition": {"StringLike": {"s3:prefix": ["${transfer:HomeFolder}", "${transfer:HomeFolder}/*"]}}}"#;

#[test]
fn a_sound_document_is_left_in_peace() {
    let files = statement(
        r#"["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]"#,
        r#""arn:aws:s3:::${transfer:HomeDirectory}/*""#,
        "",
    );
    let deny = r#"{"Effect": "Deny", "Action": "s3:*", "Resource": "*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}"#;
    assert_eq!(look(&format!("{LISTING}, {files}, {deny}")), []);
}

#[test]
fn a_home_without_a_slash_is_found() {
    let resource = r#""arn:aws:s3:::${transfer:HomeDirectory}*""#;
    let files = statement(r#""s3:GetObject""#, resource, "");
    let statements = format!("{LISTING}, {files}");
    let words = "write ${transfer:HomeDirectory}/*";
    one(&statements, Severity::Warning, Some("Resource"), words);
    let found = look(&statements);
    assert_eq!(found[0].place.statement, Some(2));

    let folder = LISTING.replace(
        r#", "${transfer:HomeFolder}/*""#,
        r#", "${transfer:HomeFolder}*""#,
    );
    let member = Some("Condition.StringLike.s3:prefix");
    one(
        &folder,
        Severity::Warning,
        member,
        "write ${transfer:HomeFolder}/*",
    );

    let beside = resource.replace('*', "-archive/*");
    let files = statement(r#""s3:GetObject""#, &beside, "");
    one(
        &format!("{LISTING}, {files}"),
        Severity::Warning,
        Some("Resource"),
        "beside the home",
    );
}

#[test]
fn a_user_name_without_a_slash_is_found() {
    let files = statement(
        r#""s3:GetObject""#,
        r#""arn:aws:s3:::b/${aws:username}*""#,
        "",
    );
    let statements = format!("{LISTING}, {files}");
    one(
        &statements,
        Severity::Danger,
        Some("Resource"),
        "whose names begin like this one",
    );
    let sound = statements.replace("username}*", "username}-*");
    assert_eq!(look(&sound), []);
}

#[test]
fn what_is_open_to_all_is_found() {
    let on = r#", "Condition": {"StringLike": {"s3:prefix": "x/*"}}"#;
    for resource in [
        r#""*""#,
        r#""arn:aws:s3:::*""#,
        r#"["arn:aws:s3:::b/*", "arn:aws:s3:::*/*"]"#,
    ] {
        let found = look(&statement(
            r#"["s3:GetObject", "s3:ListBucket"]"#,
            resource,
            "",
        ));
        let message = "it allows s3:GetObject, s3:ListBucket on every object in every bucket";
        assert!(
            found.iter().any(|finding| finding.message == message),
            "{found:#?}"
        );
        assert!(
            found
                .iter()
                .any(|finding| finding.message.starts_with("it allows listing"))
        );
        let found = look(&statement(
            r#"["s3:GetObject", "s3:ListBucket"]"#,
            resource,
            on,
        ));
        assert!(
            found
                .iter()
                .all(|finding| finding.severity == Severity::Warning),
            "{found:#?}"
        );
    }
    let buckets = statement(
        r#"["s3:ListAllMyBuckets", "s3:GetBucketLocation"]"#,
        r#""*""#,
        "",
    );
    assert_eq!(look(&buckets), []);
    let like = statement(r#""s3:PutObject""#, r#""arn:aws:s3:::uploads*""#, "");
    one(
        &format!("{LISTING}, {like}"),
        Severity::Warning,
        Some("Resource"),
        "begins with \"uploads\"",
    );
}

#[test]
fn negations_that_allow_are_found() {
    let text =
        r#"{"Effect": "Allow", "NotAction": "s3:Delete*", "NotResource": "arn:aws:s3:::b/x/*"}"#;
    let found = look(text);
    let members: Vec<_> = found
        .iter()
        .filter_map(|f| f.place.member.as_deref())
        .collect();
    assert_eq!(members, ["NotAction", "NotResource"]);
    assert_eq!(
        look(&text.replace("Allow", "Deny")).len(),
        1,
        "it allows nothing, and no more"
    );
}

#[test]
fn statements_that_match_nothing_are_found() {
    let nothing = |action, resource| format!("{LISTING}, {}", statement(action, resource, ""));
    let kms = nothing(r#""kms:Decrypt""#, r#""*""#);
    one(
        &kms,
        Severity::Notice,
        Some("Action"),
        "matches nothing here",
    );
    let point = nothing(r#""s3:DeleteObject""#, r#""arn:aws:s3:e:1:accesspoint/x""#);
    let found = look(&point);
    assert_eq!(found.len(), 2, "{found:#?}");
    let bucket = nothing(r#""s3:DeleteObject""#, r#""arn:aws:s3:::b""#);
    one(
        &bucket,
        Severity::Warning,
        Some("Resource"),
        "only buckets are named",
    );
    let objects = nothing(r#""s3:GetBucketLocation""#, r#""arn:aws:s3:::b/*""#);
    one(
        &objects,
        Severity::Warning,
        Some("Resource"),
        "only objects are named",
    );
    let slip = nothing(
        r#"["s3:DeleteObject", "s3:DeleteObjcts"]"#,
        r#""arn:aws:s3:::b/*""#,
    );
    one(
        &slip,
        Severity::Notice,
        Some("Action"),
        "did you mean s3:DeleteObject?",
    );
}

#[test]
fn conditions_that_cannot_hold_are_found() {
    let delete = |condition: &str| {
        let condition = format!(r#", "Condition": {{{condition}}}"#);
        let files = statement(r#""s3:DeleteObject""#, r#""arn:aws:s3:::b/*""#, &condition);
        format!("{LISTING}, {files}")
    };
    let prefix = delete(r#""StringLike": {"s3:prefix": "x/*"}"#);
    let member = Some("Condition.StringLike.s3:prefix");
    one(&prefix, Severity::Warning, member, "never holds");
    let encryption = delete(r#""StringEquals": {"s3:x-amz-server-side-encryption": "AES256"}"#);
    let member = Some("Condition.StringEquals.s3:x-amz-server-side-encryption");
    one(&encryption, Severity::Warning, member, "never holds");
    let sound = delete(r#""StringLikeIfExists": {"s3:prefix": "x/*"}"#);
    assert_eq!(look(&sound), []);
    let all = delete(r#""ForAllValues:StringLike": {"aws:username": "x"}"#);
    let member = Some("Condition.ForAllValues:StringLike.aws:username");
    one(&all, Severity::Warning, member, "has no such key");
    let both = delete(r#""ForAnyValue:StringLikeIfExists": {"aws:username": "x"}"#);
    let member = Some("Condition.ForAnyValue:StringLikeIfExists.aws:username");
    one(&both, Severity::Notice, member, "changes nothing");
}

#[test]
fn what_is_missing_beside_is_found() {
    let get = statement(r#""s3:GetObject""#, r#""arn:aws:s3:::b/*""#, "");
    one(&get, Severity::Notice, None, "but not listed");
    let put = get.replace("GetObject", "PutObject");
    one(&put, Severity::Notice, None, "but not looked at");
    let list = statement(r#""s3:ListBucket""#, r#""arn:aws:s3:::b""#, "");
    one(
        &list,
        Severity::Warning,
        None,
        "every name in the bucket is visible",
    );
    let deny = list.replace("Allow", "Deny");
    one(&deny, Severity::Notice, None, "allows nothing");
}

#[test]
fn variables_of_the_old_version_are_found() {
    for (version, severity) in [
        (r#""Version": "2008-10-17","#, Severity::Danger),
        ("", Severity::Danger),
    ] {
        let text = format!(r#"{{{version} "Statement": {LISTING}}}"#);
        let found = lint(&Document::parse("test", &text).unwrap());
        assert_eq!(found[0].severity, severity);
        assert_eq!(found[0].place.to_string(), "Version");
    }
    let plain = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
    let found = lint(&Document::parse("test", plain).unwrap());
    assert_eq!(found[0].severity, Severity::Notice);
}

#[test]
fn the_documents_of_the_matrix_are_told_what_they_lack() {
    let told = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/policies");
        let text = std::fs::read_to_string(format!("{folder}/{name}.json")).expect(name);
        let found = lint(&Document::parse(name, &text).expect(name));
        let found = found
            .iter()
            .map(|finding| format!("{}: {}", finding.severity, finding.place));
        found.collect::<Vec<_>>()
    };
    let nothing: [&str; 0] = [];
    assert_eq!(
        told("scope-down"),
        [r#"warning: statement 3 ("FilesOfHome"), Resource"#]
    );
    assert_eq!(
        told("bucket-role"),
        [
            "warning: statement 1, Resource",
            "warning: statement 1",
            r#"warning: statement 2 ("HomeDirObjectAccess"), Resource"#,
            "notice: statement 3, Action",
        ]
    );
    assert_eq!(told("send-only"), nothing);
    assert_eq!(told("read-only"), ["warning: statement 1"]);
    assert_eq!(
        told("no-removals"),
        [
            "danger: statement 1, Resource",
            "warning: statement 1",
            r#"warning: statement 3 ("NoReports"), Resource"#,
        ]
    );
    assert_eq!(told("by-user-name"), nothing);
    assert_eq!(told("variables-of-2008")[0], "danger: Version");
}
