//! What came of a request, and which statements made it so.

/// A statement of compiled policy: its set, document and place, each counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatementRef {
    /// The set, in the order in which sets were compiled.
    pub set: usize,
    /// The document in the set.
    pub document: usize,
    /// The statement in the document.
    pub statement: usize,
}

/// Why a request was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Denial {
    /// A statement denies it.
    Explicit,
    /// No statement of this set allows it.
    Implicit {
        /// The set, in the order in which sets were compiled; none where there are no sets.
        set: Option<usize>,
    },
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Every set allows it, and nothing denies it.
    Allowed {
        /// Of each set the first statement that allows it.
        by: Vec<StatementRef>,
    },
    /// It may not be done.
    Denied {
        /// Why.
        denial: Denial,
        /// The statement that denies it, where one does.
        by: Option<StatementRef>,
    },
}

impl Decision {
    /// Whether it may be done.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }

    /// The statements that decided: of each set the first that allows, or the one that denies.
    pub fn matched(&self) -> &[StatementRef] {
        match self {
            Self::Allowed { by } => by,
            Self::Denied { by, .. } => by.as_slice(),
        }
    }
}
