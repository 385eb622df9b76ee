//! `pierhead group`: what users that belong together may do and have at most.

use anyhow::Context as _;
use database::{Group, GroupChanges, UserLimits};
use policy::Permissions;
use serde_json::json;

use super::{bounds, print_json, utc};
use crate::cli::{GroupArgs, GroupCommand};
use crate::target::State;

/// Runs it.
pub(crate) async fn run(command: GroupCommand) -> anyhow::Result<()> {
    match command {
        GroupCommand::Add {
            name,
            target,
            changes,
        } => add(&State::of(&target).await?, &name, &changes).await,
        GroupCommand::List { target, json } => list(&State::of(&target).await?, json).await,
        GroupCommand::Show { name, target, json } => {
            let state = State::of(&target).await?;
            show(&state, &state.group(&name).await?, json).await
        }
        GroupCommand::Set {
            name,
            target,
            changes,
        } => {
            let state = State::of(&target).await?;
            set(&state, &state.group(&name).await?, &changes).await
        }
        GroupCommand::Remove { name, target } => {
            let state = State::of(&target).await?;
            let group = state.group(&name).await?;
            let removed = state.database.groups().remove(group.id).await;
            removed.with_context(|| format!("group {name} has members, or is gone"))?;
            println!("removed group {name}");
            Ok(())
        }
    }
}

async fn add(state: &State, name: &str, arguments: &GroupArgs) -> anyhow::Result<()> {
    anyhow::ensure!(
        !name.is_empty() && name != "none" && !name.chars().any(char::is_control),
        "{name:?} cannot be a group's name"
    );
    let mut group = Group::new(state.server.id.clone(), name, state.clock.now());
    let changes = changes(arguments, &group.limits)?;
    group.description = changes.description.unwrap_or_default();
    group.permissions = changes.permissions.unwrap_or(Permissions::ALL);
    group.limits = changes.limits.unwrap_or_default();
    gateway::check_limits(&group.limits)?;
    state.database.groups().create(&group).await?;
    println!("added group {name}");
    Ok(())
}

async fn set(state: &State, group: &Group, arguments: &GroupArgs) -> anyhow::Result<()> {
    let changes = changes(arguments, &group.limits)?;
    if let Some(limits) = &changes.limits {
        gateway::check_limits(limits)?;
    }
    let groups = state.database.groups();
    groups.update(group.id, changes, state.clock.now()).await?;
    println!("changed group {}", group.name);
    Ok(())
}

fn changes(arguments: &GroupArgs, old: &UserLimits) -> anyhow::Result<GroupChanges> {
    Ok(GroupChanges {
        description: arguments.description.clone(),
        permissions: arguments.bounds.permissions()?,
        limits: arguments.bounds.limits(old)?,
    })
}

async fn list(state: &State, json: bool) -> anyhow::Result<()> {
    let groups = state.database.groups().list(&state.server.id).await?;
    if json {
        return print_json(&groups.iter().map(as_json).collect());
    }
    let width = groups.iter().map(|group| group.name.len()).max();
    let width = width.unwrap_or(0);
    for group in &groups {
        println!("{:width$}  {}", group.name, group.permissions);
    }
    Ok(())
}

async fn show(state: &State, group: &Group, json: bool) -> anyhow::Result<()> {
    let users = state.database.users().list(&state.server.id).await?;
    let members: Vec<&str> = users
        .iter()
        .filter(|user| user.group == Some(group.id))
        .map(|user| user.name.as_str())
        .collect();
    if json {
        let mut value = as_json(group);
        value["members"] = json!(members);
        return print_json(&value);
    }
    println!("name       {}", group.name);
    if !group.description.is_empty() {
        println!("for        {}", group.description);
    }
    println!("may        {}", group.permissions);
    bounds::print(&group.limits);
    println!("changed    {}", utc(group.changed));
    for member in members {
        println!("member     {member}");
    }
    Ok(())
}

fn as_json(group: &Group) -> serde_json::Value {
    json!({
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "permissions": group.permissions.to_string(),
        "limits": group.limits,
        "created": utc(group.created),
        "changed": utc(group.changed),
    })
}
