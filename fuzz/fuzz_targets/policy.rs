//! Documents, whole or made of statements, and requests: no panic, the same answer every time, a
//! denial that nothing takes back, and no set that widens another.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use model::Timestamp;
use policy::{
    Compiled, Context, Decision, Denial, Document, Home, Operation, Paths, PolicySet, Request,
    Resource, S3Action, Variables, compile, lint,
};
use serde_json::{Value, json};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    raw: Option<&'a str>,
    old: bool,
    statements: Vec<Statement<'a>>,
    name: &'a str,
    home: Option<&'a str>,
    address: Option<[u8; 4]>,
    action: u8,
    bucket: &'a str,
    key: &'a str,
    prefix: Option<&'a str>,
}

#[derive(Debug, Arbitrary)]
struct Statement<'a> {
    deny: bool,
    not_action: bool,
    not_resource: bool,
    actions: Vec<u8>,
    resources: Vec<&'a str>,
    condition: Option<(u8, u8, &'a str)>,
}

const ACTIONS: [&str; 6] = ["*", "s3:*", "s3:Get*", "s3:PutObject", "S3:list?ucket", "kms:*"];
const OPERATORS: [&str; 8] = [
    "StringEquals",
    "StringNotLike",
    "StringLikeIfExists",
    "ForAllValues:StringLike",
    "ForAnyValue:StringEqualsIgnoreCase",
    "NotIpAddress",
    "NumericLessThan",
    "DateGreaterThan",
];
const KEYS: [&str; 6] = [
    "s3:prefix",
    "aws:username",
    "s3:delimiter",
    "aws:SourceIp",
    "s3:max-keys",
    "aws:CurrentTime",
];

fuzz_target!(|input: Input<'_>| {
    let text = match input.raw {
        Some(raw) => raw.to_owned(),
        None => written(&input),
    };
    let Ok(document) = Document::parse("fuzz", &text) else {
        return;
    };
    assert_eq!(Document::parse("fuzz", &text).as_ref(), Ok(&document));
    assert_eq!(lint(&document), lint(&document));
    ask(&input, &document);
});

fn ask(input: &Input<'_>, document: &Document) {
    let variables = variables(input);
    let all = |effect: &str| {
        let statement = json!({"Effect": effect, "Action": "*", "Resource": "*"});
        let text = json!({"Version": "2012-10-17", "Statement": statement});
        Document::parse("all", &text.to_string()).expect("written above")
    };
    let set = |documents: &[&Document]| {
        let documents = documents.iter().map(|document| (*document).clone());
        PolicySet::new("set", documents.collect()).expect("two at most")
    };
    let (allow, deny) = (all("Allow"), all("Deny"));
    let policy = compile(&[set(&[document])], &variables);
    let wider = compile(&[set(&[document, &allow])], &variables);
    let bounded = compile(&[set(&[&allow]), set(&[document])], &variables);
    let denied = compile(&[set(&[document]), set(&[&deny])], &variables);

    let decision = decide(&policy, input);
    assert_eq!(decision, decide(&policy, input));
    assert!(is_explicit(&decide(&denied, input)));
    assert_eq!(decide(&bounded, input).is_allowed(), decision.is_allowed());
    assert_eq!(decide(&wider, input).is_allowed(), !is_explicit(&decision));

    let context = context(input);
    let paths = Paths::at(input.bucket, input.key).to(input.bucket, input.name);
    for operation in Operation::ALL {
        let verdict = policy.permits(operation, &paths, &context);
        assert_eq!(verdict, policy.permits(operation, &paths, &context));
        assert!(!denied.permits(operation, &paths, &context).is_allowed());
        policy.explain_operation(operation, &paths, &context);
    }
}

fn decide(policy: &Compiled, input: &Input<'_>) -> Decision {
    let action = S3Action::ALL[usize::from(input.action) % S3Action::ALL.len()];
    let resource = match action.is_of_objects() {
        true => Resource::object(input.bucket, input.key),
        false => Resource::bucket(input.bucket),
    };
    let request = Request {
        action,
        resource: &resource,
        context: context(input),
    };
    let explanation = policy.explain(&request);
    let decision = policy.decide(&request);
    assert_eq!(explanation.decision, decision);
    decision
}

fn is_explicit(decision: &Decision) -> bool {
    let denial = Denial::Explicit;
    matches!(decision, Decision::Denied { denial: found, .. } if *found == denial)
}

fn context<'a>(input: &Input<'a>) -> Context<'a> {
    let context = Context::at(Timestamp::from_seconds(1_000));
    match input.prefix {
        Some(prefix) => context.listing(prefix).paged(1_000),
        None => context,
    }
}

fn variables(input: &Input<'_>) -> Variables {
    let mut variables = Variables::new(input.name);
    if let Some(home) = input.home.and_then(Home::parse) {
        variables = variables.at_home(home);
    }
    match input.address {
        Some(address) => variables.from(address.into()),
        None => variables,
    }
}

fn written(input: &Input<'_>) -> String {
    let statements: Vec<Value> = input.statements.iter().map(statement).collect();
    let version = if input.old { "2008-10-17" } else { "2012-10-17" };
    json!({"Version": version, "Statement": statements}).to_string()
}

fn statement(statement: &Statement<'_>) -> Value {
    let pick = |words: &[&'static str], number: u8| words[usize::from(number) % words.len()];
    let actions: Vec<&str> = statement.actions.iter().map(|n| pick(&ACTIONS, *n)).collect();
    let resources: Vec<String> = statement
        .resources
        .iter()
        .map(|path| format!("arn:aws:s3:::{path}"))
        .collect();
    let mut value = json!({"Effect": if statement.deny { "Deny" } else { "Allow" }});
    value[if statement.not_action { "NotAction" } else { "Action" }] = json!(actions);
    value[if statement.not_resource { "NotResource" } else { "Resource" }] = json!(resources);
    if let Some((operator, key, wanted)) = statement.condition {
        value["Condition"] = json!({pick(&OPERATORS, operator): {pick(&KEYS, key): wanted}});
    }
    value
}
