//! The binary's floor: command line, configuration, wiring, drain, telemetry.

mod admin;
mod cli;
mod commands;
pub mod config;
mod control;
mod defence;
mod logins;
mod membership;
#[cfg(feature = "next-version")]
pub mod next_version;
mod node;
mod notify;
mod readiness;
mod revocation;
mod target;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

/// Runs the command line of this process and returns its exit status: 0 done, 1 failed, 2 not
/// understood.
pub fn run() -> ExitCode {
    let arguments = cli::Cli::parse();
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain, a cause a line: what was tried first, what stopped it last.
            let mut causes = error.chain();
            if let Some(first) = causes.next() {
                eprintln!("pierhead: {first}");
            }
            for cause in causes {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}
