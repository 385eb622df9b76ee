//! What stands at a target, and whether it may be replaced.

use database::ImportEntry;
use model::{ErrorKind, Location, Timestamp};
use storage::ObjectHead;
use transfer::{Attributes, Condition, transfer_of};

use super::copy::Trouble;
use super::import::Shared;
use super::item::Item;
use super::sha256;

/// What stands there.
#[derive(Debug)]
pub(crate) enum Standing {
    Nothing,
    /// What this job put there.
    Ours(ObjectHead),
    /// Somebody else's.
    Others(ObjectHead),
}

impl Shared {
    /// Looks at a target.
    pub(crate) async fn standing(
        &self,
        location: &Location,
        old: Option<&ImportEntry>,
    ) -> Result<Standing, Trouble> {
        let head = match self.parts.store.head(&location.key).await {
            Ok(head) => head,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Standing::Nothing),
            Err(error) => return Err(Trouble::store(&error)),
        };
        let known = old.and_then(|old| old.etag.as_ref()) == Some(&head.etag);
        // The journal may have lost its last lines in a crash; the object says who made it.
        match known || self.made_here(&head).await? {
            true => Ok(Standing::Ours(head)),
            false => Ok(Standing::Others(head)),
        }
    }

    async fn made_here(&self, head: &ObjectHead) -> Result<bool, Trouble> {
        let Some(transfer) = transfer_of(&head.metadata) else {
            return Ok(false);
        };
        let found = self.parts.database.transfers().by_id(transfer).await;
        let found = found.map_err(|error| Trouble::database(&error))?;
        Ok(found.is_some_and(|row| row.intent.owner == self.job.row.owner))
    }

    /// What must be true when the file is published; none where the same content stands there.
    pub(crate) async fn condition(
        &self,
        item: &Item,
        location: &Location,
        old: Option<&ImportEntry>,
    ) -> Result<Option<Condition>, Trouble> {
        let head = match self.standing(location, old).await? {
            Standing::Nothing => return Ok(Some(Condition::Absent)),
            Standing::Ours(head) => return Ok(Some(Condition::Unchanged { etag: head.etag })),
            Standing::Others(head) => head,
        };
        let stored = self.last_change(location, &head).await?;
        let etag = head.etag.clone();
        if head.size == item.size && self.is_same(item, location, head).await? {
            return Ok(None);
        }
        if stored >= item.mtime {
            let reason = "a newer file of somebody else stands at its target and was left alone";
            return Err(Trouble::Kept(reason.to_owned()));
        }
        Ok(Some(Condition::Unchanged { etag }))
    }

    /// The later of when it was put there and what its owner says.
    async fn last_change(
        &self,
        location: &Location,
        head: &ObjectHead,
    ) -> Result<Timestamp, Trouble> {
        let row = self.parts.database.attributes().of(location).await;
        let row = row.map_err(|error| Trouble::database(&error))?;
        let made_by = transfer_of(&head.metadata);
        let its = row.filter(|row| row.describe(&head.etag, head.last_modified, made_by));
        let said = its.and_then(|row| row.mtime);
        let said = said.or(Attributes::of_metadata(&head.metadata).mtime);
        Ok(said.map_or(head.last_modified, |said| said.max(head.last_modified)))
    }

    async fn is_same(
        &self,
        item: &Item,
        location: &Location,
        head: ObjectHead,
    ) -> Result<bool, Trouble> {
        let mut content = self
            .parts
            .source
            .open(item)
            .await
            .map_err(|e| Trouble::source(&e))?;
        let read = sha256::of_source(&mut *content, self).await;
        content.close().await;
        let (here, _) = read.map_err(|error| Trouble::source(&error))?;
        let there = sha256::of_object(&self.parts.store, &location.key, head, self).await;
        Ok(there.map_err(|error| Trouble::store(&error))? == here)
    }
}
