//! The Python environment of the tests, in the ignored folder `.tools/venv`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{environment, process};

/// What is installed; a change here rebuilds the environment on the next run.
const PACKAGES: &str = include_str!("../../../tests/interop/requirements.txt");

/// A program of the environment.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    Ok(folder()?.join("bin").join(name))
}

/// Whether the environment holds what this checkout asks for.
pub(crate) fn is_current() -> Result<bool> {
    let installed = std::fs::read_to_string(stamp()?).unwrap_or_default();
    Ok(installed == PACKAGES && program("python3")?.exists())
}

/// Builds the environment unless it is current.
pub(crate) fn install() -> Result<()> {
    if is_current()? {
        return Ok(());
    }
    let folder = folder()?;
    let list: Vec<&str> = PACKAGES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    eprintln!(
        "setup: installing Python packages into .tools/venv: {}",
        list.join(" ")
    );
    process::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    )?;
    let requirements = environment::root()?.join("tests/interop/requirements.txt");
    process::run(
        Command::new(program("pip")?)
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .arg(requirements),
    )?;
    let stamp = stamp()?;
    std::fs::write(&stamp, PACKAGES).with_context(|| format!("write {}", stamp.display()))
}

fn folder() -> Result<PathBuf> {
    Ok(environment::tools()?.join("venv"))
}

fn stamp() -> Result<PathBuf> {
    Ok(folder()?.join("pierhead-requirements.txt"))
}
