//! `pierhead policy`: the documents that roles give to their users.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use database::Policy;
use policy::{Document, Finding, Severity, lint};
use serde_json::json;

use super::role::some;
use super::{print_json, utc};
use crate::cli::PolicyCommand;
use crate::target::State;

/// Runs it.
pub(crate) async fn run(command: PolicyCommand) -> anyhow::Result<()> {
    match command {
        PolicyCommand::Add { name, file, target } => {
            let text = read_checked(&name, &file)?;
            let state = State::of(&target).await?;
            let (policies, now) = (state.database.policies(), state.clock.now());
            policies.create(&name, &text, now).await?;
            println!("added policy {name}");
            Ok(())
        }
        PolicyCommand::Set { name, file, target } => {
            let text = read_checked(&name, &file)?;
            let state = State::of(&target).await?;
            find(&name, &state).await?;
            let (policies, now) = (state.database.policies(), state.clock.now());
            policies.replace(&name, &text, now).await?;
            let roles = policies.roles_with(&name).await?;
            println!(
                "changed policy {name}; roles that have it: {}",
                some(&roles)
            );
            Ok(())
        }
        PolicyCommand::List { target, json } => list(&State::of(&target).await?, json).await,
        PolicyCommand::Show { name, target, json } => {
            show(&State::of(&target).await?, &name, json).await
        }
        PolicyCommand::Remove { name, target } => remove(&State::of(&target).await?, &name).await,
        PolicyCommand::Lint { file, json } => look_over(&file, json),
    }
}

async fn list(state: &State, json: bool) -> anyhow::Result<()> {
    let policies = state.database.policies().list().await?;
    let mut rows = Vec::new();
    for policy in &policies {
        let roles = state.database.policies().roles_with(&policy.name).await?;
        rows.push((policy, roles));
    }
    if json {
        let row = |(policy, roles): &(&Policy, Vec<String>)| json!({ "name": policy.name, "roles": roles, "changed": utc(policy.changed) });
        return print_json(&rows.iter().map(row).collect());
    }
    let width = policies.iter().map(|policy| policy.name.len()).max();
    let width = width.unwrap_or(0);
    for (policy, roles) in rows {
        println!("{:width$}  roles: {}", policy.name, some(&roles));
    }
    Ok(())
}

async fn show(state: &State, name: &str, json: bool) -> anyhow::Result<()> {
    let policy = find(name, state).await?;
    if !json {
        println!("{}", policy.document.trim_end());
        return Ok(());
    }
    let roles = state.database.policies().roles_with(name).await?;
    let document: serde_json::Value =
        serde_json::from_str(&policy.document).with_context(|| format!("read policy {name}"))?;
    print_json(&json!({
        "name": policy.name,
        "document": document,
        "roles": roles,
        "created": utc(policy.created),
        "changed": utc(policy.changed),
    }))
}

async fn remove(state: &State, name: &str) -> anyhow::Result<()> {
    find(name, state).await?;
    let roles = state.database.policies().roles_with(name).await?;
    anyhow::ensure!(
        roles.is_empty(),
        "policy {name} belongs to roles ({}): take it from them with `pierhead role set`",
        some(&roles)
    );
    state.database.policies().remove(name).await?;
    println!("removed policy {name}");
    Ok(())
}

/// The policy of this name.
///
/// # Errors
/// Where there is none; says which there are.
pub(super) async fn find(name: &str, state: &State) -> anyhow::Result<Policy> {
    if let Some(policy) = state.database.policies().by_name(name).await? {
        return Ok(policy);
    }
    let known = state.database.policies().list().await?;
    let known: Vec<String> = known.into_iter().map(|policy| policy.name).collect();
    anyhow::bail!("there is no policy {name:?}; there are: {}", some(&known))
}

/// Reads a document that is going to be saved, and prints what lint finds on standard error.
pub(super) fn read_checked(name: &str, file: &Path) -> anyhow::Result<String> {
    let text = read(file)?;
    let document = Document::parse(name, &text)?;
    for finding in lint(&document) {
        eprintln!("{finding}");
    }
    Ok(text)
}

fn look_over(file: &Path, json: bool) -> anyhow::Result<()> {
    let name = file.display().to_string();
    let document = Document::parse(&name, &read(file)?)?;
    let findings = lint(&document);
    if json {
        print_json(&findings.iter().map(as_json).collect())?;
    } else {
        findings.iter().for_each(|finding| println!("{finding}"));
        if findings.is_empty() {
            println!(
                "{name}: {} statements, nothing to say",
                document.statements()
            );
        }
    }
    let dangers = findings
        .iter()
        .filter(|found| found.severity == Severity::Danger);
    match dangers.count() {
        0 => Ok(()),
        count => {
            anyhow::bail!("{name}: {count} findings say that somebody may reach what he should not")
        }
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().lock().read_to_string(&mut text);
        read.context("read the document from standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))
}

fn as_json(finding: &Finding) -> serde_json::Value {
    json!({
        "severity": finding.severity.to_string(),
        "place": finding.place.to_string(),
        "message": finding.message,
        "advice": finding.advice,
    })
}
