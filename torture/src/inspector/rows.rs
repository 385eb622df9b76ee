//! What rows say, against what is found in the bucket.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use database::{MoveState, PrivateFilesTable, TransferState};
use model::{Clock as _, ObjectKey, SystemClock, TransferId, UserId};
use transfer::transfer_of;

use super::{Found, Inspector, Read};
use crate::content::Hash;
use crate::sweep::Left;

/// How long renames may go on after a death, and the time between two looks.
const MOVED: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

impl Inspector {
    /// What a sweep has left to be looked at again has a row that says that it is not over.
    pub(crate) async fn check_explained(&self, left: &[Left]) -> Result<()> {
        for entry in left {
            let id: TransferId = entry.id.parse().with_context(|| entry.text.clone())?;
            let upload = self.database.transfers().by_id(id).await?;
            let rename = self.database.moves().by_id(id).await?;
            let goes_on = upload.is_some_and(|row| is_unfinished(row.state))
                || rename.is_some_and(|row| row.state == MoveState::Moving);
            ensure!(
                goes_on,
                "a sweep left `{}` and no row explains it: {}",
                entry.what,
                entry.text
            );
        }
        Ok(())
    }

    /// Waits until the renames that a living node has taken up have come to their ends.
    pub(crate) async fn until_moved(&self) -> Result<()> {
        let mut looks = tokio::time::interval(LOOK);
        let look = async {
            for owner in self.owners().await? {
                while !self
                    .database
                    .moves()
                    .in_progress_of(owner)
                    .await?
                    .is_empty()
                {
                    looks.tick().await;
                }
            }
            anyhow::Ok(())
        };
        let ended = tokio::time::timeout(MOVED, look).await;
        ended.context("a rename does not come to its end")?
    }

    /// The closed temporary files below a prefix, which their owners alone see.
    pub(super) async fn staged(&mut self, prefix: &str) -> Result<BTreeMap<String, Hash>> {
        let end = format!("{}0", prefix.trim_end_matches('/'));
        let (now, limit) = (SystemClock.now(), PrivateFilesTable::PAGE);
        let mut staged = BTreeMap::new();
        for owner in self.owners().await? {
            let files = self.database.private_files();
            let found = files.between(owner, &self.bucket, prefix, Some(&end), now, limit);
            for file in found.await? {
                let Some(object) = file.staged.as_ref().filter(|_| file.is_staged()) else {
                    continue;
                };
                let key = object.location.key.to_string();
                let found = Found {
                    size: object.object.size,
                    etag: object.object.etag.clone(),
                };
                let read = self.known(&key, &found).await?;
                let name = file.transfer.intent.location.key.to_string();
                staged.insert(name, read.hash);
            }
        }
        Ok(staged)
    }

    async fn owners(&self) -> Result<Vec<UserId>> {
        let mut owners = Vec::new();
        for server in self.database.servers().list().await? {
            let users = self.database.users().list(&server.id).await?;
            owners.extend(users.into_iter().map(|user| user.id));
        }
        Ok(owners)
    }

    /// The completed transfers to a key say what stands there, where they made it.
    pub(super) async fn check_rows(&self, key: &str, object: &Found, read: &Read) -> Result<()> {
        let location = self.location(key)?;
        let transfers = self.database.transfers().to_object(&location, 50).await?;
        let completed = transfers.iter().filter_map(|row| row.completed.as_ref());
        for row in completed.filter(|row| row.etag == object.etag) {
            let (size, crc) = (object.size, &read.crc64nvme);
            ensure!(
                row.size == size && row.crc64nvme.as_ref().is_none_or(|said| said == crc),
                "{key} has {size} bytes with CRC64NVME {crc}, and its row says {row:?}"
            );
        }
        Ok(())
    }

    /// Who made an object is on record, and has come to his end.
    pub(super) async fn check_maker(&self, key: &str) -> Result<()> {
        let head = self.store.head(&ObjectKey::parse(key)?).await;
        let head = head.with_context(|| format!("look at {key}"))?;
        let maker = transfer_of(&head.metadata);
        let maker = maker.with_context(|| format!("{key} does not say who made it"))?;
        let upload = self.database.transfers().by_id(maker).await?;
        let rename = self.database.moves().by_id(maker).await?;
        let is_known = upload.as_ref().is_some_and(|row| {
            matches!(row.state, TransferState::Completed | TransferState::Staged)
        }) || rename
            .as_ref()
            .is_some_and(|row| row.state == MoveState::Moved);
        ensure!(
            is_known,
            "{key} was made by {maker}, of which rows say {upload:?}, {rename:?}"
        );
        Ok(())
    }

    pub(super) async fn accounts_for(&self, key: &ObjectKey, id: &str) -> Result<bool> {
        if self.is_accounted_for(key.as_str()).await? {
            return Ok(true);
        }
        let location = self.location(key.as_str())?;
        let rows = self.database.transfers().to_object(&location, 50).await?;
        let theirs = |row: &database::Transfer| {
            is_unfinished(row.state) && row.upload_id.as_deref() == Some(id)
        };
        Ok(rows.iter().any(theirs))
    }

    /// Whether an unfinished transfer is named by a key in staging.
    pub(super) async fn is_accounted_for(&self, key: &str) -> Result<bool> {
        let Some(rest) = key.strip_prefix(".pierhead/staging/") else {
            // Left by a probe of the store that was broken off; the sweeper takes it after an hour.
            return Ok(key.starts_with(".pierhead/probe/"));
        };
        let id = rest.split('/').next().unwrap_or_default();
        let Ok(id) = id.parse::<TransferId>() else {
            return Ok(false);
        };
        let row = self.database.transfers().by_id(id).await?;
        Ok(row.is_some_and(|row| is_unfinished(row.state)))
    }
}

/// Whether anything of a transfer may still be needed.
fn is_unfinished(state: TransferState) -> bool {
    use TransferState::{Detached, Intended, Publishing, Staged};
    matches!(state, Intended | Publishing | Detached | Staged)
}
