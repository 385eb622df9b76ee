//! A map of bounded size that forgets first what matters least.

use std::collections::HashMap;
use std::hash::Hash;

use model::Timestamp;

/// What is kept about a key.
pub(super) trait Fades {
    /// From when on it says no more than its absence.
    fn gone(&self) -> Timestamp;
}

/// At most so many keys. When there is no more room, what has faded goes, and if that is not
/// enough the eighth that fades first: a flood of new keys costs each a constant amount.
#[derive(Debug)]
pub(super) struct Tracked<K, V> {
    entries: HashMap<K, V>,
    most: usize,
}

impl<K: Hash + Eq + Copy, V: Fades> Tracked<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            entries: HashMap::new(),
            most: most.max(8),
        }
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        self.entries.get(&key)
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.entries.get_mut(&key)
    }

    /// Puts a value in the place of another.
    pub(super) fn set(&mut self, key: K, now: Timestamp, value: V) {
        self.entries.remove(&key);
        self.entry(key, now, || value);
    }

    /// The key's entry, made if there is none.
    pub(super) fn entry(&mut self, key: K, now: Timestamp, new: impl FnOnce() -> V) -> &mut V {
        if self.entries.len() >= self.most && !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        self.entries.entry(key).or_insert_with(new)
    }

    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        self.entries.remove(&key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter()
    }

    fn make_room(&mut self, now: Timestamp) {
        self.entries.retain(|_, value| value.gone() > now);
        let room = self.most / 8;
        if self.entries.len() + room <= self.most {
            return;
        }
        let mut ends: Vec<Timestamp> = self.entries.values().map(Fades::gone).collect();
        let (_, last, _) = ends.select_nth_unstable(room.min(self.entries.len() - 1));
        let (last, mut left) = (*last, room);
        // Of those that end together no more go than must.
        self.entries.retain(|_, value| {
            let goes = left > 0 && value.gone() <= last;
            left -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Fades for i64 {
        fn gone(&self) -> Timestamp {
            Timestamp::from_seconds(*self)
        }
    }

    #[test]
    fn what_fades_first_is_forgotten_first() {
        let mut tracked: Tracked<i64, i64> = Tracked::new(64);
        for key in (0..1000).rev() {
            tracked.entry(key, Timestamp::from_seconds(-1), || key);
            assert!(tracked.iter().count() <= 64);
        }
        assert!(tracked.get(999).is_some());
        assert!(
            (936..1000)
                .filter(|key| tracked.get(*key).is_some())
                .count()
                >= 55
        );
    }

    #[test]
    fn what_has_faded_makes_room() {
        let mut tracked: Tracked<i64, i64> = Tracked::new(16);
        for key in 0..16 {
            tracked.entry(key, Timestamp::from_seconds(0), || {
                if key == 3 { 100 } else { 10 }
            });
        }
        tracked.entry(16, Timestamp::from_seconds(50), || 60);
        assert_eq!(tracked.iter().count(), 2);
        assert!(tracked.get(3).is_some() && tracked.get(16).is_some());
    }

    #[test]
    fn entries_that_end_together_do_not_all_go() {
        let mut tracked: Tracked<i64, i64> = Tracked::new(16);
        for key in 0..17 {
            tracked.entry(key, Timestamp::from_seconds(0), || 10);
        }
        assert_eq!(tracked.iter().count(), 15);
    }
}
