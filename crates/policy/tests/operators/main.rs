//! Condition operators, rule by rule: "IAM JSON policy elements: Condition operators", and "Single-
//! valued vs. multivalued context keys" for ForAnyValue and ForAllValues.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod keys;
mod texts;
mod values;

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
