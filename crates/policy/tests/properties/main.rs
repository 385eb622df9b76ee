//! The evaluator against a slow obvious one, on generated documents and requests; and what must
//! hold of any policy.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod documents;
mod generate;
mod oracle;
mod signs;

use policy::{
    Compiled, Context, Decision, Denial, Document, Outcome, PolicySet, Request, Resource, compile,
};
use proptest::prelude::*;
use serde_json::Value;

use generate::{Asked, Person};
use oracle::Verdict;

fn document(value: &Value) -> Document {
    let text = value.to_string();
    Document::parse("generated", &text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn sets(values: &[Vec<Value>]) -> Vec<PolicySet> {
    let set = |documents: &Vec<Value>| {
        PolicySet::new("set", documents.iter().map(document).collect()).unwrap()
    };
    values.iter().map(set).collect()
}

fn with_request<T>(asked: &Asked, then: impl FnOnce(&Request<'_>) -> T) -> T {
    let resource = match &asked.key {
        Some(key) => Resource::object(&asked.bucket, key),
        None => Resource::bucket(&asked.bucket),
    };
    let mut context = Context::at(generate::now());
    if let Some(prefix) = &asked.prefix {
        context = context.listing(prefix);
    }
    if let Some(max_keys) = asked.max_keys {
        context = context.paged(max_keys);
    }
    if let Some(algorithm) = &asked.encryption {
        context = context.encrypted(algorithm, asked.kms_key.as_deref());
    }
    then(&Request {
        action: asked.action,
        resource: &resource,
        context,
    })
}

fn decide(policy: &Compiled, asked: &Asked) -> Decision {
    with_request(asked, |request| policy.decide(request))
}

fn verdict(decision: &Decision) -> Verdict {
    match decision {
        Decision::Allowed { .. } => Verdict::Allowed,
        Decision::Denied {
            denial: Denial::Explicit,
            ..
        } => Verdict::DeniedByStatement,
        Decision::Denied { .. } => Verdict::NotAllowed,
    }
}

fn all(effect: &str) -> Value {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": {"Effect": effect, "Action": "*", "Resource": "*"}
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_slow_evaluator_agrees(
        values in documents::sets(),
        person in generate::person(),
        asked in prop::collection::vec(generate::asked(), 1..6),
    ) {
        let policy = compile(&sets(&values), &person.variables());
        for asked in asked {
            let decision = decide(&policy, &asked);
            let wanted = oracle::decide(&values, &person, &asked);
            prop_assert_eq!(verdict(&decision), wanted, "{:?} {:?} {:#?}", person, asked, values);
        }
    }

}

proptest! {
    #[test]
    fn explanations_say_what_decisions_do(
        values in documents::sets(),
        person in generate::person(),
        asked in generate::asked(),
    ) {
        let policy = compile(&sets(&values), &person.variables());
        let decision = decide(&policy, &asked);
        let explained = with_request(&asked, |request| policy.explain(request));
        prop_assert_eq!(&explained.decision, &decision);
        let written: usize = values
            .iter()
            .flatten()
            .map(|document| document["Statement"].as_array().map_or(1, Vec::len))
            .sum();
        prop_assert_eq!(explained.statements.len(), written);
        for at in decision.matched() {
            let report = explained.statements.iter().find(|report| report.at == *at).unwrap();
            let matched = matches!(report.outcome, Outcome::Matched { .. });
            prop_assert!(matched, "{}", report);
        }
    }

    #[test]
    fn more_denials_and_more_sets_never_allow_more(
        values in documents::sets(),
        more in documents::document(),
        person in generate::person(),
        asked in generate::asked(),
    ) {
        let variables = person.variables();
        let before = decide(&compile(&sets(&values), &variables), &asked);

        let mut denied = values.clone();
        denied.push(vec![all("Deny")]);
        let denied = decide(&compile(&sets(&denied), &variables), &asked);
        prop_assert_eq!(verdict(&denied), Verdict::DeniedByStatement);

        let mut bounded = values.clone();
        bounded.push(vec![more.clone()]);
        let bounded = decide(&compile(&sets(&bounded), &variables), &asked);
        prop_assert!(before.is_allowed() || !bounded.is_allowed());

        let mut wider = values.clone();
        wider[0].push(all("Allow"));
        wider[0].push(more);
        let wider = decide(&compile(&sets(&wider), &variables), &asked);
        if verdict(&before) == Verdict::DeniedByStatement {
            prop_assert_eq!(verdict(&wider), Verdict::DeniedByStatement);
        }
    }

    /// What a store enforces of a set is what is enforced here: the same evaluator stands for it,
    /// with nothing but requests that anybody else would make.
    #[test]
    fn a_store_is_told_what_is_meant(
        values in documents::sets(),
        person in generate::person(),
        asked in prop::collection::vec(generate::asked(), 1..6),
    ) {
        let nobody = policy::Variables::new("").in_the_clear();
        for set in sets(&values) {
            let Ok(told) = set.for_store(&person.variables()) else {
                continue;
            };
            let told_to = Document::parse("told", &told);
            let told_to = told_to.unwrap_or_else(|error| panic!("{told}: {error}"));
            let there = compile(&[PolicySet::new("told", vec![told_to]).unwrap()], &nobody);
            let here = compile(&[set], &person.variables());
            for asked in &asked {
                let (here, there) = (decide(&here, asked), decide(&there, asked));
                prop_assert_eq!(
                    here.is_allowed(), there.is_allowed(),
                    "{:?} {:?} {:#?} {}", person, asked, values, told
                );
            }
        }
    }

    #[test]
    fn nobody_gets_out_of_his_home(
        person in generate::person(),
        asked in generate::asked(),
    ) {
        let home = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": "s3:*",
                "Resource": "arn:aws:s3:::${transfer:HomeDirectory}*"}
        });
        let policy = compile(&sets(&[vec![home]]), &person.variables());
        if decide(&policy, &asked).is_allowed() {
            let (bucket, folder) = person.home.clone().expect("without a home nothing is allowed");
            let inside = asked.key.as_deref().is_none_or(|key| {
                folder.is_empty() || key == folder || key.starts_with(&format!("{folder}/"))
            });
            prop_assert!(asked.bucket == bucket && inside, "{:?} {:?}", person, asked);
        }
    }
}

#[test]
fn the_generator_reaches_every_verdict() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = [0_usize; 3];
    for _ in 0..500 {
        let mut draw = |strategy: BoxedStrategy<(Vec<Vec<Value>>, Person, Asked)>| {
            strategy.new_tree(&mut runner).unwrap().current()
        };
        let drawn = (documents::sets(), generate::person(), generate::asked()).boxed();
        let (values, person, asked) = draw(drawn);
        seen[oracle::decide(&values, &person, &asked) as usize] += 1;
    }
    assert!(seen.iter().all(|count| *count > 25), "{seen:?}");
}
