//! `cargo xtask setup`: installs what the tests need and this machine lacks, and says so.

mod debian;
mod npm;
mod python;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::verb::Verb;

/// What `cargo xtask setup` was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Install nothing; fail when something is missing.
    pub(crate) check: bool,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--check" => options.check = true,
                other => return Verb::Setup.unknown_flag(other, &["--check"]),
            }
        }
        Ok(options)
    }
}

/// Brings Debian packages, the Python environment and the npm packages up to what tests need.
pub(crate) fn run(options: &Options) -> Result<()> {
    let missing = debian::missing();
    if options.check {
        return check(&missing);
    }
    debian::install(&missing)?;
    python::install()?;
    npm::install()?;
    eprintln!("setup: everything that the tests need is here");
    Ok(())
}

/// The interpreter of the tests' Python environment.
pub(crate) fn python() -> Result<PathBuf> {
    python::program("python3")
}

/// moto's server, as tests find it through `PIERHEAD_TEST_MOTO`.
pub(crate) fn moto_server() -> Result<PathBuf> {
    python::program("moto_server")
}

fn check(missing: &[&'static str]) -> Result<()> {
    let mut faults = Vec::new();
    if !missing.is_empty() {
        faults.push(format!("Debian packages: {}", missing.join(" ")));
    }
    if !python::is_current()? {
        faults.push("the Python environment in .tools/venv".to_owned());
    }
    if !npm::is_current()? {
        faults.push("the npm packages in .tools/npm".to_owned());
    }
    if faults.is_empty() {
        eprintln!("setup: everything that the tests need is here");
        return Ok(());
    }
    bail!(
        "missing or out of date:\n  {}\nrun `cargo xtask setup`",
        faults.join("\n  ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_is_the_only_flag() {
        assert!(Options::parse(&["--check".to_owned()]).unwrap().check);
        let error = Options::parse(&["--chek".to_owned()])
            .unwrap_err()
            .to_string();
        assert!(error.contains("`--check`"), "{error}");
    }
}
