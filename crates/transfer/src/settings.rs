//! What an operator may set of uploads.

use std::time::Duration;

use model::NodeId;

/// Who makes uploads, and who hears of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// Clients: everybody is told, and what they store counts for them.
    #[default]
    Clients,
    /// Files that move in from elsewhere. They count for whom they are found with when his places
    /// are counted, as files that others put into the bucket.
    Import {
        /// Whether consumers of `upload` events are told of each.
        events: bool,
    },
}

impl Origin {
    /// Whether nobody is told.
    pub(crate) fn is_silent(self) -> bool {
        self == Self::Import { events: false }
    }
}

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
    /// How long one waits for the right to change an object while another has it. Default 30 s.
    pub claim_deadline: Duration,
    /// A change of an object that nobody has said to go on for this long is taken over; one of a
    /// node that is dead, at once. Default 2 min.
    pub stale_claim: Duration,
    /// How long an intent waits for its CLOSE, to be written in one transaction with its claim.
    /// It never waits while the store is to be asked. Default 250 ms.
    pub intent_delay: Duration,
    /// How long an unfinished upload is kept for its owner to continue. Default 24 h.
    pub retention: Duration,
    /// Parts of one upload that are sent at once. Default 4.
    pub parallel_parts: usize,
    /// Bytes of one upload that may be acknowledged and are in memory alone. Default 16 MiB.
    pub unsaved: u64,
    /// Ranges of one object that are copied at once. Default 8.
    pub parallel_copies: usize,
    /// Objects above this many bytes are copied by ranges also where the store would take them in
    /// one call. Default no limit but the store's (S3: 5 GiB).
    pub largest_copy: u64,
    /// The least length of such a range, but for the last, in bytes. Default 256 MiB.
    pub copy_range: u64,
    /// How often a rename is tried before it fails for good. At least 1. Default 5.
    pub move_attempts: u32,
    /// The pause before the second of them; each further one is four times as long, up to a
    /// minute. Default 500 ms.
    pub move_pause: Duration,
    /// Objects of one directory that are moved at once. Default 16.
    pub parallel_moves: usize,
    /// Who makes the uploads. Default clients.
    pub origin: Origin,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node: NodeId::generate(),
            proof_deadline: Duration::from_secs(60),
            proof_pause: Duration::from_millis(500),
            claim_deadline: Duration::from_secs(30),
            stale_claim: Duration::from_secs(120),
            intent_delay: Duration::from_millis(250),
            retention: Duration::from_secs(24 * 3600),
            parallel_parts: 4,
            unsaved: 16 << 20,
            parallel_copies: 8,
            largest_copy: u64::MAX,
            copy_range: 256 << 20,
            move_attempts: 5,
            move_pause: Duration::from_millis(500),
            parallel_moves: 16,
            origin: Origin::default(),
        }
    }
}
