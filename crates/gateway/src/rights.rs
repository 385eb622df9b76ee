//! What policy lets a session do now: replaced while it runs where its user's policies change.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use policy::{Compiled, Operation, Variables};

use crate::place::Place;
use crate::policies::{Policies, Unusable};

/// The policy of one session.
#[derive(Debug)]
pub(crate) struct Rights {
    variables: Variables,
    current: RwLock<Current>,
    /// Grows with each change, so that handles know when to ask again.
    version: AtomicU64,
}

/// What became of the policies of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewed {
    /// They are the same.
    Same,
    /// Others hold from now on.
    Changed,
    /// Others would hold in a new session: this one must end.
    NeedsSession,
}

#[derive(Debug)]
struct Current {
    policies: Policies,
    compiled: Option<Arc<Compiled>>,
}

impl Current {
    fn new(policies: Policies, variables: &Variables) -> Result<Self, Unusable> {
        let compiled = policies.compile(variables)?.map(Arc::new);
        Ok(Self { policies, compiled })
    }
}

impl Rights {
    pub(crate) fn new(policies: Policies, variables: Variables) -> Result<Self, Unusable> {
        Ok(Self {
            current: RwLock::new(Current::new(policies, &variables)?),
            variables,
            version: AtomicU64::new(1),
        })
    }

    /// What decides; none where no policies hold, and mounts decide alone.
    pub(crate) fn policy(&self) -> Option<Arc<Compiled>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.compiled.clone()
    }

    /// Puts what was read now in the place of what held so far. What cannot be used changes
    /// nothing: the session must end.
    pub(crate) fn renew(&self, policies: &Policies) -> Result<Renewed, Unusable> {
        {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            if current.policies == *policies {
                return Ok(Renewed::Same);
            }
            // A role that is gone has no store either: that is said first.
            if current.policies.need_new_session(policies) {
                Current::new(policies.clone(), &self.variables)?;
                return Ok(Renewed::NeedsSession);
            }
        }
        let new = Current::new(policies.clone(), &self.variables)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        self.version.fetch_add(1, Ordering::Release);
        Ok(Renewed::Changed)
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }
}

/// What was granted at OPEN for as long as the handle lives, or until policy changes.
#[derive(Debug)]
pub(crate) struct Grant {
    /// None for directories that are in no store.
    pub(crate) place: Option<Place>,
    pub(crate) operations: Vec<Operation>,
    /// That of the policy which granted it.
    version: AtomicU64,
}

impl Grant {
    /// `version` is what [`Rights::version`] said before the operations were asked for.
    pub(crate) fn new(version: u64, place: Option<Place>, operations: &[Operation]) -> Self {
        Self {
            place,
            operations: operations.to_vec(),
            version: AtomicU64::new(version),
        }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// A later policy grants it too.
    pub(crate) fn confirm(&self, version: u64) {
        self.version.store(version, Ordering::Release);
    }
}
