//! `cargo xtask test`: sets the machine up, then runs every test, the interop matrix and a short torture.

use std::process::Command;

use anyhow::{Result, bail};

use crate::verb::Verb;
use crate::{environment, interop, process, setup, torture};

/// What `cargo xtask test` was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Leave the matrix of real clients out.
    pub(crate) no_interop: bool,
    /// Leave the short torture out.
    pub(crate) no_torture: bool,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--no-interop" => options.no_interop = true,
                "--no-torture" => options.no_torture = true,
                other => return Verb::Test.unknown_flag(other, &["--no-interop", "--no-torture"]),
            }
        }
        Ok(options)
    }
}

/// Runs everything, also after a failure; prints the runner's summary at the end.
pub(crate) fn run(options: &Options) -> Result<()> {
    setup::run(&setup::Options::default())?;
    let (mut summary, mut moto_summary) = (Summary::default(), Summary::default());
    let mut failures = Vec::new();
    let mut note = |result: Result<()>| {
        if let Err(error) = result {
            eprintln!("xtask: {error:#}");
            failures.push(format!("{error:#}"));
        }
    };
    note(unit_tests(&mut summary));
    note(moto_tests(&mut moto_summary));
    note(doc_tests());
    if !options.no_interop {
        note(interop::run(&["--check".to_owned()]));
    }
    if !options.no_torture {
        note(torture::run(&["--quick".to_owned()]));
    }
    summary.print();
    moto_summary.print();
    if !failures.is_empty() {
        bail!("tests failed:\n  {}", failures.join("\n  "));
    }
    Ok(())
}

fn unit_tests(summary: &mut Summary) -> Result<()> {
    let mut command = Command::new("cargo");
    if has_nextest() {
        command.args([
            "nextest",
            "run",
            "--workspace",
            "--all-features",
            "--no-fail-fast",
        ]);
    } else {
        eprintln!("test: cargo-nextest is not installed, falling back to cargo test");
        let targets = ["--lib", "--bins", "--tests"];
        command
            .args(["test", "--workspace", "--all-features", "--no-fail-fast"])
            .args(targets);
    }
    command.current_dir(environment::root()?);
    process::run_watching(&mut command, |line| summary.note(line))
}

/// What is tried against moto and by paramiko: ignored elsewhere, since it needs what `setup`
/// installs.
fn moto_tests(summary: &mut Summary) -> Result<()> {
    let moto = setup::moto_server()?;
    let mut command = Command::new("cargo");
    // With the features of the whole workspace: what was just built is used again.
    let built = ["--workspace", "--all-features", "--no-fail-fast"];
    if has_nextest() {
        command.args(["nextest", "run"]).args(built);
        command.args([
            "--run-ignored",
            "only",
            "-E",
            "test(/(^|::)(moto|paramiko)::/)",
        ]);
    } else {
        command.arg("test").args(built);
        command.args([
            "--test",
            "contract",
            "--test",
            "scenarios",
            "--test",
            "doors",
            "--test",
            "providers",
            "--test",
            "attacks",
            "--test",
            "cli",
        ]);
        command.args(["--", "--ignored", "moto::", "paramiko::"]);
    }
    command
        .current_dir(environment::root()?)
        .env("PIERHEAD_TEST_MOTO", moto);
    process::run_watching(&mut command, |line| summary.note(line))
}

fn has_nextest() -> bool {
    process::succeeds(Command::new("cargo").args(["nextest", "--version"]))
}

fn doc_tests() -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(["test", "--quiet", "--doc", "--workspace", "--all-features"]);
    process::run(command.current_dir(environment::root()?))
}

/// The end of what nextest says: its summary line and the failures it lists below.
#[derive(Default)]
struct Summary(Vec<String>);

impl Summary {
    fn note(&mut self, line: &str) {
        if !self.0.is_empty() || line.trim_start().starts_with("Summary [") {
            self.0.push(line.to_owned());
        }
    }

    fn print(&self) {
        for line in &self.0 {
            eprintln!("{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_and_what_follows_is_kept() {
        let mut summary = Summary::default();
        for line in [
            "  PASS [ 0.01s] a b",
            "  Summary [ 1.0s] 2 tests run",
            "  FAIL [ 0.1s] a c",
        ] {
            summary.note(line);
        }
        assert_eq!(
            summary.0,
            ["  Summary [ 1.0s] 2 tests run", "  FAIL [ 0.1s] a c"]
        );
    }

    #[test]
    fn an_unknown_flag_is_refused() {
        assert!(Options::parse(&["--nointerop".to_owned()]).is_err());
        assert!(
            Options::parse(&["--no-interop".to_owned()])
                .unwrap()
                .no_interop
        );
    }
}
