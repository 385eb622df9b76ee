//! The handles a channel has open, with their lanes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway::HandleId;

use super::lane::Lane;
use crate::line::{Line, Work};

/// What a handle is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    File,
    Directory,
}

/// One open handle. Drain waits while there is one.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) purpose: Use,
    pub(super) lane: Arc<Lane>,
    /// Whether somebody serves the lane.
    pub(super) served: bool,
    _work: Work,
}

#[derive(Debug, Default)]
pub(super) struct Handles(Mutex<HashMap<HandleId, Open>>);

impl Handles {
    pub(super) fn add(&self, handle: HandleId, purpose: Use, line: &Arc<Line>) {
        let open = Open {
            purpose,
            lane: Arc::new(Lane::new(handle)),
            served: false,
            _work: line.work(),
        };
        self.lock().insert(handle, open);
    }

    /// The lane of a handle that is for this purpose; the last says whether nobody serves the lane
    /// yet, and is said only once.
    pub(super) fn lane(&self, handle: HandleId, purpose: Use) -> Option<(Arc<Lane>, bool)> {
        let mut handles = self.lock();
        let open = handles.get_mut(&handle)?;
        if open.purpose != purpose {
            return None;
        }
        let unserved = !std::mem::replace(&mut open.served, true);
        Some((open.lane.clone(), unserved))
    }

    /// Takes a handle that is being closed. Nothing more goes into its lane.
    pub(super) fn remove(&self, handle: HandleId) -> Option<Open> {
        let open = self.lock().remove(&handle)?;
        open.lane.finish();
        Some(open)
    }

    /// No handle gets anything more.
    pub(super) fn finish(&self) {
        self.lock().values().for_each(|open| open.lane.finish());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<HandleId, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
