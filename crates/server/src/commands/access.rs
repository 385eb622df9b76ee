//! `pierhead access`: whether a user may do something, and why, for those who answer his calls.

use anyhow::Context as _;
use database::User;
use gateway::{AccessReport, Allowance, Question, ReachedMount, explain_access};
use policy::{Decision, Explanation, Need, Operation, Outcome, Resource};
use serde_json::{Value, json};

use super::print_json;
use crate::cli::{AccessCommand, ExplainArgs};
use crate::config::ByteSize;
use crate::target::State;
use crate::wiring;

/// What people call operations.
const WORDS: [(&str, Operation); 12] = [
    ("get", Operation::Read),
    ("put", Operation::Create),
    ("overwrite", Operation::Overwrite),
    ("append", Operation::Change),
    ("ls", Operation::List),
    ("stat", Operation::Stat),
    ("chmod", Operation::SetAttributes),
    ("mkdir", Operation::MakeDirectory),
    ("rmdir", Operation::RemoveDirectory),
    ("rm", Operation::Remove),
    ("mv", Operation::Rename),
    ("cp", Operation::Copy),
];

/// Runs it.
pub(crate) async fn run(command: AccessCommand) -> anyhow::Result<()> {
    let AccessCommand::Explain(arguments) = command;
    let operation = operation(&arguments.op)?;
    anyhow::ensure!(
        operation.has_target() == arguments.to.is_some(),
        match operation.has_target() {
            true => format!(
                "{} leads from one path to another: name the other with --to",
                arguments.op
            ),
            false => format!("{} leads to no second path: leave --to out", arguments.op),
        }
    );
    let state = State::of(&arguments.target).await?;
    let user = state.user(&arguments.user).await?;
    let question = Question {
        operation,
        path: arguments.path.clone(),
        to: arguments.to.clone(),
        source: arguments.source_ip,
        size: arguments.size.map(ByteSize::bytes),
        now: state.clock.now(),
        settings: wiring::gateway_settings(&state.config),
    };
    let stores = wiring::stores(&state.config)?;
    let access = explain_access(&user, &question, &state.database, &stores).await?;
    match arguments.json {
        true => print_json(&as_json(&access, &arguments, &user)),
        false => {
            print(&access, &arguments, &user);
            Ok(())
        }
    }
}

fn operation(word: &str) -> anyhow::Result<Operation> {
    let named = WORDS.iter().find(|(name, _)| *name == word);
    let found = named.map(|(_, operation)| *operation);
    found.or_else(|| Operation::parse(word)).with_context(|| {
        let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
        let all = Operation::ALL.iter().map(|operation| operation.as_str());
        let all: Vec<&str> = all.collect();
        format!(
            "--op {word:?} is not known; there are: {}; and in the words of docs/POLICIES.md: {}",
            words.join(", "),
            all.join(", ")
        )
    })
}

fn print(access: &AccessReport, arguments: &ExplainArgs, user: &User) {
    let to = arguments.to.as_ref().map(|to| format!(" to {to}"));
    let source = arguments.source_ip.map(|source| format!(" from {source}"));
    println!(
        "{} {}{} by {}{}",
        arguments.op,
        arguments.path,
        to.unwrap_or_default(),
        user.name,
        source.unwrap_or_default()
    );
    if let Some(role) = &user.role {
        println!("  role          {role}");
    }
    if user.session_policy.is_some() {
        println!("  session policy of his own");
    }
    for reached in &access.reached {
        match &reached.mount {
            Some(mount) => print_mount(&reached.path.to_string(), mount),
            None => println!("  {}  a directory above mappings", reached.path),
        }
    }
    if !access.has_policies && !access.reached.is_empty() {
        println!("  policies      none: the permissions there decide alone");
    }
    for need in &access.needs {
        print_need(need);
    }
    for allowance in &access.allowances {
        print_allowance(allowance);
    }
    match &access.denied {
        None => println!("allowed"),
        Some(why) => println!("denied: {why}"),
    }
    if user.disabled {
        println!("note: {} is disabled, and cannot log in", user.name);
    }
}

fn print_mount(path: &str, mount: &ReachedMount) {
    println!("  path          {path}, in {} of his tree", mount.entry);
    println!("  bucket, key   {} {:?}", mount.bucket, mount.key);
    println!("  permissions   {}", mount.permissions);
}

/// How much of a limit is used, and whether it is in the way.
fn print_allowance(allowance: &Allowance) {
    let name = allowance.name;
    let says = match (allowance.used, allowance.limit) {
        (Some(used), Some(limit)) => format!("{used} of {limit}"),
        (None, Some(limit)) => format!("at most {limit}"),
        (_, None) => allowance.globs.join(", "),
    };
    match &allowance.objection {
        None => println!("  {name:<13} {says}"),
        Some(why) => println!("  {name:<13} {says}: {why}"),
    }
}

/// What a need's statements say; those about other actions say nothing to it.
fn print_need((need, resource, explanation): &(Need, Resource, Explanation)) {
    let sign = match explanation.decision {
        Decision::Allowed { .. } => "allowed",
        Decision::Denied { .. } => "denied",
    };
    println!("  needs         {} on {resource}: {sign}", need.action);
    for statement in &explanation.statements {
        if statement.outcome != Outcome::Action {
            println!("    {statement}");
        }
    }
}

fn as_json(access: &AccessReport, arguments: &ExplainArgs, user: &User) -> Value {
    let reached = access.reached.iter().map(|reached| {
        json!({
            "path": reached.path.as_str(),
            "entry": reached.mount.as_ref().map(|mount| &mount.entry),
            "bucket": reached.mount.as_ref().map(|mount| &mount.bucket),
            "key": reached.mount.as_ref().map(|mount| &mount.key),
            "permissions": reached.mount.as_ref().map(|mount| mount.permissions.to_string()),
        })
    });
    let needs = access.needs.iter().map(|(need, resource, explanation)| {
        let statements = explanation.statements.iter().map(|statement| {
            json!({
                "name": statement.name,
                "effect": statement.effect.to_string(),
                "matches": matches!(statement.outcome, Outcome::Matched { .. }),
                "outcome": statement.outcome.to_string(),
            })
        });
        json!({
            "action": need.action.as_str(),
            "resource": resource.to_string(),
            "allowed": explanation.decision.is_allowed(),
            "statements": statements.collect::<Value>(),
        })
    });
    let limits = access.allowances.iter().map(|allowance| {
        json!({
            "name": allowance.name,
            "used": allowance.used,
            "limit": allowance.limit,
            "globs": allowance.globs,
            "objection": allowance.objection,
        })
    });
    json!({
        "user": user.name,
        "role": user.role,
        "session_policy": user.session_policy.is_some(),
        "disabled": user.disabled,
        "operation": arguments.op,
        "source_ip": arguments.source_ip,
        "allowed": access.denied.is_none(),
        "reason": access.denied,
        "policies": access.has_policies,
        "paths": reached.collect::<Value>(),
        "needs": needs.collect::<Value>(),
        "limits": limits.collect::<Value>(),
    })
}
