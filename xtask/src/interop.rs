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
        build()?;
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

/// Builds the gateway and testkit's S3 server: with the whole workspace, because a part of it would
/// be built with other features, and so would every dependency be once more after the tests.
fn build() -> Result<()> {
    let everything = [
        "build",
        "--workspace",
        "--all-features",
        "--bins",
        "--examples",
    ];
    process::run(
        Command::new("cargo")
            .args(everything)
            .current_dir(environment::root()?),
    )
}
