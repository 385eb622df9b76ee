//! The environment and the folders of a checkout, read in this one place.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The value of an environment variable, if it is set and not empty.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place of xtask that reads the environment"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The root of the checkout.
pub(crate) fn root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .context("find the checkout: xtask's folder has no parent")
}

/// The ignored folder that `setup` installs into.
pub(crate) fn tools() -> Result<PathBuf> {
    Ok(root()?.join(".tools"))
}

/// The folder that cargo builds into: `CARGO_TARGET_DIR`, or `target` in the checkout.
pub(crate) fn target() -> Result<PathBuf> {
    let root = root()?;
    Ok(variable("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir)))
}

/// The first file called `name` on `PATH`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = variable("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}
