//! The order of operations on the same path within a session.
//!
//! Clients pipeline: WinSCP sends CLOSE and SETSTAT of the same file in one burst, lftp REMOVE and
//! RENAME. Doors run verbs side by side, so each verb takes its turn in the order of arrival, and
//! waits for those before it that touch the same path, or one above or below it, where one of the
//! two changes something.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::VirtualPath;
use tokio_util::sync::CancellationToken;

/// Whether an operation changes the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It only looks.
    Read,
    /// It may change it.
    Write,
}

/// All turns of a session, taken and not yet released. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    taken: BTreeMap<u64, Taken>,
}

#[derive(Debug)]
struct Taken {
    paths: Vec<(VirtualPath, Access)>,
    released: CancellationToken,
}

/// A place in the order. Dropping it releases those who wait for it.
#[derive(Debug)]
#[must_use = "a turn that is dropped at once orders nothing"]
pub struct Turn {
    turns: Turns,
    number: u64,
    before: Vec<CancellationToken>,
}

impl Turns {
    /// Takes the next turn for an operation on these paths. Does not wait; must be called in the
    /// order in which requests arrive. The number of turns is bounded by who bounds the requests.
    pub fn enter(&self, paths: &[(VirtualPath, Access)]) -> Turn {
        let mut queue = self.lock();
        let before = queue
            .taken
            .values()
            .filter(|taken| taken.conflicts_with(paths))
            .map(|taken| taken.released.clone())
            .collect();
        let number = queue.next;
        queue.next += 1;
        queue.taken.insert(
            number,
            Taken {
                paths: paths.to_vec(),
                released: CancellationToken::new(),
            },
        );
        Turn {
            turns: self.clone(),
            number,
            before,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn conflicts_with(&self, paths: &[(VirtualPath, Access)]) -> bool {
        self.paths.iter().any(|(mine, my_access)| {
            paths.iter().any(|(theirs, their_access)| {
                (*my_access == Access::Write || *their_access == Access::Write)
                    && (mine.starts_with(theirs) || theirs.starts_with(mine))
            })
        })
    }
}

impl Turn {
    /// Waits until every earlier operation that conflicts with this one is released.
    pub async fn ready(&self) {
        for released in &self.before {
            released.cancelled().await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(taken) = self.turns.lock().taken.remove(&self.number) {
            taken.released.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn path(text: &str) -> VirtualPath {
        VirtualPath::parse(text.as_bytes(), &VirtualPath::root()).expect("valid")
    }

    fn is_ready(turn: &Turn) -> bool {
        turn.ready().now_or_never().is_some()
    }

    #[test]
    fn operations_wait_for_earlier_ones_on_related_paths() {
        use Access::{Read, Write};
        for (first, second, waits) in [
            (("/a", Write), ("/a", Read), true),
            (("/a", Read), ("/a", Write), true),
            (("/a", Write), ("/a", Write), true),
            (("/a", Read), ("/a", Read), false),
            (("/a", Write), ("/b", Write), false),
            (("/a/b", Write), ("/a", Read), true),
            (("/a", Write), ("/a/b/c", Read), true),
            (("/a", Write), ("/ab", Write), false),
            (("/", Write), ("/x", Read), true),
        ] {
            let turns = Turns::default();
            let one = turns.enter(&[(path(first.0), first.1)]);
            let two = turns.enter(&[(path(second.0), second.1)]);
            assert!(is_ready(&one));
            assert_eq!(is_ready(&two), !waits, "{first:?} {second:?}");
            drop(one);
            assert!(is_ready(&two), "{first:?} {second:?}");
        }
    }

    #[test]
    fn a_turn_waits_for_all_before_it_and_none_after_it() {
        let turns = Turns::default();
        let one = turns.enter(&[(path("/a"), Access::Write)]);
        let two = turns.enter(&[(path("/b"), Access::Write)]);
        let both = turns.enter(&[(path("/a"), Access::Write), (path("/b"), Access::Write)]);
        let late = turns.enter(&[(path("/a"), Access::Read)]);
        drop(two);
        assert!(!is_ready(&both));
        drop(one);
        assert!(is_ready(&both));
        assert!(!is_ready(&late));
        drop(both);
        assert!(is_ready(&late));
    }
}
