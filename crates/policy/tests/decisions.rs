//! Deny before allow before nothing; documents add up, sets intersect; values stay literal.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use model::Timestamp;
use policy::{
    Compiled, Context, Decision, Denial, Document, Home, Operation, Outcome, Paths, PolicySet,
    Request, Resource, S3Action, StatementRef, Variable, Variables, Verdict, compile,
};

const NOW: Timestamp = Timestamp::from_seconds(1_795_262_707);

fn set(name: &str, documents: &[&str]) -> PolicySet {
    let documents = documents.iter().enumerate().map(|(number, statements)| {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
        Document::parse(&format!("d{number}"), &text).unwrap()
    });
    PolicySet::new(name, documents.collect()).unwrap()
}

fn statement(effect: &str, action: &str, resource: &str) -> String {
    format!(r#"{{"Effect": "{effect}", "Action": "{action}", "Resource": "{resource}"}}"#)
}

fn acme() -> Variables {
    Variables::new("acme").at_home(Home::parse("/b/home/acme").unwrap())
}

fn get(policy: &Compiled, key: &str) -> Decision {
    let resource = Resource::object("b", key);
    policy.decide(&Request {
        action: S3Action::GetObject,
        resource: &resource,
        context: Context::at(NOW),
    })
}

#[test]
fn nothing_is_allowed_without_a_statement() {
    let none = compile(&[], &acme());
    let denied = Decision::Denied {
        denial: Denial::Implicit { set: None },
        by: None,
    };
    assert_eq!(get(&none, "x"), denied);
    let empty = compile(&[PolicySet::new("role", vec![]).unwrap()], &acme());
    assert!(!get(&empty, "x").is_allowed());
}

#[test]
fn a_denial_wins_wherever_it_stands() {
    let allow = statement("Allow", "s3:*", "*");
    let deny = statement("Deny", "s3:GetObject", "arn:aws:s3:::b/secret/*");
    let orders = [
        vec![set("role", &[&format!("{allow},{deny}")])],
        vec![set("role", &[&format!("{deny},{allow}")])],
        vec![set("role", &[&allow, &deny])],
        vec![
            set("role", &[&allow]),
            set("session", &[&format!("{allow},{deny}")]),
        ],
        vec![set("role", &[&deny]), set("session", &[&allow])],
    ];
    for sets in orders {
        let policy = compile(&sets, &acme());
        let denied = get(&policy, "secret/x");
        let explicit = matches!(
            &denied,
            Decision::Denied {
                denial: Denial::Explicit,
                by: Some(_)
            }
        );
        assert!(explicit, "{denied:?}");
    }
}

#[test]
fn documents_add_up_and_sets_intersect() {
    let (a, b) = ("arn:aws:s3:::b/a/*", "arn:aws:s3:::b/b/*");
    let (of_a, of_b) = (statement("Allow", "s3:*", a), statement("Allow", "s3:*", b));
    let union = compile(&[set("role", &[&of_a, &of_b])], &acme());
    assert!(get(&union, "a/x").is_allowed() && get(&union, "b/x").is_allowed());
    let by = StatementRef {
        set: 0,
        document: 1,
        statement: 0,
    };
    assert_eq!(get(&union, "b/x").matched(), [by]);
    assert_eq!(union.describe(by), "role, policy \"d1\", statement 1");

    let both = compile(
        &[set("role", &[&of_a, &of_b]), set("session", &[&of_b])],
        &acme(),
    );
    assert_eq!(get(&both, "b/x").matched().len(), 2);
    let denied = Decision::Denied {
        denial: Denial::Implicit { set: Some(1) },
        by: None,
    };
    assert_eq!(get(&both, "a/x"), denied);
    assert_eq!(both.set_name(1), Some("session"));
}

#[test]
fn negations_name_the_others() {
    let text =
        r#"{"Effect": "Allow", "NotAction": "s3:Delete*", "NotResource": "arn:aws:s3:::b/x/*"}"#;
    let policy = compile(&[set("role", &[text])], &acme());
    let ask = |action, key| {
        let resource = Resource::object("b", key);
        let context = Context::at(NOW);
        policy
            .decide(&Request {
                action,
                resource: &resource,
                context,
            })
            .is_allowed()
    };
    assert!(ask(S3Action::PutObject, "y"));
    assert!(!ask(S3Action::PutObject, "x/y"));
    assert!(!ask(S3Action::DeleteObject, "y"));
}

#[test]
fn a_user_name_matches_only_itself() {
    let role = set(
        "role",
        &[&statement(
            "Allow",
            "s3:*",
            "arn:aws:s3:::b/${aws:username}/*",
        )],
    );
    for (name, other) in [
        ("*", "acme"),
        ("a?b", "axb"),
        ("${aws:username}", "acme"),
        ("..", "xx"),
    ] {
        let policy = compile(std::slice::from_ref(&role), &Variables::new(name));
        assert!(get(&policy, &format!("{name}/x")).is_allowed(), "{name}");
        assert!(!get(&policy, &format!("{other}/x")).is_allowed(), "{name}");
    }
}

#[test]
fn a_variable_without_a_value_allows_nothing_and_denies() {
    let home = "arn:aws:s3:::${transfer:HomeDirectory}/*";
    let nobody = Variables::new("acme");
    let allow = compile(
        &[set("role", &[&statement("Allow", "s3:*", home)])],
        &nobody,
    );
    assert!(!get(&allow, "home/acme/x").is_allowed());
    let others = r#"{"Effect": "Allow", "Action": "s3:*",
        "NotResource": "arn:aws:s3:::${transfer:HomeDirectory}/*"}"#;
    let others = compile(&[set("role", &[others])], &nobody);
    assert!(!get(&others, "x").is_allowed());

    let all = statement("Allow", "s3:*", "*");
    let deny = statement("Deny", "s3:GetObject", home);
    let deny = compile(&[set("role", &[&format!("{all},{deny}")])], &nobody);
    let resource = Resource::object("b", "x");
    let mut request = Request {
        action: S3Action::GetObject,
        resource: &resource,
        context: Context::at(NOW),
    };
    let explanation = deny.explain(&request);
    assert!(!explanation.decision.is_allowed());
    let assumed = Some(Variable::HomeDirectory);
    assert_eq!(
        explanation.statements[1].outcome,
        Outcome::Matched { assumed }
    );
    // The element with the variable fits, the others still have to.
    request.action = S3Action::PutObject;
    assert!(deny.decide(&request).is_allowed());
}

#[test]
fn an_explanation_names_the_element_that_fails() {
    let text = r#"{"Effect": "Allow", "Action": "s3:Put*", "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::other/*"},
        {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*", "Sid": "Office",
         "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}},
        {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::${transfer:HomeBucket}/*"}"#;
    let from = [198, 51, 100, 7].into();
    let policy = compile(&[set("role", &[text])], &Variables::new("acme").from(from));
    let resource = Resource::object("b", "x");
    let explanation = policy.explain(&Request {
        action: S3Action::GetObject,
        resource: &resource,
        context: Context::at(NOW),
    });
    let told: Vec<String> = explanation
        .statements
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            r#"role, policy "d0", statement 1 (Allow): is about other actions"#,
            r#"role, policy "d0", statement 2 (Allow): is about other resources"#,
            r#"role, policy "d0", statement 3 ("Office") (Allow): IpAddress aws:SourceIp ["192.0.2.0/24"] does not hold: it is 198.51.100.7"#,
            r#"role, policy "d0", statement 4 (Allow): allows nothing: ${transfer:HomeBucket} has no value here"#,
        ]
    );
}

#[test]
fn an_operation_needs_all_of_its_row() {
    let send = statement(
        "Allow",
        "s3:PutObject",
        "arn:aws:s3:::${transfer:HomeDirectory}/*",
    );
    let policy = compile(&[set("role", &[&send])], &acme());
    let context = Context::at(NOW);
    let paths = Paths::at("b", "home/acme/x.filepart").to("b", "home/acme/x");
    let permits = |operation| policy.permits(operation, &paths, &context);
    assert_eq!(permits(Operation::Create), Verdict::Allowed);
    assert_eq!(permits(Operation::RenameTemporary), Verdict::Allowed);
    let Verdict::Denied { need, resource, .. } = permits(Operation::Rename) else {
        panic!("a rename reads and deletes");
    };
    assert_eq!(need.action, S3Action::GetObject);
    assert_eq!(resource.to_string(), "arn:aws:s3:::b/home/acme/x.filepart");

    let out = Paths::at("b", "home/acme/x").to("b", "home/acme2/x");
    let verdict = policy.permits(Operation::RenameTemporary, &out, &context);
    assert!(!verdict.is_allowed());
}

#[test]
fn encryption_belongs_to_writes_alone() {
    let text = r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*",
         "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}}"#;
    let policy = compile(&[set("role", &[text])], &acme());
    let paths = Paths::at("b", "x");
    let plain = Context::at(NOW);
    assert!(
        !policy
            .permits(Operation::Create, &paths, &plain)
            .is_allowed()
    );
    let kms = plain.encrypted("aws:kms", None);
    assert!(policy.permits(Operation::Create, &paths, &kms).is_allowed());
    assert!(policy.permits(Operation::Read, &paths, &plain).is_allowed());
}

#[test]
fn an_operation_is_explained_need_by_need() {
    let send = statement("Allow", "s3:PutObject", "*");
    let policy = compile(&[set("role", &[&send])], &acme());
    let paths = Paths::at("b", "x").to("c", "y");
    let told = policy.explain_operation(Operation::Rename, &paths, &Context::at(NOW));
    let told: Vec<(S3Action, String, bool)> = told
        .iter()
        .map(|(need, resource, why)| (need.action, resource.to_string(), why.decision.is_allowed()))
        .collect();
    let wanted = [
        (S3Action::GetObject, "arn:aws:s3:::b/x", false),
        (S3Action::DeleteObject, "arn:aws:s3:::b/x", false),
        (S3Action::PutObject, "arn:aws:s3:::c/y", true),
    ];
    let wanted = wanted.map(|(action, arn, allowed)| (action, arn.to_owned(), allowed));
    assert_eq!(told, wanted);
}
