//! `cargo xtask interop`: builds what the matrix of real clients needs, then hands over to its runner.

use std::process::Command;

use anyhow::Result;

use crate::{environment, process, setup};

/// Runs `tests/interop/run.py` with `arguments`, against a gateway built here unless one is given.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    setup::run(&setup::Options::default())?;
    let mut command = Command::new(setup::python()?);
    command
        .arg(environment::root()?.join("tests/interop/run.py"))
        .args(arguments);
    if !arguments.iter().any(|argument| argument == "--peer") {
        process::build_everything()?;
        let built = environment::target()?.join("debug");
        if !arguments.iter().any(|argument| argument == "--binary") {
            command.arg("--binary").arg(built.join("pierhead"));
        }
        command
            .arg("--s3-server")
            .arg(built.join("examples/s3-server"));
    }
    process::run(command.arg("--tools").arg(environment::tools()?))
}
