//! Uploads that are over: those that nobody continued in time, and what others left in stores.

use database::PrivateFile;

use super::{Deed, Entry, Pass, SweepError};

/// Rows looked at in one query.
const PAGE: u32 = 100;

impl Pass<'_> {
    /// Ends the unfinished uploads whose time is over.
    pub(super) async fn expire(&mut self) -> Result<(), SweepError> {
        let core = self.transfers.core();
        let table = core.database.private_files();
        let expired = table.expired(core.clock.now(), PAGE).await?;
        if !self.dry_run {
            self.transfers.expire().await?;
        }
        for file in &expired {
            self.note_row(Deed::Expire, file, Ok(()));
        }
        Ok(())
    }

    /// Takes away what uploads that have ended left in their stores.
    pub(super) async fn clear_leftovers(&mut self) -> Result<(), SweepError> {
        let core = self.transfers.core();
        let table = core.database.private_files();
        let found = table.leftovers(PAGE).await?;
        let mut left = Vec::new();
        if !self.dry_run {
            self.transfers.clear_leftovers(self.stores).await?;
            let rows = table.leftovers(PAGE).await?;
            left.extend(rows.iter().map(PrivateFile::id));
        }
        for file in &found {
            let done = match left.contains(&file.id()) {
                true => Err("its store does not answer; the log says why".into()),
                false => Ok(()),
            };
            self.note_row(Deed::Clear, file, done);
        }
        Ok(())
    }

    fn note_row(&mut self, deed: Deed, file: &PrivateFile, done: Result<(), super::Failure>) {
        let outcome = self.outcome(done);
        self.note(Entry {
            deed,
            location: file.transfer.intent.location.clone(),
            transfer: Some(file.id()),
            outcome,
        });
    }
}
