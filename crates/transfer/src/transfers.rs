//! `Transfers`: begins uploads, and lets their commits outlive their clients.

use std::sync::Arc;

use database::Database;
use model::Clock;
use storage::{Buffers, ObjectStore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::moves::Running;
use crate::{Beginning, Fences, Intent, Settings, Transfer};

/// The uploads of a node. Clones share them.
#[derive(Debug, Clone)]
pub struct Transfers {
    core: Arc<Core>,
}

/// What every transfer needs.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) database: Database,
    pub(crate) buffers: Buffers,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) fences: Fences,
    pub(crate) moves: Running,
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the node ends: what cannot be noted any more is left to the sweeper.
    pub(crate) ending: CancellationToken,
}

impl Transfers {
    /// The uploads of this node; none yet.
    pub fn new(
        database: Database,
        buffers: Buffers,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        Self {
            core: Arc::new(Core {
                database,
                buffers,
                clock,
                settings,
                fences: Fences::default(),
                moves: Running::default(),
                tasks: TaskTracker::new(),
                ending: CancellationToken::new(),
            }),
        }
    }

    /// Begins an upload into `store`, which is the bucket of the intent's location. Its intent
    /// starts to be written; no request goes to the store before it is. A temporary file's object
    /// is made in staging, and stays there until it is renamed.
    pub fn begin(
        &self,
        intent: Intent,
        beginning: Beginning,
        store: Arc<dyn ObjectStore>,
    ) -> Transfer {
        Transfer::begin(intent, beginning, store, Arc::clone(&self.core))
    }

    /// One change at a time to the object at a key: publications take part by themselves, other
    /// changes raise a fence of their own.
    pub fn fences(&self) -> &Fences {
        &self.core.fences
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The memory that uploads share.
    pub fn buffers(&self) -> &Buffers {
        &self.core.buffers
    }

    /// Waits until every commit in progress has ended. Call it when no new ones can begin.
    pub async fn drain(&self) {
        self.core.ending.cancel();
        self.core.tasks.close();
        self.core.tasks.wait().await;
        self.core.tasks.reopen();
    }
}
