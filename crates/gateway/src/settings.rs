//! What an operator may set of sessions and their files.

use std::time::Duration;

/// Limits and defaults of all sessions of a node.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Open handles per session; further ones are refused. Default 256.
    pub max_handles: usize,
    /// Sessions at once, of all users. Default 1,000.
    pub max_sessions: usize,
    /// Sessions at once of one user. Default 100.
    pub max_sessions_per_user: usize,
    /// How long RENAME of a file waits for its copy before it answers and the copy goes on alone,
    /// and how long other verbs wait for a rename of theirs. Default 10 s.
    pub rename_wait: Duration,
    /// What becomes of a change of owner or group. Default: ignored.
    pub owner_changes: OwnerChanges,
    /// Write what SETSTAT says into the metadata of the object as well, by a copy onto itself.
    /// Default off.
    pub rewrite_metadata: bool,
    /// Bytes that one download may run ahead of its reader. Default 16 MiB.
    pub read_ahead: u64,
    /// How long the end of a session waits for commits in progress; they complete afterwards
    /// anyway. Default 30 s.
    pub end_deadline: Duration,
    /// What a connection that ends without CLOSE leaves of its uploads. Default
    /// [`Unfinished::Resume`].
    pub unfinished: Unfinished,
    /// Whether a CLOSE that comes before the size that its client declared at OPEN is refused, and
    /// the file kept unfinished. Default no: some clients declare more than they send.
    pub completeness: bool,
    /// Files whose names end like this stay private, in staging, until they are renamed. None:
    /// every file is published by its CLOSE. Default `.filepart`, `.part`, `.tmp`, `.partial`.
    pub temporary_suffixes: Vec<String>,
}

/// What a connection that ends without CLOSE leaves of its uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unfinished {
    /// What is safe is kept, for its owner to continue.
    #[default]
    Resume,
    /// Nothing.
    Discard,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_handles: 256,
            max_sessions: 1_000,
            max_sessions_per_user: 100,
            rename_wait: Duration::from_secs(10),
            owner_changes: OwnerChanges::Ignore,
            rewrite_metadata: false,
            read_ahead: 16 << 20,
            end_deadline: Duration::from_secs(30),
            unfinished: Unfinished::default(),
            completeness: false,
            temporary_suffixes: [".filepart", ".part", ".tmp", ".partial"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

/// What becomes of a change of owner or group, which nothing keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OwnerChanges {
    /// It is answered OK, and nothing changes.
    #[default]
    Ignore,
    /// It is refused, unless owner and group are what they are already.
    Refuse,
}
