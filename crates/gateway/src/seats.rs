//! How many sessions there are, of each user and in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{ErrorKind, UserId};

use crate::{Error, Result, metrics};

/// The sessions of a node, counted.
#[derive(Debug)]
pub(crate) struct Seats {
    limit: usize,
    limit_per_user: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_user: HashMap<UserId, usize>,
}

/// One session's place; dropping it frees it.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    user: UserId,
}

impl Seats {
    pub(crate) fn new(limit: usize, limit_per_user: usize) -> Self {
        Self {
            limit,
            limit_per_user,
            taken: Mutex::default(),
        }
    }

    /// A place for one more session of a user; `limit` is his own, if he has one.
    pub(crate) fn take(self: &Arc<Self>, user: UserId, limit: Option<u32>) -> Result<Seat> {
        let limit = limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(self.limit_per_user);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.limit {
            return Err(full(
                "there are as many sessions as this node takes",
                self.limit,
            ));
        }
        let his = taken.by_user.get(&user).copied().unwrap_or(0);
        if his >= limit {
            return Err(full("you have as many sessions open as you may", limit));
        }
        taken.all += 1;
        taken.by_user.insert(user, his + 1);
        metrics::sessions(taken.all);
        Ok(Seat {
            seats: Arc::clone(self),
            user,
        })
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .all
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self
            .seats
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        metrics::sessions(taken.all);
        if let Some(his) = taken.by_user.get_mut(&self.user) {
            *his = his.saturating_sub(1);
            if *his == 0 {
                taken.by_user.remove(&self.user);
            }
        }
    }
}

fn full(why: &str, limit: usize) -> Error {
    Error::new(
        ErrorKind::Exhausted,
        format!("open session: {why} ({limit}); close one and try again"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_limited_and_come_back() {
        let seats = Arc::new(Seats::new(3, 2));
        let (ann, ben) = (UserId::generate(), UserId::generate());
        let first = seats.take(ann, None).expect("free");
        let _second = seats.take(ann, None).expect("free");
        let refused = seats.take(ann, None).expect_err("two at most");
        assert_eq!(refused.kind(), ErrorKind::Exhausted);
        let _other = seats.take(ben, None).expect("free");
        seats.take(ben, None).expect_err("three in all at most");
        drop(first);
        seats.take(ben, Some(1)).expect_err("his own limit is one");
        seats.take(ann, None).expect("free again");
        assert_eq!(seats.taken(), 2);
    }
}
