//! Whether a file still fits: asked at OPEN, watched while its bytes come, asked again at CLOSE.

use std::time::Duration;

use database::{Holding, Quota, Usage};
use model::{ErrorKind, Location, TransferId, VirtualPath};

use crate::open_file::OpenFile;
use crate::place::Place;
use crate::{Error, Result, Session};

const OPERATION: &str = "open";
/// What is used is counted anew before somebody is refused, but not more often than this.
const COUNT_EVERY: Duration = Duration::from_secs(300);

/// How long a file that is being written may get.
#[derive(Debug, Clone, Default)]
pub(crate) struct Most {
    /// By the limit of one file, in bytes.
    file_size: Option<u64>,
    /// By what was left of the quota when it was opened: bytes, and what the quota is.
    room: Option<(u64, u64)>,
}

impl Most {
    /// Why a file may not get so long, in words for its owner; none where it may.
    pub(crate) fn objection(&self, len: u64) -> Option<String> {
        if let Some(limit) = self.file_size.filter(|limit| len > *limit) {
            return Some(format!("a file may have {limit} bytes at most"));
        }
        let (_, quota) = self.room.filter(|(room, _)| len > *room)?;
        Some(format!(
            "it does not fit: your files may have {quota} bytes in all"
        ))
    }
}

impl Session {
    /// What the user may have in all.
    pub(crate) fn quota(&self) -> Quota {
        let limits = &self.bounds.limits;
        Quota {
            bytes: limits.bytes,
            files: limits.files,
        }
    }

    /// Fails where a file may not have this size.
    pub(crate) fn check_size(&self, operation: &str, path: &VirtualPath, size: u64) -> Result<()> {
        let most = Most {
            file_size: self.bounds.limits.file_size,
            room: None,
        };
        match most.objection(size) {
            None => Ok(()),
            Some(why) => Err(full(operation, path, &why)),
        }
    }

    /// How long a file may get that is opened for writing now, with the size that its client
    /// declared, if it did. `continued` is the upload that it goes on with.
    ///
    /// # Errors
    /// `Exhausted` where nothing fits any more.
    pub(crate) async fn room(
        &self,
        place: &Place,
        declared: Option<u64>,
        continued: Option<TransferId>,
    ) -> Result<Most> {
        let size = declared.unwrap_or(0);
        self.check_size(OPERATION, &place.path, size)?;
        let file_size = self.bounds.limits.file_size;
        let quota = self.quota();
        if quota.is_unlimited() {
            return Ok(Most {
                file_size,
                room: None,
            });
        }
        let location = place.location(OPERATION)?;
        let (mut usage, mut replaced) = self.used(&place.path, &location, continued).await?;
        // Where not one byte more fits, there is no use in sending any.
        let mut why = quota.objection(&usage, replaced.as_ref(), size.max(1));
        if usage.counted.is_none() || (why.is_some() && self.is_old(&usage)) {
            self.count_in_time(why.is_some()).await;
            (usage, replaced) = self.used(&place.path, &location, continued).await?;
            why = quota.objection(&usage, replaced.as_ref(), size.max(1));
        }
        if let Some(why) = why {
            return Err(full(OPERATION, &place.path, &why));
        }
        let kept = usage.bytes.saturating_add(usage.private_bytes);
        let kept = kept.saturating_sub(replaced.map_or(0, |held| held.size));
        let room = |limit: u64| (limit.saturating_sub(kept), limit);
        Ok(Most {
            file_size,
            room: quota.bytes.map(room),
        })
    }

    /// Fails where a file that its owner alone will see does not fit any more. One that is
    /// published is judged with its claim.
    pub(crate) async fn check_fits(&self, file: &OpenFile) -> Result<()> {
        let quota = self.quota();
        if quota.is_unlimited() || !self.is_temporary(&file.place) {
            return Ok(());
        }
        let (path, id) = (file.path(), file.transfer.id());
        let location = file.place.location("close")?;
        let (usage, replaced) = self.used(&path, &location, Some(id)).await?;
        match quota.objection(&usage, replaced.as_ref(), file.transfer.len()) {
            None => Ok(()),
            Some(why) => Err(full("close", &path, &why)),
        }
    }

    /// What is used, but for one upload, and what is going to be replaced of it.
    async fn used(
        &self,
        path: &VirtualPath,
        location: &Location,
        but: Option<TransferId>,
    ) -> Result<(Usage, Option<Holding>)> {
        let failed = |error| Error::database("look up the quota for", path, error);
        let table = self.shared.database.usage();
        let usage = table.of(self.user_id, but).await.map_err(failed)?;
        let held = table.at(location).await.map_err(failed)?;
        let own = held.filter(|held| held.owner == self.user_id);
        Ok((usage, own))
    }

    fn is_old(&self, usage: &Usage) -> bool {
        let now = self.shared.clock.now();
        usage
            .counted
            .is_none_or(|counted| now.since(counted) >= COUNT_EVERY)
    }
}

/// That something does not fit.
pub(crate) fn full(operation: &str, path: &VirtualPath, why: &str) -> Error {
    Error::new(ErrorKind::Exhausted, format!("{operation} {path}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_both_says_how_long_a_file_may_get() {
        let most = Most {
            file_size: Some(10),
            room: Some((5, 100)),
        };
        assert_eq!(most.objection(5), None);
        let why = most.objection(6).expect("no room");
        assert!(why.contains("100 bytes in all"), "{why}");
        let why = most.objection(11).expect("too long");
        assert!(why.contains("10 bytes at most"), "{why}");
        assert_eq!(Most::default().objection(u64::MAX), None);
    }
}
