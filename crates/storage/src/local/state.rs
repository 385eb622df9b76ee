//! What a file or folder on disk says of the object that it is: size, ETag, times.

use std::sync::atomic::{AtomicI64, Ordering};

use model::{Clock as _, SystemClock, Timestamp};
use rustix::fs::{Stat, Timespec, Timestamps};

use super::folder::is_folder;
use crate::{Metadata, ObjectHead};

/// The ETag of a file: inode, size and time of change to the nanosecond. Another program that
/// replaces or rewrites the file gives it another one. Of a folder: its inode, since its size and
/// times tell of its content.
pub(super) fn etag(stat: &Stat) -> String {
    if is_folder(stat) {
        return format!("{:x}-d", stat.st_ino);
    }
    let nanos = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
    format!("{:x}-{:x}-{nanos:x}", stat.st_ino, stat.st_size)
}

/// The size of the object: folders have none.
pub(super) fn size(stat: &Stat) -> u64 {
    if is_folder(stat) {
        0
    } else {
        u64::try_from(stat.st_size).unwrap_or(0)
    }
}

/// When it was written.
pub(super) fn last_modified(stat: &Stat) -> Timestamp {
    let micros = i64::try_from(stat.st_mtime_nsec).unwrap_or(0) / 1000;
    Timestamp::from_micros(
        stat.st_mtime
            .saturating_mul(1_000_000)
            .saturating_add(micros),
    )
}

/// The head of the object.
pub(super) fn head(stat: &Stat, metadata: Metadata, content_type: Option<String>) -> ObjectHead {
    ObjectHead {
        size: size(stat),
        etag: etag(stat),
        version: None,
        last_modified: last_modified(stat),
        metadata,
        content_type,
    }
}

/// A time for a file that is about to be published: now, and never the same twice in this
/// process. File systems stamp by a coarse clock and reuse inodes at once, so that two states of
/// one key could share an ETag otherwise.
pub(super) fn unique_now() -> Timestamps {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let now = SystemClock.now().as_micros().saturating_mul(1000);
    // The clock counts microseconds; what is below tells processes apart.
    let now = now.saturating_add(i64::from(rand::random_range(0..1000)));
    let next = |last: i64| Some(now.max(last.saturating_add(1)));
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    let nanos = now.max(last.unwrap_or(0).saturating_add(1));
    let time = Timespec {
        tv_sec: nanos.div_euclid(1_000_000_000),
        tv_nsec: nanos.rem_euclid(1_000_000_000),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}
