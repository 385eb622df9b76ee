//! `pierhead host-key`: what the server proves itself with.

use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use super::{print_json, utc};
use crate::cli::HostKeyCommand;
use crate::target::State;
use crate::wiring::{host_keys, stored_key};

/// Runs it.
pub(crate) async fn run(command: HostKeyCommand) -> anyhow::Result<()> {
    match command {
        HostKeyCommand::Import { file, target } => import(&file, &State::of(&target).await?).await,
        HostKeyCommand::List { target, json } => list(&State::of(&target).await?, json).await,
        HostKeyCommand::Fingerprint { target } => {
            for key in host_keys(&State::of(&target).await?).await?.iter() {
                println!("{} {}", key.fingerprint(), key.algorithm());
            }
            Ok(())
        }
    }
}

/// Takes a key over. A key of the same algorithm that was made here gives way to it: a client
/// knows one key per algorithm.
pub(super) async fn import(file: &Path, state: &State) -> anyhow::Result<()> {
    let what = || format!("import the host key {}", file.display());
    let text = std::fs::read_to_string(file).with_context(what)?;
    let key = ssh::HostKey::import(&text, None).with_context(what)?;
    let table = state.database.host_keys();
    let before = table.list(&state.server.id).await?;
    let row = stored_key(&state.server, &key, state.clock.now())?;
    if before.iter().any(|old| old.fingerprint == row.fingerprint) {
        println!("{} {}: already here", row.fingerprint, row.algorithm);
        return Ok(());
    }
    table.add(&row).await.with_context(what)?;
    for old in before.iter().filter(|old| old.algorithm == row.algorithm) {
        table.remove(old.id).await?;
        println!("{} {}: removed", old.fingerprint, old.algorithm);
    }
    println!("{} {}: imported", row.fingerprint, row.algorithm);
    println!("a running node takes it over with `pierhead reload`");
    Ok(())
}

/// Says what [`import`] would take over.
pub(super) fn look_at(file: &Path) -> anyhow::Result<()> {
    let what = || format!("read the host key {}", file.display());
    let text = std::fs::read_to_string(file).with_context(what)?;
    let key = ssh::HostKey::import(&text, None).with_context(what)?;
    println!(
        "host key {} {}: to be imported",
        key.fingerprint(),
        key.algorithm()
    );
    Ok(())
}

async fn list(state: &State, json: bool) -> anyhow::Result<()> {
    let keys = state.database.host_keys().list(&state.server.id).await?;
    if json {
        let keys = keys.iter().map(|key| {
            json!({
                "fingerprint": key.fingerprint,
                "algorithm": key.algorithm,
                "created": utc(key.created),
            })
        });
        return print_json(&keys.collect());
    }
    for key in keys {
        println!(
            "{} {}  since {}",
            key.fingerprint,
            key.algorithm,
            utc(key.created)
        );
    }
    Ok(())
}
