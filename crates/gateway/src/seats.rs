//! How many sessions there are, of each user and in all.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{ErrorKind, ServerId, UserId};

use crate::{Error, Result, metrics};

/// The sessions of a node, counted.
#[derive(Debug)]
pub(crate) struct Seats {
    limit: AtomicUsize,
    limit_per_user: AtomicUsize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_server: HashMap<ServerId, usize>,
    by_user: HashMap<UserId, usize>,
}

/// Who wants a place, and the limits that were set for him and his server in particular.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub(crate) server: ServerId,
    pub(crate) user: UserId,
    /// Sessions of the server.
    pub(crate) server_limit: Option<u32>,
    /// Sessions of the user.
    pub(crate) user_limit: Option<u32>,
}

/// One session's place; dropping it frees it.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    guest: Guest,
}

impl Seats {
    pub(crate) fn new(limit: usize, limit_per_user: usize) -> Self {
        Self {
            limit: AtomicUsize::new(limit),
            limit_per_user: AtomicUsize::new(limit_per_user),
            taken: Mutex::default(),
        }
    }

    /// Other limits from now on; sessions above them stay.
    pub(crate) fn set_limits(&self, limit: usize, limit_per_user: usize) {
        self.limit.store(limit, Relaxed);
        self.limit_per_user.store(limit_per_user, Relaxed);
    }

    /// A place for one more session.
    pub(crate) fn take(self: &Arc<Self>, guest: Guest) -> Result<Seat> {
        let all = self.limit.load(Relaxed);
        let mut taken = self.lock();
        if taken.all >= all {
            return Err(full("this node has as many sessions as it takes", all));
        }
        let of_server = taken.by_server.get(&guest.server).copied().unwrap_or(0);
        let limit = count(guest.server_limit, usize::MAX);
        if of_server >= limit {
            return Err(full("this server has as many sessions as it takes", limit));
        }
        let of_user = taken.by_user.get(&guest.user).copied().unwrap_or(0);
        let limit = count(guest.user_limit, self.limit_per_user.load(Relaxed));
        if of_user >= limit {
            return Err(full("you have as many sessions open as you may", limit));
        }
        taken.all += 1;
        taken.by_server.insert(guest.server.clone(), of_server + 1);
        taken.by_user.insert(guest.user, of_user + 1);
        metrics::sessions(taken.all);
        Ok(Seat {
            seats: Arc::clone(self),
            guest,
        })
    }

    pub(crate) fn taken(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        taken.all = taken.all.saturating_sub(1);
        metrics::sessions(taken.all);
        leave(&mut taken.by_server, &self.guest.server);
        leave(&mut taken.by_user, &self.guest.user);
    }
}

fn leave<K: Eq + Hash>(counts: &mut HashMap<K, usize>, who: &K) {
    if let Some(count) = counts.get_mut(who) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(who);
        }
    }
}

fn count(limit: Option<u32>, otherwise: usize) -> usize {
    limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(otherwise)
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
        let seats = Arc::new(Seats::new(4, 2));
        let guest = |server_limit| Guest {
            server: ServerId::generate(),
            user: UserId::generate(),
            server_limit,
            user_limit: None,
        };
        let ann = guest(None);
        let ben = Guest {
            user: UserId::generate(),
            ..ann.clone()
        };
        let first = seats.take(ann.clone()).expect("free");
        let _second = seats.take(ann.clone()).expect("free");
        let refused = seats.take(ann.clone()).expect_err("two at most");
        assert_eq!(refused.kind(), ErrorKind::Exhausted);
        let one_at_most = Guest {
            user_limit: Some(0),
            ..ben.clone()
        };
        seats.take(one_at_most).expect_err("his own limit is none");
        let elsewhere = guest(Some(1));
        let _third = seats.take(elsewhere.clone()).expect("free");
        seats
            .take(elsewhere)
            .expect_err("one at that server at most");
        let _fourth = seats.take(ben.clone()).expect("free");
        seats.take(ben.clone()).expect_err("four in all at most");
        drop(first);
        seats.take(ben).expect("free again");
        assert_eq!(seats.taken(), 3);
    }
}
