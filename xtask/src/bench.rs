//! `cargo xtask bench`: the server's CPU per GiB, measured in turn against OpenSSH.

mod case;
mod cpu;
mod results;
mod server;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use self::case::{CASES, Direction, Hall, Sample};
use crate::verb::Verb;
use crate::{environment, process};

const FLAGS: [&str; 4] = ["--quick", "--size", "--distance", "--binary"];

/// What `cargo xtask bench` was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How often each case is measured.
    pub(crate) rounds: usize,
    /// MiB moved per transfer.
    pub(crate) size_mib: u64,
    /// Milliseconds by which the S3 store answers each request later.
    pub(crate) distance: u64,
    /// The gateway to measure instead of a fresh release build.
    pub(crate) binary: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            rounds: 5,
            size_mib: 1024,
            distance: 0,
            binary: None,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => options.rounds = 3,
                "--size" => {
                    let value = arguments.next().context("--size needs a number of MiB")?;
                    options.size_mib = value.parse().with_context(|| format!("--size {value}"))?;
                }
                "--distance" => {
                    let value = arguments
                        .next()
                        .context("--distance needs a number of milliseconds")?;
                    let distance = value.parse();
                    options.distance = distance.with_context(|| format!("--distance {value}"))?;
                }
                "--binary" => {
                    let path = arguments.next().context("--binary needs a path")?;
                    options.binary = Some(path.into());
                }
                other => return Verb::Bench.unknown_flag(other, &FLAGS),
            }
        }
        if options.size_mib == 0 {
            bail!("--size 0: nothing would be moved");
        }
        Ok(options)
    }
}

/// Measures every case in turn, round after round; prints one table and writes `bench/results/latest.json`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let gateway = match &options.binary {
        Some(path) => path.clone(),
        None => build_release("server", "pierhead")?,
    };
    let store = build_release("bench", "memory-s3")?;
    // Memory, so that the disk is never the limit.
    let folder = Path::new("/dev/shm").join(format!("pierhead-bench-{}", std::process::id()));
    std::fs::create_dir(&folder).with_context(|| format!("create {}", folder.display()))?;
    let measured = measure(options, &gateway, &store, &folder);
    let removed = std::fs::remove_dir_all(&folder);
    let samples = measured?;
    removed.with_context(|| format!("remove {}", folder.display()))?;
    let rows = results::rows(&samples);
    print!("{}", results::table(&rows));
    results::write(
        &environment::root()?.join("bench/results/latest.json"),
        options,
        &rows,
    )
}

fn measure(
    options: &Options,
    gateway: &Path,
    store: &Path,
    folder: &Path,
) -> Result<Vec<(usize, Sample)>> {
    let hall = Hall::open((options.size_mib, options.distance), gateway, store, folder)?;
    // A get needs something to get, and nothing is measured cold.
    for case in CASES.iter().filter(|case| case.direction == Direction::Put) {
        hall.run(case)?;
    }
    let mut samples = Vec::new();
    for round in 1..=options.rounds {
        for (index, case) in CASES.iter().enumerate() {
            let sample = hall.run(case)?;
            eprintln!(
                "round {round}: {:<5}{:<40}{:.2} CPU s/GiB, {:.0} MiB/s",
                case.direction.name(),
                case.name,
                sample.cpu_seconds_per_gib,
                sample.mib_per_second
            );
            samples.push((index, sample));
        }
    }
    Ok(samples)
}

fn build_release(package: &str, binary: &str) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--package", package, "--bin", binary]);
    process::run(command.current_dir(environment::root()?))?;
    Ok(environment::target()?.join("release").join(binary))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options> {
        Options::parse(
            &words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn quick_means_three_rounds() {
        assert_eq!(parse(&[]).unwrap().rounds, 5);
        assert_eq!(parse(&["--quick", "--size", "64"]).unwrap().rounds, 3);
        assert_eq!(parse(&["--size", "64"]).unwrap().size_mib, 64);
        assert_eq!(parse(&["--distance", "50"]).unwrap().distance, 50);
    }

    #[test]
    fn sizes_that_measure_nothing_are_refused() {
        assert!(parse(&["--size", "0"]).is_err());
        assert!(parse(&["--size", "much"]).is_err());
        assert!(parse(&["--size"]).is_err());
    }
}
