//! `pierhead usage`: how much users have.

use database::{Usage, User};
use model::NodeId;
use serde_json::json;

use super::{bounds, print_json, utc};
use crate::cli::UsageCommand;
use crate::target::State;
use crate::wiring;

/// Runs it.
pub(crate) async fn run(command: UsageCommand) -> anyhow::Result<()> {
    match command {
        UsageCommand::Show { user, target, json } => {
            let state = State::of(&target).await?;
            let user = state.user(&user).await?;
            let usage = state.database.usage().of(user.id, None).await?;
            show(&user, &usage, json)
        }
        UsageCommand::Recount { user, target } => {
            let state = State::of(&target).await?;
            let user = state.user(&user).await?;
            let stores = wiring::engine(&state, NodeId::generate())?.stores;
            let (database, now) = (&state.database, state.clock.now());
            let usage = gateway::count_usage(&user, database, &stores, now).await?;
            println!(
                "counted {} files of {} with {} bytes",
                usage.files, user.name, usage.bytes
            );
            Ok(())
        }
    }
}

fn show(user: &User, usage: &Usage, json: bool) -> anyhow::Result<()> {
    if json {
        return print_json(&json!({
            "user": user.name,
            "bytes": usage.bytes,
            "files": usage.files,
            "private_bytes": usage.private_bytes,
            "private_files": usage.private_files,
            "counted": usage.counted.map(utc),
            "limits": user.limits,
        }));
    }
    println!("user       {}", user.name);
    println!("has        {} files, {} bytes", usage.files, usage.bytes);
    if usage.private_files > 0 {
        let (files, bytes) = (usage.private_files, usage.private_bytes);
        println!("unfinished {files} files, {bytes} bytes");
    }
    let counted = usage.counted.map_or_else(|| "never".to_owned(), utc);
    println!("counted    {counted}");
    bounds::print(&user.limits);
    Ok(())
}
