//! `RangeSet`: a set of bytes as sorted ranges that do not touch.

use std::ops::Range;

/// Which bytes are covered. Cheap where they arrive in order: then it is one range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RangeSet {
    ranges: Vec<Range<u64>>,
}

impl RangeSet {
    /// Adds `range`.
    pub(crate) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        if let Some(last) = self.ranges.last_mut()
            && last.end == range.start
        {
            last.end = range.end;
            return;
        }
        let from = self.ranges.partition_point(|known| known.end < range.start);
        let to = self
            .ranges
            .partition_point(|known| known.start <= range.end);
        let merged = self.ranges[from..to].iter().fold(range, |sum, known| {
            sum.start.min(known.start)..sum.end.max(known.end)
        });
        self.ranges.splice(from..to, [merged]);
    }

    /// Takes everything at and behind `end` out.
    pub(crate) fn clip(&mut self, end: u64) {
        self.ranges.retain(|known| known.start < end);
        if let Some(last) = self.ranges.last_mut() {
            last.end = last.end.min(end);
        }
    }

    /// Whether all of `range` is in it.
    pub(crate) fn covers(&self, range: &Range<u64>) -> bool {
        let index = self.ranges.partition_point(|known| known.end < range.end);
        let known = self.ranges.get(index);
        range.is_empty() || known.is_some_and(|known| known.start <= range.start)
    }

    /// What of `range` is not in it, in order.
    pub(crate) fn gaps(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut at = range.start;
        for known in self.within(range.clone()) {
            if at < known.start {
                gaps.push(at..known.start);
            }
            at = known.end;
        }
        if at < range.end {
            gaps.push(at..range.end);
        }
        gaps
    }

    /// What of `range` is in it, in order.
    pub(crate) fn within(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let from = self
            .ranges
            .partition_point(|known| known.end <= range.start);
        self.ranges[from..]
            .iter()
            .map(move |known| known.start.max(range.start)..known.end.min(range.end))
            .take_while(|common| common.start < common.end)
    }

    /// The ranges, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.ranges.iter().cloned()
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(set: &RangeSet) -> Vec<u64> {
        set.iter().flatten().collect()
    }

    proptest! {
        #[test]
        fn behaves_like_a_set_of_bytes(
            inserts in proptest::collection::vec((0u64..60, 0u64..12), 0..20),
            clip in 0u64..80,
            (start, len) in (0u64..60, 0u64..30),
        ) {
            let mut set = RangeSet::default();
            let mut model = std::collections::BTreeSet::new();
            for (start, len) in inserts {
                set.insert(start..start + len);
                model.extend(start..start + len);
            }
            prop_assert_eq!(bytes(&set), model.iter().copied().collect::<Vec<_>>());
            prop_assert!(set.ranges.windows(2).all(|pair| pair[0].end < pair[1].start));

            set.clip(clip);
            model.retain(|byte| *byte < clip);
            let range = start..start + len;
            let inside: Vec<u64> = range.clone().filter(|b| model.contains(b)).collect();
            let outside: Vec<u64> = range.clone().filter(|b| !model.contains(b)).collect();
            prop_assert_eq!(set.covers(&range), outside.is_empty());
            prop_assert_eq!(set.within(range.clone()).flatten().collect::<Vec<_>>(), inside);
            prop_assert_eq!(set.gaps(range).into_iter().flatten().collect::<Vec<_>>(), outside);
        }
    }
}
