//! One change at a time to the object at a key, within this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::Location;
use tokio::sync::OwnedMutexGuard;

/// The keys that are being changed now. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Fences(Arc<Mutex<HashMap<Location, Arc<tokio::sync::Mutex<()>>>>>);

/// The right to change the object at a key; dropping it passes it on.
#[derive(Debug)]
#[must_use = "the fence falls when this is dropped"]
pub struct Fence {
    fences: Fences,
    location: Location,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Fences {
    /// Waits for the right to change the object at `location`.
    ///
    /// It holds within this process; between processes, conditions at the store decide where it
    /// has them.
    pub async fn raise(&self, location: &Location) -> Fence {
        let lock = {
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(held.entry(location.clone()).or_default())
        };
        // Made before the wait, so that a waiter who gives up cleans up as well.
        let mut fence = Fence {
            fences: self.clone(),
            location: location.clone(),
            guard: None,
        };
        fence.guard = Some(lock.lock_owned().await);
        fence
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        self.guard = None;
        let mut held = self.fences.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = held.get(&self.location)
            && Arc::strong_count(lock) == 1
        {
            held.remove(&self.location);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use model::{BucketName, ObjectKey};

    use super::*;

    fn location(key: &str) -> Location {
        Location {
            bucket: BucketName::parse("b").expect("valid"),
            key: ObjectKey::parse(key).expect("valid"),
        }
    }

    #[tokio::test]
    async fn one_at_a_time_per_key_and_nothing_is_left() {
        let fences = Fences::default();
        let a = location("a");
        let first = fences.raise(&a).await;
        let other = fences.raise(&location("b")).await;
        let mut second = Box::pin(fences.raise(&a));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        let second = second.now_or_never().expect("the key is free");
        drop((second, other));
        assert!(fences.0.lock().expect("unpoisoned").is_empty());
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_leaves_nothing() {
        let fences = Fences::default();
        let a = location("a");
        let first = fences.raise(&a).await;
        let mut waiter = Box::pin(fences.raise(&a));
        assert!(waiter.as_mut().now_or_never().is_none());
        drop(first);
        drop(waiter);
        assert!(fences.0.lock().expect("unpoisoned").is_empty());
    }
}
