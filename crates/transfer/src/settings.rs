//! What an operator may set of uploads.

use std::time::Duration;

use model::NodeId;

/// How uploads end.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This run of this node, as transfer rows hold it; to be registered in the database.
    pub node: NodeId,
    /// How long a lost answer of the store is asked after before its outcome counts as unknown.
    /// Default 60 s.
    pub proof_deadline: Duration,
    /// The pause between two such questions. Default 500 ms.
    pub proof_pause: Duration,
    /// Parts of one upload that are sent at once. Default 4.
    pub parallel_parts: usize,
    /// Ranges of one object that are copied at once. Default 8.
    pub parallel_copies: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node: NodeId::generate(),
            proof_deadline: Duration::from_secs(60),
            proof_pause: Duration::from_millis(500),
            parallel_parts: 4,
            parallel_copies: 8,
        }
    }
}
