//! Final names of temporary files that come late: the copy of a node that died was on its way.

use std::time::Duration;

use database::{PrivateFile, Target};

use super::{Deed, Failure, Pass, SweepError};
use crate::claim::before;
use crate::naming::named;

/// Rows looked at in one query.
const PAGE: u32 = 100;
/// How long such a copy is looked for. Stores answer or forget requests within minutes.
const AWAITED: Duration = Duration::from_secs(3600);

impl Pass<'_> {
    /// Commits the names that stand after all. Else the owner would see the file as temporary, and
    /// nobody would hear of the one that everybody sees.
    pub(super) async fn look_for_names(&mut self) -> Result<(), SweepError> {
        let core = self.transfers.core();
        let since = before(core.clock.now(), AWAITED);
        let mut after = None;
        loop {
            let table = core.database.transfers();
            let page = table.promised(since, after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.id());
            for file in &page {
                if let Some(target) = &file.target {
                    self.look_for_name(file, target).await;
                }
            }
        }
    }

    async fn look_for_name(&mut self, file: &PrivateFile, target: &Target) {
        let done = match named(file, target, self.stores).await {
            Ok(None) => return,
            Ok(Some(_)) if self.dry_run => Ok(()),
            Ok(Some(_)) => self.commit_name(file, target).await,
            Err(error) => Err(error.into()),
        };
        self.add(file, Deed::Commit, target.location.clone(), done);
    }

    async fn commit_name(&self, file: &PrivateFile, target: &Target) -> Result<(), Failure> {
        let (location, epoch) = (&target.location, file.transfer.epoch);
        let claimed = self.transfers.claim_for(location, file.id(), epoch).await?;
        let settle = self.transfers.settle_name(file, self.stores);
        let settled = claimed.during(settle).await;
        claimed.give_back().await;
        settled
    }
}
