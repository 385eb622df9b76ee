//! `Lease`: one node sweeps at a time.

use std::sync::Arc;
use std::time::Duration;

use super::SweepError;
use crate::transfers::Core;

const NAME: &str = "sweeper";
/// A node that dies while it sweeps is replaced after this.
const LENGTH: Duration = Duration::from_secs(60);
const RENEWED: Duration = Duration::from_secs(20);

pub(super) struct Lease {
    core: Arc<Core>,
    holder: String,
}

impl Lease {
    pub(super) async fn take(core: &Arc<Core>) -> Result<Self, SweepError> {
        let lease = Self {
            core: Arc::clone(core),
            holder: core.settings.node.to_string(),
        };
        match lease.extend().await? {
            true => Ok(lease),
            false => Err(SweepError::Taken),
        }
    }

    async fn extend(&self) -> Result<bool, database::Error> {
        let now = self.core.clock.now();
        let leases = self.core.database.leases();
        leases.take(NAME, &self.holder, LENGTH, now).await
    }

    /// Works on, and extends the lease meanwhile. Breaks off where another node has it by now.
    pub(super) async fn during(
        &self,
        work: impl Future<Output = Result<(), SweepError>>,
    ) -> Result<(), SweepError> {
        let mut work = std::pin::pin!(work);
        loop {
            match tokio::time::timeout(RENEWED, &mut work).await {
                Ok(done) => return done,
                Err(_) if self.extend().await? => {}
                Err(_) => return Err(SweepError::Taken),
            }
        }
    }

    pub(super) async fn release(&self) {
        let leases = self.core.database.leases();
        if let Err(error) = leases.release(NAME, &self.holder).await {
            tracing::debug!(%error, "the sweeper's lease runs out by itself");
        }
    }
}
