//! Transfers without an end that nobody works on.

use database::{PrivateFile, Target, TransferFailure, TransferState};
use model::{ErrorKind, Location, Timestamp};

use super::{Deed, Entry, Failure, Pass, SweepError};
use crate::claim::before;
use crate::late::{self, Late};
use crate::{Attributes, Claimed, Left, Unclaimed, transfer_of};

/// Rows looked at in one query.
const PAGE: u32 = 100;

impl Pass<'_> {
    /// Ends or keeps the transfers of dead nodes, and those whose publication nobody ended.
    pub(super) async fn settle_rows(&mut self) -> Result<(), SweepError> {
        let transfers = self.transfers;
        let table = transfers.core().database.transfers();
        let mut after = None;
        loop {
            let now = transfers.core().clock.now();
            let stale = before(now, transfers.core().settings.stale_claim);
            let page = table.unattended(now, stale, after, PAGE).await?;
            let Some(last) = page.last() else {
                break;
            };
            after = Some(last.id());
            for file in &page {
                self.settle_row(file, stale).await;
            }
        }
        let mut after = None;
        loop {
            let page = table.withdrawn(after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.id());
            for file in &page {
                self.look_again(file).await;
            }
        }
    }

    async fn settle_row(&mut self, file: &PrivateFile, stale: Timestamp) {
        let settled = match (&file.target, file.transfer.state) {
            (Some(target), _) => {
                let location = target.location.clone();
                let named = self.settle_name(file, &location).await;
                Some((Deed::Commit, location, named))
            }
            (None, TransferState::Publishing) => self.settle_publication(file, stale).await,
            (None, _) => Some(self.settle_unfinished(file).await),
        };
        if let Some((deed, location, done)) = settled {
            self.add(file, deed, location, done);
        }
    }

    pub(super) fn add(
        &mut self,
        file: &PrivateFile,
        deed: Deed,
        location: Location,
        done: Result<(), Failure>,
    ) {
        // Another node or session was first: it has looked after it.
        if done.as_ref().is_err_and(|error| is_lost(&**error)) {
            return;
        }
        let outcome = self.outcome(done);
        self.note(Entry {
            deed,
            location,
            transfer: Some(file.id()),
            outcome,
        });
    }

    /// A temporary file that was being given its final name.
    async fn settle_name(&self, file: &PrivateFile, target: &Location) -> Result<(), Failure> {
        if self.dry_run {
            return Ok(());
        }
        let claimed = self.transfers.claim(target).await?;
        let settle = self.transfers.settle_name(file, self.stores);
        let settled = claimed.during(settle).await;
        // What this pass looks at later must not find the key in use.
        claimed.give_back().await;
        settled
    }

    /// An upload that was being published: it stands, or it is unfinished again. Under a claim of
    /// the key, so that whoever is at it comes to his end first.
    async fn settle_publication(
        &self,
        file: &PrivateFile,
        stale: Timestamp,
    ) -> Option<(Deed, Location, Result<(), Failure>)> {
        let location = file.transfer.intent.location.clone();
        if self.dry_run {
            return match self.stands(file).await {
                Ok(true) => Some((Deed::Commit, location, Ok(()))),
                Ok(false) => Some((fate(file), location, Ok(()))),
                Err(error) => Some((Deed::Commit, location, Err(error))),
            };
        }
        match self.commit_if_it_stands(file).await {
            Ok(true) => return Some((Deed::Commit, location, Ok(()))),
            Ok(false) => {}
            Err(error) => return Some((Deed::Commit, location, Err(error))),
        }
        // Its request may still be on its way. What has parts is safe to be set aside: it is
        // looked at again. What has none would be gone without a trace.
        let recent = file.transfer.publishing.is_none_or(|time| time >= stale);
        if file.progress.is_none() && recent {
            let reason = "its request may still take effect; it is looked at again";
            return Some((Deed::GiveUp, location, Err(reason.into())));
        }
        let writer = self.transfers.core().database.writer();
        if let Err(error) = writer.withdraw(file.private_id()).await {
            return Some((fate(file), location, Err(error.into())));
        }
        Some(self.settle_unfinished(file).await)
    }

    /// An upload that was never to be published: what is safe is kept for its owner.
    async fn settle_unfinished(&self, file: &PrivateFile) -> (Deed, Location, Result<(), Failure>) {
        let location = file.transfer.intent.location.clone();
        if self.dry_run {
            return (fate(file), location, Ok(()));
        }
        if file.progress.is_some() {
            return match self.transfers.set_aside(file, self.stores).await {
                Ok(Left::Unfinished { .. }) => (Deed::Keep, location, Ok(())),
                Ok(Left::Nothing) => (Deed::GiveUp, location, Ok(())),
                Err(error) => (Deed::Keep, location, Err(error.into())),
            };
        }
        if file.staged.is_some() {
            let back = self.transfers.put_back(file).await;
            return (Deed::Keep, location, back.map_err(Failure::from));
        }
        let given_up = self.give_up(file).await;
        (Deed::GiveUp, location, given_up.map_err(Failure::from))
    }

    async fn give_up(&self, file: &PrivateFile) -> Result<(), database::Error> {
        let reason = "the node ended before the file was closed";
        let core = self.transfers.core();
        let failure = TransferFailure {
            transfer: file.id(),
            epoch: file.transfer.epoch,
            // What its store may have of it is cleared by the same pass.
            aborted: false,
            error: reason.to_owned(),
            finished: core.clock.now(),
            publication: None,
            audit: Some(late::audit(
                file,
                database::Outcome::Failed,
                reason,
                core.clock.now(),
            )),
            event: None,
        };
        core.database.writer().fail_transfer(failure).await
    }

    /// An unfinished upload whose publication took effect after all, late.
    async fn look_again(&mut self, file: &PrivateFile) {
        let location = file.transfer.intent.location.clone();
        let done = match self.stands(file).await {
            Ok(false) => return,
            Ok(true) if self.dry_run => Ok(()),
            Ok(true) => match self.commit_if_it_stands(file).await {
                Ok(true) => Ok(()),
                Ok(false) => return,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        self.add(file, Deed::Commit, location, done);
    }

    /// Commits an upload whose object stands at its key, whoever put it there.
    async fn commit_if_it_stands(&self, file: &PrivateFile) -> Result<bool, Failure> {
        let claimed = self.claim(file).await?;
        let store = self
            .stores
            .bucket(&file.transfer.intent.location.bucket)
            .await?;
        let head = match store.head(&file.transfer.intent.location.key).await {
            Ok(head) => Some(head),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let is_it = |head: &storage::ObjectHead| transfer_of(&head.metadata) == Some(file.id());
        let Some(head) = head.filter(is_it) else {
            claimed.give_back().await;
            return Ok(false);
        };
        let row = &file.transfer.intent;
        let late = Late {
            file,
            place: &Target {
                location: row.location.clone(),
                path: row.path.clone(),
            },
            head: &head,
            // What was set before CLOSE stands in the object's own metadata.
            set: Attributes::of_metadata(&head.metadata).or(row.opening.set.into()),
            crc64nvme: None,
            publication: Some(claimed.publication().clone()),
        };
        let commit = late.commit(self.transfers.core().clock.now());
        let writer = self.transfers.core().database.writer();
        writer.commit_upload(commit).await?;
        claimed.committed();
        Ok(true)
    }

    /// Detached uploads become `publishing` with their claim; others are so already, and stay as
    /// old as they are.
    async fn claim(&self, file: &PrivateFile) -> Result<Claimed, Unclaimed> {
        let location = &file.transfer.intent.location;
        match file.transfer.state {
            TransferState::Detached => {
                let epoch = file.transfer.epoch;
                self.transfers.claim_for(location, file.id(), epoch).await
            }
            _ => self.transfers.claim(location).await,
        }
    }

    async fn stands(&self, file: &PrivateFile) -> Result<bool, Failure> {
        let location = &file.transfer.intent.location;
        let store = self.stores.bucket(&location.bucket).await?;
        match store.head(&location.key).await {
            Ok(head) => Ok(transfer_of(&head.metadata) == Some(file.id())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// What becomes of an upload that does not stand.
fn fate(file: &PrivateFile) -> Deed {
    match file.progress.is_some() || file.staged.is_some() {
        true => Deed::Keep,
        false => Deed::GiveUp,
    }
}

/// Whether somebody else was first.
fn is_lost(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let of_database = error.downcast_ref::<database::Error>();
    let of_transfer = error.downcast_ref::<crate::Error>();
    let of_claim = error.downcast_ref::<Unclaimed>();
    let kinds = [
        of_database.map(database::Error::kind),
        of_transfer.map(crate::Error::kind),
        of_claim.map(Unclaimed::kind),
    ];
    kinds.contains(&Some(ErrorKind::Conflict))
}
