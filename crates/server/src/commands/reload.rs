//! `pierhead reload`: tells the running node to take a changed configuration over.

use crate::cli::Target;
use crate::control::{self, Answer, Command};
use crate::target::configuration;

/// Runs it.
pub(crate) async fn run(target: &Target) -> anyhow::Result<()> {
    let config = configuration(target)?;
    match control::send(&config.control_socket(), Command::Reload).await? {
        Answer::Refused(reason) => anyhow::bail!("reload refused, nothing was changed: {reason}"),
        Answer::Reloaded(changes) => {
            if changes.applied.is_empty() && changes.needs_restart.is_empty() {
                println!("nothing changed (host keys and certificates were read again)");
            }
            for key in changes.applied {
                println!("applied        {key}");
            }
            for key in changes.needs_restart {
                println!("needs restart  {key}");
            }
            Ok(())
        }
    }
}
