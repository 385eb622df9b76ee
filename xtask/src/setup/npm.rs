//! The npm packages of the tests, in the ignored folder `.tools/npm`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{environment, process};

/// What is installed; a change here installs again on the next run.
const MANIFEST: &str = include_str!("../../../tests/interop/package.json");

/// Whether the folder holds what this checkout asks for.
pub(crate) fn is_current() -> Result<bool> {
    let installed = std::fs::read_to_string(stamp()?).unwrap_or_default();
    Ok(installed == MANIFEST)
}

/// Installs unless the folder is current.
pub(crate) fn install() -> Result<()> {
    if is_current()? {
        return Ok(());
    }
    let folder = folder()?;
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let manifest = folder.join("package.json");
    std::fs::write(&manifest, MANIFEST).with_context(|| format!("write {}", manifest.display()))?;
    eprintln!("setup: installing npm packages into .tools/npm, as tests/interop/package.json says");
    process::run(
        Command::new("npm")
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--loglevel",
                "error",
                "--prefix",
            ])
            .arg(&folder),
    )?;
    let stamp = stamp()?;
    std::fs::write(&stamp, MANIFEST).with_context(|| format!("write {}", stamp.display()))
}

fn folder() -> Result<PathBuf> {
    Ok(environment::tools()?.join("npm"))
}

/// Written last, so that an interrupted installation is not taken for a whole one.
fn stamp() -> Result<PathBuf> {
    Ok(folder()?.join("node_modules/.pierhead-package.json"))
}
