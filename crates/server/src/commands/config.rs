//! `pierhead config`.

use crate::cli::ConfigCommand;
use crate::config::{load, process_environment, reference};

/// Runs it.
pub(crate) fn run(command: &ConfigCommand) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check { config } => {
            load(config, &process_environment())?;
            println!("{}: accepted", config.display());
        }
        ConfigCommand::Reference => print!("{}", reference::document()),
    }
    Ok(())
}
