//! The commands, one file each.

mod access;
mod backup;
mod ban;
mod bounds;
mod compare;
mod config;
mod group;
mod host_key;
mod identity;
mod import;
mod import_files;
mod key;
mod manual;
mod policy;
mod reload;
mod restore;
mod role;
mod serve;
mod standing;
mod sweep;
mod totp;
mod up;
mod usage;
mod user;

use std::future::Future;

use anyhow::Context as _;

use crate::cli::{Cli, Command};

/// Runs one command to its end.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Up(arguments) => block_on(up::run(arguments)),
        Command::Serve(arguments) => block_on(serve::run(&arguments)),
        Command::Config(command) => config::run(&command),
        Command::User(command) => block_on(user::run(command)),
        Command::Group(command) => block_on(group::run(command)),
        Command::Usage(command) => block_on(usage::run(command)),
        Command::Ban(command) => block_on(ban::run(command)),
        Command::Role(command) => block_on(role::run(command)),
        Command::Policy(command) => block_on(policy::run(command)),
        Command::Access(command) => block_on(access::run(command)),
        Command::Identity(command) => block_on(identity::run(command)),
        Command::Compare(arguments) => block_on(compare::run(&arguments)),
        Command::HostKey(command) => block_on(host_key::run(command)),
        Command::Import(command) => block_on(import::run(command)),
        Command::Backup(arguments) => block_on(backup::run(&arguments)),
        Command::Restore(arguments) => block_on(restore::run(&arguments)),
        Command::Reload(target) => block_on(reload::run(&target)),
        Command::Sweep(arguments) => block_on(sweep::run(&arguments)),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man => manual::man(),
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")?
        .block_on(work)
}

/// Prints `value` as indented JSON.
fn print_json(value: &serde_json::Value) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A time as people read it, in UTC.
fn utc(time: model::Timestamp) -> String {
    jiff::Timestamp::from_second(time.as_seconds())
        .map(|time| time.to_string())
        .unwrap_or_default()
}
