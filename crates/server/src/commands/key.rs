//! `pierhead user key`: a user's SSH public keys.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use database::{KeyBounds, NewSshKey, SshKey, User};
use identity::PublicKey;
use serde_json::json;

use super::{print_json, utc};
use crate::cli::KeyCommand;
use crate::target::State;

/// Runs it.
pub(crate) async fn run(command: KeyCommand) -> anyhow::Result<()> {
    match command {
        KeyCommand::Add { name, file, target } => {
            let keys = read(&file)?;
            anyhow::ensure!(!keys.is_empty(), "{} holds no public key", file.display());
            let state = State::of(&target).await?;
            let user = state.user(&name).await?;
            super::user::ensure_built_in(&user)?;
            for key in &keys {
                println!("added key {} to user {name}", key.fingerprint());
            }
            store(&state, &user, keys).await
        }
        KeyCommand::List { name, target, json } => {
            let state = State::of(&target).await?;
            let user = state.user(&name).await?;
            let keys = state.database.ssh_keys().list(user.id).await?;
            if json {
                return print_json(&keys.iter().map(as_json).collect());
            }
            for key in keys {
                println!("{} {} {}", key.fingerprint, key.algorithm, key.comment);
                print_bounds(&key);
            }
            Ok(())
        }
        KeyCommand::Remove {
            name,
            fingerprint,
            target,
        } => {
            let state = State::of(&target).await?;
            let user = state.user(&name).await?;
            let keys = state.database.ssh_keys().list(user.id).await?;
            let key = keys.iter().find(|key| key.fingerprint == fingerprint).with_context(|| {
                format!("user {name} has no key {fingerprint}; `pierhead user key list {name}` shows his keys")
            })?;
            state.database.ssh_keys().remove(user.id, key.id).await?;
            println!("removed key {fingerprint} of user {name}");
            Ok(())
        }
    }
}

/// The keys of a file in the format of `authorized_keys`; `-` is standard input.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<PublicKey>> {
    let what = || format!("read the keys in {}", file.display());
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin()
            .read_to_string(&mut text)
            .with_context(what)?;
    } else {
        text = std::fs::read_to_string(file).with_context(what)?;
    }
    let mut keys = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key =
            PublicKey::parse(line).with_context(|| format!("{}:{}", file.display(), number + 1))?;
        keys.push(key);
    }
    Ok(keys)
}

/// Adds keys to a user.
pub(super) async fn store(state: &State, user: &User, keys: Vec<PublicKey>) -> anyhow::Result<()> {
    for key in keys {
        let new = NewSshKey {
            user: user.id,
            algorithm: key.algorithm().to_owned(),
            body: key.body(),
            fingerprint: key.fingerprint(),
            comment: key.comment().to_owned(),
            bounds: KeyBounds::default(),
        };
        state
            .database
            .ssh_keys()
            .add(new, state.clock.now())
            .await?;
    }
    Ok(())
}

/// Prints where a key may be used from and until when, where that is said of it.
pub(super) fn print_bounds(key: &SshKey) {
    let networks = &key.bounds.networks;
    for (word, list) in [("from", &networks.allow), ("not from", &networks.deny)] {
        if !list.is_empty() {
            println!("           {word} {}", list.join(", "));
        }
    }
    if let Some(expires) = key.bounds.expires {
        println!("           until {}", utc(expires));
    }
}

pub(super) fn as_json(key: &SshKey) -> serde_json::Value {
    json!({
        "fingerprint": key.fingerprint,
        "algorithm": key.algorithm,
        "comment": key.comment,
        "created": utc(key.created),
        "networks": { "allow": key.bounds.networks.allow, "deny": key.bounds.networks.deny },
        "expires": key.bounds.expires.map(utc),
    })
}
