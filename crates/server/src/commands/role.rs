//! `pierhead role`: what users are given together.

use anyhow::Context as _;
use database::{NewRole, Role, RoleChanges};
use serde_json::json;

use super::{print_json, utc};
use crate::cli::{RoleAddArgs, RoleCommand, RoleSetArgs};
use crate::target::State;

/// Runs it.
pub(crate) async fn run(command: RoleCommand) -> anyhow::Result<()> {
    match command {
        RoleCommand::Add(arguments) => add(arguments).await,
        RoleCommand::List { target, json } => list(&State::of(&target).await?, json).await,
        RoleCommand::Show { name, target, json } => {
            show(&State::of(&target).await?, &name, json).await
        }
        RoleCommand::Set(arguments) => set(arguments).await,
        RoleCommand::Remove {
            name,
            target,
            force,
        } => remove(&State::of(&target).await?, &name, force).await,
    }
}

async fn add(arguments: RoleAddArgs) -> anyhow::Result<()> {
    let state = State::of(&arguments.target).await?;
    check_policies(&arguments.policies, &state).await?;
    let new = NewRole {
        name: arguments.name,
        arn: arguments.arn,
        description: arguments.description.unwrap_or_default(),
        store: arguments.store,
        iam_role: arguments.iam_role,
        external_id: arguments.external_id,
        policies: arguments.policies,
    };
    let role = state
        .database
        .roles()
        .create(&new, state.clock.now())
        .await?;
    println!("added role {}", role.name);
    if new.policies.is_empty() {
        println!("it has no policies: its users may do nothing");
    }
    Ok(())
}

async fn set(arguments: RoleSetArgs) -> anyhow::Result<()> {
    let state = State::of(&arguments.target).await?;
    let role = find(&arguments.name, &state).await?;
    check_policies(&arguments.policies, &state).await?;
    let policies = !arguments.policies.is_empty() || arguments.no_policies;
    let text = |text: String| (!text.is_empty()).then_some(text);
    let changes = RoleChanges {
        arn: arguments.arn.map(text),
        description: arguments.description,
        store: arguments.store.map(text),
        iam_role: arguments.iam_role.map(text),
        external_id: arguments.external_id.map(text),
        policies: policies.then_some(arguments.policies),
    };
    anyhow::ensure!(
        changes != RoleChanges::default(),
        "nothing to change of role {}: `pierhead role set --help` says what can be",
        role.name
    );
    let roles = state.database.roles();
    roles.update(&role.name, changes, state.clock.now()).await?;
    println!("changed role {}", role.name);
    Ok(())
}

async fn remove(state: &State, name: &str, force: bool) -> anyhow::Result<()> {
    let role = find(name, state).await?;
    let users = users_of(&role, state).await?;
    anyhow::ensure!(
        users.is_empty() || force,
        "role {name} has {} users ({}): give them another with `pierhead user set`, or --force to \
         keep them out",
        users.len(),
        some(&users)
    );
    state.database.roles().remove(name).await?;
    println!("removed role {name}");
    if !users.is_empty() {
        println!(
            "{} users cannot log in any more: {}",
            users.len(),
            some(&users)
        );
    }
    Ok(())
}

async fn list(state: &State, json: bool) -> anyhow::Result<()> {
    let roles = state.database.roles().list().await?;
    let mut rows = Vec::new();
    for role in &roles {
        let policies = state.database.roles().policies_of(&role.name).await?;
        rows.push((role, policies));
    }
    if json {
        let all = rows.iter().map(|(role, policies)| as_json(role, policies));
        return print_json(&all.collect());
    }
    let width = roles.iter().map(|role| role.name.len()).max().unwrap_or(0);
    for (role, policies) in rows {
        let policies = match policies.is_empty() {
            true => "(no policies)".to_owned(),
            false => policies.join(", "),
        };
        println!("{:width$}  {policies}", role.name);
    }
    Ok(())
}

async fn show(state: &State, name: &str, json: bool) -> anyhow::Result<()> {
    let role = find(name, state).await?;
    let policies = state.database.roles().policies_of(name).await?;
    let users = users_of(&role, state).await?;
    if json {
        let mut value = as_json(&role, &policies);
        value["users"] = users.into();
        return print_json(&value);
    }
    println!("name       {}", role.name);
    for (word, value) in [
        ("arn", &role.arn),
        ("store", &role.store),
        ("IAM role", &role.iam_role),
        ("ext. id", &role.external_id),
    ] {
        if let Some(value) = value {
            println!("{word:10} {value}");
        }
    }
    if !role.description.is_empty() {
        println!("for        {}", role.description);
    }
    for policy in &policies {
        println!("policy     {policy}");
    }
    if policies.is_empty() {
        println!("policy     none: its users may do nothing");
    }
    println!("users      {}", some(&users));
    println!("created    {}", utc(role.created));
    println!("changed    {}", utc(role.changed));
    Ok(())
}

/// The role of this name.
///
/// # Errors
/// Where there is none; says which there are.
pub(super) async fn find(name: &str, state: &State) -> anyhow::Result<Role> {
    if let Some(role) = state.database.roles().by_name(name).await? {
        return Ok(role);
    }
    let known = state.database.roles().list().await?;
    let known: Vec<String> = known.into_iter().map(|role| role.name).collect();
    anyhow::bail!("there is no role {name:?}; there are: {}", some(&known))
}

/// Fails where one of these policies does not exist; says which do.
async fn check_policies(names: &[String], state: &State) -> anyhow::Result<()> {
    for name in names {
        super::policy::find(name, state).await?;
    }
    let twice = names.iter().enumerate();
    let mut twice = twice.filter(|(at, name)| names.iter().take(*at).any(|other| other == *name));
    match twice.next() {
        Some((_, name)) => anyhow::bail!("policy {name} stands there twice"),
        None => Ok(()),
    }
}

async fn users_of(role: &Role, state: &State) -> anyhow::Result<Vec<String>> {
    let users = state.database.users().list(&state.server.id).await;
    let users = users.context("look for users of the role")?;
    let has = |user: &&database::User| user.role.as_ref() == Some(&role.name);
    let users = users.iter().filter(has);
    Ok(users.map(|user| user.name.to_string()).collect())
}

/// The first few names, for a line of text.
pub(super) fn some(names: &[String]) -> String {
    const MOST: usize = 20;
    match names.len() {
        0 => "none".to_owned(),
        count if count > MOST => {
            let first = names.get(..MOST).unwrap_or_default().join(", ");
            format!("{first} and {} more", count - MOST)
        }
        _ => names.join(", "),
    }
}

fn as_json(role: &Role, policies: &[String]) -> serde_json::Value {
    json!({
        "name": role.name,
        "arn": role.arn,
        "description": role.description,
        "store": role.store,
        "iam_role": role.iam_role,
        "external_id": role.external_id,
        "policies": policies,
        "created": utc(role.created),
        "changed": utc(role.changed),
    })
}
