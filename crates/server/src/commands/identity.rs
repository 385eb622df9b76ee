//! `pierhead identity`: what would become of a login.

use std::io::BufRead as _;

use anyhow::Context as _;
use database::{HomeType, Mapping};
use identity::{TestCredential, TestReport, Tested};
use model::Secret;
use serde_json::{Map, Value, json};

use super::{key, print_json};
use crate::cli::{IdentityCommand, IdentityTestArgs};
use crate::config::Config;
use crate::target::State;
use crate::wiring;

/// Runs it.
pub(crate) async fn run(command: IdentityCommand) -> anyhow::Result<()> {
    match command {
        IdentityCommand::Test(arguments) => Box::pin(test(&arguments)).await,
    }
}

async fn test(arguments: &IdentityTestArgs) -> anyhow::Result<()> {
    let credential = credential(arguments)?;
    let state = State::of(&arguments.target).await?;
    check_server(arguments.server.as_deref(), &state)?;
    let identity = wiring::with_providers(&state)?;
    let (server, user) = (&state.server.id, &arguments.user);
    let report = identity.test(server, user, &credential, arguments.source_ip);
    let report = Box::pin(report).await;
    state.database.close().await;
    let answer = aws(&report, &state.config);
    match arguments.json {
        true => print_json(&as_json(answer, &report))?,
        false => print(&answer, &report),
    }
    match report.outcome {
        Ok(_) => Ok(()),
        Err(why) => anyhow::bail!("{user} would not come in: {why}"),
    }
}

fn credential(arguments: &IdentityTestArgs) -> anyhow::Result<TestCredential> {
    if let Some(file) = &arguments.key {
        let mut keys = key::read(file)?;
        let key = keys.pop().filter(|_| keys.is_empty());
        let key = key.with_context(|| format!("{} must hold one public key", file.display()))?;
        return Ok(TestCredential::Key(key));
    }
    if !arguments.password_stdin {
        return Ok(TestCredential::Nothing);
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.context("read the password from standard input")?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    Ok(TestCredential::Password(Secret::new(password)))
}

fn check_server(wanted: Option<&str>, state: &State) -> anyhow::Result<()> {
    let (id, name) = (state.server.id.to_string(), &state.server.name);
    let known = wanted.is_none_or(|wanted| wanted == name || wanted == id);
    anyhow::ensure!(
        known,
        "there is no such server; this installation's is {name} ({id})"
    );
    Ok(())
}

/// What `TestIdentityProvider` answers, by its own names.
fn aws(report: &TestReport, config: &Config) -> Map<String, Value> {
    let (status, response, message) = match &report.outcome {
        Ok(tested) => (200, response(tested), String::new()),
        Err(_) if report.answered => (200, json!({}), String::new()),
        Err(why) => (
            500,
            json!({}),
            format!("Unable to call identity provider: {why}"),
        ),
    };
    let answer = json!({
        "StatusCode": status,
        "Response": response.to_string(),
        "Url": url(report, config),
        "Message": message,
    });
    match answer {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Where the provider is; nothing for the built-in users.
fn url(report: &TestReport, config: &Config) -> String {
    let mut providers = config.identity.provider.iter();
    let named = |name: &String| Some(name.as_str()) == report.provider.as_deref();
    let found = providers.find(|provider| named(&provider.name));
    found.map(|provider| provider.place()).unwrap_or_default()
}

/// The effective answer, as an identity API would give it. Whatever a provider wrote besides, and
/// passwords and hashes above all, is not in it.
fn response(tested: &Tested) -> Value {
    let mut members = Map::new();
    let role = tested.said_role.as_ref().or(tested.role.as_ref());
    members.extend(role.map(|role| ("Role".to_owned(), json!(role))));
    let policy = tested.policy.as_ref();
    members.extend(policy.map(|policy| ("Policy".to_owned(), json!(policy))));
    members.insert(
        "HomeDirectoryType".to_owned(),
        json!(home_type(tested.home_type)),
    );
    if !tested.home_directory.is_empty() {
        members.insert("HomeDirectory".to_owned(), json!(tested.home_directory));
    }
    if !tested.mappings.is_empty() {
        let mappings: Vec<Value> = tested.mappings.iter().map(mapping).collect();
        let text = Value::Array(mappings).to_string();
        members.insert("HomeDirectoryDetails".to_owned(), json!(text));
    }
    Value::Object(members)
}

fn mapping(mapping: &Mapping) -> Value {
    json!({ "Entry": mapping.entry, "Target": mapping.target })
}

fn home_type(kind: HomeType) -> &'static str {
    match kind {
        HomeType::Path => "PATH",
        HomeType::Logical => "LOGICAL",
    }
}

fn as_json(mut answer: Map<String, Value>, report: &TestReport) -> Value {
    let effective = report.outcome.as_ref().ok().map(|tested| {
        let keys = tested.keys.iter().map(|key| key.fingerprint());
        json!({
            "recordedAs": tested.recorded_as,
            "externalId": tested.external_id,
            "role": tested.role,
            "policy": tested.policy,
            "homeType": home_type(tested.home_type),
            "home": tested.home_directory,
            "mappings": tested.mappings.iter().map(mapping).collect::<Vec<_>>(),
            "keys": keys.collect::<Vec<_>>(),
            "groups": tested.groups,
            "methods": tested.methods,
            "oneTimePassword": tested.one_time_password,
        })
    });
    let details = json!({
        "admitted": report.outcome.is_ok(),
        "why": report.outcome.as_ref().err(),
        "provider": report.provider,
        "user": report.user,
        "steps": report.steps,
        "effective": effective,
    });
    if let Value::Object(details) = details {
        answer.extend(details);
    }
    Value::Object(answer)
}

fn print(answer: &Map<String, Value>, report: &TestReport) {
    for name in ["StatusCode", "Response", "Url", "Message"] {
        let value = answer.get(name).cloned().unwrap_or_default();
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        println!("{name:<12}{}", plain(&text));
    }
    println!();
    let provider = report.provider.as_deref().unwrap_or("nobody");
    println!("{:<12}{provider}, about {}", "asked", plain(&report.user));
    for step in &report.steps {
        println!("{:<12}{}", "", plain(step));
    }
    if let Ok(tested) = &report.outcome {
        print_tested(tested);
    }
}

fn print_tested(tested: &Tested) {
    let none = || "none".to_owned();
    let row = |name: &str, value: String| println!("{name:<12}{}", plain(&value));
    row("recorded as", tested.recorded_as.clone());
    row(
        "home",
        format!("{} {}", home_type(tested.home_type), tested.home_directory),
    );
    for mapping in &tested.mappings {
        row(
            "mapping",
            format!("{} -> {}", mapping.entry, mapping.target),
        );
    }
    row("role", tested.role.clone().unwrap_or_else(none));
    row("policy", tested.policy.clone().unwrap_or_else(none));
    row("methods", tested.methods.clone());
    for key in &tested.keys {
        row("key", format!("{} {}", key.fingerprint(), key.comment()));
    }
    if !tested.groups.is_empty() {
        row("groups", tested.groups.join(", "));
    }
}

/// What a provider wrote, without what would move a terminal's cursor.
fn plain(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.chars().map(shown).collect()
}
