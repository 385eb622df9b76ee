//! What one partner knows of his own files: what stands, and what may have become of the one
//! operation that the gateway's death left without an answer.

use std::collections::BTreeMap;

use crate::content::Content;

/// Files by key.
pub(crate) type Tree = BTreeMap<String, Content>;

/// One of the outcomes that an unanswered operation may have had.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// What it is, for a failure's message.
    pub(crate) name: &'static str,
    /// What stands then.
    pub(crate) tree: Tree,
    /// Temporary files that are closed then.
    pub(crate) staged: Tree,
    /// The number in his directory's name then.
    pub(crate) directory: u32,
    /// Events besides the acknowledged ones: kind and key.
    pub(crate) events: Vec<(&'static str, String)>,
    /// What can be resumed then.
    pub(crate) unfinished: Option<(String, Content)>,
}

/// One partner's files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// What stands for certain, as long as nothing is unanswered.
    pub(crate) tree: Tree,
    /// Temporary files that were closed: he alone sees them, until they are renamed.
    pub(crate) staged: Tree,
    /// The number in the name of his directory, which grows with each rename of it.
    pub(crate) directory: u32,
    /// An upload that broke off and may be resumed.
    pub(crate) unfinished: Option<(String, Content)>,
    /// What was begun under a name and not closed since. Clients try the same file again, and so
    /// do these: bytes that are safe are of the content that was begun last.
    pub(crate) begun: BTreeMap<String, Content>,
    /// Events of acknowledged operations since the last look: kind and key.
    pub(crate) events: Vec<(&'static str, String)>,
    /// How the operation without an answer may have ended; none without one.
    pub(crate) unanswered: Vec<Outcome>,
    /// Acknowledged operations, by name.
    pub(crate) acknowledged: BTreeMap<&'static str, u64>,
}

impl Ledger {
    /// How everything may stand now.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        if !self.unanswered.is_empty() {
            return self.unanswered.clone();
        }
        vec![Outcome {
            name: "as acknowledged",
            tree: self.tree.clone(),
            staged: self.staged.clone(),
            directory: self.directory,
            events: Vec::new(),
            unfinished: self.unfinished.clone(),
        }]
    }

    /// Takes over what was found to have happened.
    pub(crate) fn settle(&mut self, outcome: Outcome) {
        self.acknowledge(outcome);
        self.events.clear();
    }

    /// Takes over what was answered.
    pub(crate) fn acknowledge(&mut self, outcome: Outcome) {
        self.tree = outcome.tree;
        self.staged = outcome.staged;
        self.directory = outcome.directory;
        self.unfinished = outcome.unfinished;
        self.events.extend(outcome.events);
        self.unanswered.clear();
    }
}
