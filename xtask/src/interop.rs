//! `cargo xtask interop`: builds what the matrix of real clients needs, then hands over to its runner.

use std::path::PathBuf;
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
        if !arguments.iter().any(|argument| argument == "--binary") {
            command.arg("--binary").arg(build_gateway()?);
        }
        command.arg("--s3-server").arg(build_s3_server()?);
    }
    process::run(command.arg("--tools").arg(environment::tools()?))
}

fn build_gateway() -> Result<PathBuf> {
    cargo_build(&["--package", "server", "--bin", "pierhead"])?;
    Ok(environment::target()?.join("debug/pierhead"))
}

fn build_s3_server() -> Result<PathBuf> {
    cargo_build(&[
        "--package",
        "testkit",
        "--features",
        "s3",
        "--example",
        "s3-server",
    ])?;
    Ok(environment::target()?.join("debug/examples/s3-server"))
}

fn cargo_build(what: &[&str]) -> Result<()> {
    let mut command = Command::new("cargo");
    process::run(
        command
            .arg("build")
            .args(what)
            .current_dir(environment::root()?),
    )
}
