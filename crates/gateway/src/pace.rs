//! `Pace`: how fast a user sends and is sent bytes, in all his sessions on this node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use database::UserLimits;
use model::UserId;
use tokio::time::Instant;

/// Who was idle may be faster for so long.
const BURST: Duration = Duration::from_secs(1);

/// The limits of a user's bandwidth. Doors ask it, and make their clients wait by reading or
/// sending nothing until then; nothing waits in here.
#[derive(Debug)]
pub struct Pace {
    upload: Option<Bucket>,
    download: Option<Bucket>,
}

impl Pace {
    /// The pace of one user: bytes a second that he may send, and that he may be sent.
    pub fn new(upload: Option<u64>, download: Option<u64>) -> Self {
        Self {
            upload: upload.map(Bucket::new),
            download: download.map(Bucket::new),
        }
    }

    /// Counts bytes that came. None where more may come at once, else until when to read nothing.
    pub fn received(&self, bytes: usize) -> Option<Instant> {
        self.upload.as_ref()?.take(bytes, Instant::now())
    }

    /// Counts bytes that are going to be sent. None where they may go at once, else when.
    pub fn sending(&self, bytes: usize) -> Option<Instant> {
        self.download.as_ref()?.take(bytes, Instant::now())
    }
}

/// A token bucket, told by the time at which all its bytes will have passed.
#[derive(Debug)]
struct Bucket {
    /// Bytes a second.
    rate: u64,
    free: Mutex<Instant>,
}

impl Bucket {
    fn new(rate: u64) -> Self {
        Self {
            rate: rate.max(1),
            free: Mutex::new(Instant::now()),
        }
    }

    /// Whoever comes pays behind those who came before.
    fn take(&self, bytes: usize, now: Instant) -> Option<Instant> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let cost = Duration::from_secs_f64(bytes as f64 / self.rate as f64);
        *free = earliest.max(*free) + cost;
        (*free > now).then_some(*free)
    }
}

/// The paces of a node's users.
#[derive(Debug, Default)]
pub(crate) struct Paces(Mutex<HashMap<UserId, Weak<Pace>>>);

impl Paces {
    /// The pace that all sessions of a user share; none where nothing limits it.
    pub(crate) fn of(&self, user: UserId, limits: &UserLimits) -> Option<Arc<Pace>> {
        if limits.upload_rate.is_none() && limits.download_rate.is_none() {
            return None;
        }
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = paces.get(&user).and_then(Weak::upgrade);
        if let Some(pace) = found.filter(|pace| pace.is_of(limits)) {
            return Some(pace);
        }
        paces.retain(|_, pace| pace.strong_count() > 0);
        let pace = Arc::new(Pace::new(limits.upload_rate, limits.download_rate));
        paces.insert(user, Arc::downgrade(&pace));
        Some(pace)
    }
}

impl Pace {
    fn is_of(&self, limits: &UserLimits) -> bool {
        let rate = |bucket: &Option<Bucket>| bucket.as_ref().map(|bucket| bucket.rate);
        rate(&self.upload) == limits.upload_rate && rate(&self.download) == limits.download_rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(upload: u64) -> UserLimits {
        UserLimits {
            upload_rate: Some(upload),
            ..UserLimits::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_beyond_the_burst_wait_for_their_rate() {
        let pace = Paces::default().of(UserId::generate(), &limits(100));
        let pace = pace.expect("limited");
        let begun = Instant::now();
        // Time began with the bucket, so that no burst was saved up.
        assert_eq!(pace.received(50), Some(begun + Duration::from_millis(500)));
        assert_eq!(pace.received(50), Some(begun + Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(10)).await;
        let now = Instant::now();
        assert_eq!(pace.received(100), None, "a second's worth was saved up");
        assert_eq!(pace.received(100), Some(now + Duration::from_secs(1)));
        assert_eq!(pace.sending(1 << 30), None, "only uploads are limited");
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_of_a_user_share_a_pace() {
        let paces = Paces::default();
        let (ann, ben) = (UserId::generate(), UserId::generate());
        let first = paces.of(ann, &limits(100)).expect("limited");
        let second = paces.of(ann, &limits(100)).expect("limited");
        assert!(Arc::ptr_eq(&first, &second));
        let other = paces.of(ben, &limits(100)).expect("limited");
        assert!(!Arc::ptr_eq(&first, &other));
        let changed = paces.of(ann, &limits(200)).expect("limited");
        assert!(!Arc::ptr_eq(&first, &changed), "other limits hold by now");
        assert!(paces.of(ann, &UserLimits::default()).is_none());
    }
}
