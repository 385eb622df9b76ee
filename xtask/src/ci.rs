//! `cargo xtask ci`: exactly what CI runs, step by step, with one verdict at the end.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::{environment, floors, process, test};

/// A step: its name, and what it does.
type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 6] = [
    ("format", format),
    ("lints", lints),
    ("floors", floors::run),
    ("docs", docs),
    ("licences, bans, sources", deny),
    ("tests", || test::run(&test::Options::default())),
];

/// Runs every step, also after a failed one, so that one run names every fault.
pub(crate) fn run() -> Result<()> {
    let mut verdicts = Vec::new();
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        eprintln!("== {name}");
        let start = Instant::now();
        let verdict = match step() {
            Ok(()) => "ok",
            Err(error) => {
                eprintln!("xtask: {error:#}");
                failed.push(name);
                "FAILED"
            }
        };
        verdicts.push(format!(
            "{verdict:<7}{name} ({} s)",
            start.elapsed().as_secs()
        ));
    }
    eprintln!("== verdict\n{}", verdicts.join("\n"));
    if !failed.is_empty() {
        bail!("failed: {}", failed.join("; "));
    }
    Ok(())
}

fn format() -> Result<()> {
    process::run(cargo()?.args(["fmt", "--all", "--check"]))
}

fn lints() -> Result<()> {
    let everything = ["clippy", "--workspace", "--all-targets", "--all-features"];
    process::run(cargo()?.args(everything).args(["--", "-D", "warnings"]))
}

fn docs() -> Result<()> {
    let everything = [
        "doc",
        "--no-deps",
        "--workspace",
        "--all-features",
        "--quiet",
    ];
    process::run(cargo()?.args(everything).env("RUSTDOCFLAGS", "-D warnings"))
}

/// cargo-deny is used where it is installed; it is never downloaded. Its advisory database is the
/// one part that needs the network, so it is left out.
fn deny() -> Result<()> {
    if !process::succeeds(Command::new("cargo").args(["deny", "--version"])) {
        eprintln!("cargo-deny is not installed: skipped");
        return Ok(());
    }
    process::run(cargo()?.args(["deny", "check", "licenses", "bans", "sources"]))
}

fn cargo() -> Result<Command> {
    let mut command = Command::new("cargo");
    command.current_dir(environment::root()?);
    Ok(command)
}
