//! Nodes of older programs that still run when a migration would end their time.

use std::time::Duration;

use model::{Clock, ErrorKind, SystemClock};
use tokio::time::Instant;

use crate::engine::Engine;
use crate::{Error, Node, NodesTable, Result};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Waits until no node lives: one that was killed counts as alive for a while. Nodes that know the
/// table `nodes` alone can be seen.
///
/// # Errors
/// `Conflict` where some live on, naming them.
pub(crate) async fn wait(engine: &Engine, migration: u64, patience: Duration) -> Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        let now = SystemClock.now();
        let live = match NodesTable::new(engine).live(now).await {
            Ok(live) => live,
            Err(error) if error.is_transient() => return Err(error),
            // A schema from before there were any.
            Err(_) => return Ok(()),
        };
        if live.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(refused(&live, migration));
        }
        tracing::info!(
            nodes = live.len(),
            migration,
            "waiting for older nodes to end: they do not go with the new schema"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

fn refused(live: &[Node], migration: u64) -> Error {
    let names: Vec<&str> = live.iter().map(|node| node.name.as_str()).collect();
    let reason = format!(
        "nodes of an older version are running that do not go with version {migration} of the \
         schema: stop them first ({}); a node that was killed counts as running for some seconds",
        names.join(", ")
    );
    Error::new(ErrorKind::Conflict, "upgrade", "database", reason)
}
