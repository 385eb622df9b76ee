//! `pierhead serve`: a node from a configuration file.

use crate::cli::ServeArgs;
use crate::config::{load, process_environment};
use crate::node::Node;
use crate::telemetry;

/// Runs it until it is told to stop.
pub(crate) async fn run(arguments: &ServeArgs) -> anyhow::Result<()> {
    let config = load(&arguments.config, &process_environment())?;
    let log = telemetry::start_logs(&config.log)?;
    let node = Box::pin(Node::start(config, Some(arguments.config.clone()), log)).await?;
    Box::pin(node.run()).await
}
