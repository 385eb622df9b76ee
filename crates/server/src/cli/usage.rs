//! The arguments of `pierhead usage`.

use clap::Subcommand;

use super::Target;

#[derive(Debug, Subcommand)]
pub(crate) enum UsageCommand {
    /// Show how much a user has, and what he may have
    Show {
        /// His name
        #[arg(long, value_name = "NAME")]
        user: String,
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Count what a user has where it lies: one LIST for each thousand objects
    ///
    /// A node does so by itself before a user's first upload, and before it refuses one. This
    /// works beside running nodes.
    Recount {
        /// His name
        #[arg(long, value_name = "NAME")]
        user: String,
        #[command(flatten)]
        target: Target,
    },
}
