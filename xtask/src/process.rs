//! Child processes: announced, run to their end, judged by their exit status.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::environment;

/// Runs a command with its output on ours; fails unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = announce(command);
    let status = command
        .status()
        .with_context(|| format!("start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Builds the programs that tests run: with the whole workspace, because a part of it would be built
/// with other features, and so would every dependency be once more after the tests.
pub(crate) fn build_everything() -> Result<()> {
    let everything = [
        "build",
        "--workspace",
        "--all-features",
        "--bins",
        "--examples",
    ];
    run(Command::new("cargo")
        .args(everything)
        .current_dir(environment::root()?))
}

/// Runs a command quietly and returns its standard output; fails unless it succeeds.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = describe(command);
    let output = command
        .output()
        .with_context(|| format!("start `{line}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed ({}): {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a command can be started and succeeds; says nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Runs a command and hands every line of its standard error to `watch` on its way to ours.
pub(crate) fn run_watching(command: &mut Command, mut watch: impl FnMut(&str)) -> Result<()> {
    let line = announce(command);
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start `{line}`"))?;
    if let Some(stderr) = child.stderr.take() {
        for text in BufReader::new(stderr).lines() {
            let text = text.with_context(|| format!("read what `{line}` says"))?;
            eprintln!("{text}");
            watch(&text);
        }
    }
    let status = child.wait().with_context(|| format!("wait for `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

fn announce(command: &Command) -> String {
    let line = describe(command);
    eprintln!("+ {line}");
    line
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_with_its_status() {
        let error = run(Command::new("sh").args(["-c", "exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("sh -c exit 3") && error.contains('3'),
            "{error}"
        );
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = run(&mut Command::new("pierhead-has-no-such-program")).unwrap_err();
        assert!(
            format!("{error:#}").contains("pierhead-has-no-such-program"),
            "{error:#}"
        );
    }

    #[test]
    fn watching_sees_every_line() {
        let mut seen = Vec::new();
        run_watching(
            Command::new("sh").args(["-c", "echo one >&2; echo two >&2"]),
            |line| {
                seen.push(line.to_owned());
            },
        )
        .unwrap();
        assert_eq!(seen, ["one", "two"]);
    }
}
