//! `cargo xtask torture`: builds the gateway and its torturer, then hands over.

use std::process::Command;

use anyhow::Result;

use crate::{environment, process, setup};

/// Runs the torturer with `arguments`, against a gateway built here unless one is given.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    setup::run(&setup::Options::default())?;
    process::build_everything()?;
    let built = environment::target()?.join("debug");
    let mut command = Command::new(built.join("torture"));
    command.args(arguments);
    if !arguments.iter().any(|argument| argument == "--binary") {
        command.arg("--binary").arg(built.join("pierhead"));
    }
    process::run(command.arg("--moto").arg(setup::moto_server()?))
}
