//! `[node]`: how long a node counts as alive, and what goes with that.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::load::Fault;
use super::{Span, TransferConfig};

/// The least of both, so that a short stop of a machine is no death, and a request that is slow is
/// answered before others take its key.
const SHORTEST_LEASE: Duration = Duration::from_secs(5);
const SHORTEST_CLAIM: Duration = Duration::from_secs(60);

/// `[node]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeConfig {
    /// Without a word for this long a node counts as dead.
    pub lease: Span,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            lease: Span::seconds(10),
        }
    }
}

impl NodeConfig {
    /// Whether these can be, with what `transfer` says of claims.
    pub(super) fn check(&self, transfer: &TransferConfig) -> Result<(), Fault> {
        let lease = self.lease.duration();
        if lease < SHORTEST_LEASE {
            let least = SHORTEST_LEASE.as_secs();
            return Err(("node.lease", format!("must be at least {least}s")));
        }
        let claim = transfer.stale_claim.duration();
        if claim < SHORTEST_CLAIM || claim < 2 * lease {
            let least = SHORTEST_CLAIM.as_secs();
            let message = format!("must be at least {least}s, and twice node.lease");
            return Err(("transfer.stale_claim", message));
        }
        if transfer.claim_wait.duration().is_zero() {
            return Err(("transfer.claim_wait", "must be at least 1ms".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::config::load_text;

    fn error(text: &str) -> Option<String> {
        let loaded = load_text("x", text, &BTreeMap::new());
        loaded.err().map(|error| error.to_string())
    }

    #[test]
    fn leases_and_claims_that_cannot_be_are_refused() {
        for (text, expected) in [
            (
                "[node]\nlease = \"4s\"\n",
                Some("x:2: node.lease: must be at least 5s"),
            ),
            (
                "[transfer]\nstale_claim = \"30s\"\n",
                Some("x:2: transfer.stale_claim: must be at least 60s, and twice node.lease"),
            ),
            (
                "[transfer]\nstale_claim = \"61s\"\n\n[node]\nlease = \"31s\"\n",
                Some("x:2: transfer.stale_claim: must be at least 60s, and twice node.lease"),
            ),
            (
                "[transfer]\nclaim_wait = \"0ms\"\n",
                Some("x:2: transfer.claim_wait: must be at least 1ms"),
            ),
            (
                "[transfer]\nstale_claim = \"1m\"\nclaim_wait = \"5s\"\n\n[node]\nlease = \"30s\"\n",
                None,
            ),
        ] {
            assert_eq!(error(text).as_deref(), expected, "{text}");
        }
    }
}
