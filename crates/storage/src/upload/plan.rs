//! `PartPlan`: which bytes of an object become which part, as pure data.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Capabilities, PartNumber};

const MIB: u64 = 1 << 20;

/// The largest object in bytes: 5 TiB, as S3 has it.
pub const MAX_OBJECT_SIZE: u64 = 5 << 40;

/// Parts of equal size from some offset on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// How many parts.
    pub parts: u16,
    /// Their length in bytes.
    pub part_len: u64,
    /// How much of one is held in memory at once: the whole part, or a divisor of it, where the
    /// part is composed of pieces in staging.
    pub slot_len: u64,
}

impl Tier {
    fn slots_per_part(&self) -> u64 {
        self.part_len / self.slot_len
    }

    fn len(&self) -> u64 {
        u64::from(self.parts) * self.part_len
    }

    /// The slot at `offset` in this tier, which begins at byte `start` with slot number `slots`
    /// and part number `parts`.
    fn slot(&self, offset: u64, start: u64, slots: u64, parts: u16) -> Slot {
        let (part, slot) = (offset / self.part_len, offset / self.slot_len);
        let piece = slot % self.slots_per_part() + 1;
        let first = slots + part * self.slots_per_part();
        let number = |number: u64| u16::try_from(number).ok().and_then(PartNumber::new);
        Slot {
            index: slots + slot,
            range: start + slot * self.slot_len..start + (slot + 1) * self.slot_len,
            part: number(u64::from(parts) + part).expect("a plan has at most as many parts"),
            piece: (self.slots_per_part() > 1)
                .then(|| number(piece).expect("a part has at most as many slots")),
            siblings: first..first + self.slots_per_part(),
        }
    }
}

/// The parts of an object that may grow to any size: they start small and grow with the offset,
/// so that the numbers suffice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartPlan {
    tiers: Vec<Tier>,
    uniform: bool,
}

/// A stretch of the object that is collected in memory and sent in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Counted from the object's start.
    pub(crate) index: u64,
    /// Its bytes in the object.
    pub(crate) range: Range<u64>,
    /// The part it belongs to.
    pub(crate) part: PartNumber,
    /// Which piece of that part it is, where the part is composed; counted from 1.
    pub(crate) piece: Option<PartNumber>,
    /// The indices of all slots of that part.
    pub(crate) siblings: Range<u64>,
}

impl Slot {
    pub(crate) fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
}

impl PartPlan {
    /// A plan of these tiers, in order; at most [`PartNumber::MAX`] parts in all, and no tier
    /// empty.
    ///
    /// Returns none where that does not hold, or a part is not a whole number of slots.
    pub fn new(tiers: Vec<Tier>) -> Option<Self> {
        let sound = |tier: &Tier| {
            tier.parts > 0
                && tier.slot_len > 0
                && tier.part_len.is_multiple_of(tier.slot_len)
                && (1..=u64::from(PartNumber::MAX)).contains(&tier.slots_per_part())
        };
        let parts: u64 = tiers.iter().map(|tier| u64::from(tier.parts)).sum();
        let fits = (1..=u64::from(PartNumber::MAX)).contains(&parts);
        (fits && tiers.iter().all(sound)).then_some(Self {
            tiers,
            uniform: false,
        })
    }

    /// A plan of equal parts of `part_len` bytes (at least 1), for stores that want them so.
    pub fn uniform(part_len: u64) -> Self {
        let part_len = part_len.max(1);
        let tier = Tier {
            parts: PartNumber::MAX,
            part_len,
            slot_len: part_len,
        };
        Self {
            tiers: vec![tier],
            uniform: true,
        }
    }

    /// The plan for a store: parts of 8 and, from 8 GiB on, 16 MiB, then (from 67 GiB on) parts of
    /// 1 GiB that are composed of pieces of 16 MiB, 5 TiB in all: little is in memory, and little is
    /// lost with a node. Without `part_copy` nothing can be composed: parts grow to 64 MiB, and
    /// the end is at about 490 GiB. Where parts must be uniform, it is at 10,000 times a part that
    /// fits `expected` bytes (16 to 64 MiB).
    pub fn of(capabilities: &Capabilities, expected: Option<u64>) -> Self {
        if capabilities.uniform_parts {
            let needed = expected.unwrap_or(0).div_ceil(u64::from(PartNumber::MAX));
            let part_len = needed.next_multiple_of(MIB).clamp(16 * MIB, 64 * MIB);
            return Self::uniform(part_len.max(capabilities.min_part_size));
        }
        let tiers = if capabilities.part_copy {
            vec![
                (1000, 8 * MIB, 8 * MIB),
                (3800, 16 * MIB, 16 * MIB),
                (5200, 1024 * MIB, 16 * MIB),
            ]
        } else {
            vec![
                (1000, 8 * MIB, 8 * MIB),
                (1000, 16 * MIB, 16 * MIB),
                (1000, 32 * MIB, 32 * MIB),
                (7000, 64 * MIB, 64 * MIB),
            ]
        };
        let tier = |(parts, part_len, slot_len): (u16, u64, u64)| {
            let largest = (capabilities.max_part_size / MIB).max(1) * MIB;
            let slot_len = slot_len.max(capabilities.min_part_size).min(largest);
            let slots = part_len.min(largest) / slot_len;
            Tier {
                parts,
                part_len: slots.max(1) * slot_len,
                slot_len,
            }
        };
        Self {
            uniform: false,
            tiers: tiers.into_iter().map(tier).collect(),
        }
    }

    /// The same plan with nothing composed: pieces become parts, as far as the numbers go.
    pub(crate) fn flat(self) -> Self {
        let mut left = u64::from(PartNumber::MAX);
        let flatten = |tier: Tier| {
            let parts = (u64::from(tier.parts) * tier.slots_per_part()).min(left);
            left -= parts;
            let parts = u16::try_from(parts).ok().filter(|parts| *parts > 0)?;
            Some(Tier {
                parts,
                part_len: tier.slot_len,
                slot_len: tier.slot_len,
            })
        };
        let tiers = self.tiers.into_iter().filter_map(flatten).collect();
        Self {
            tiers,
            uniform: self.uniform,
        }
    }

    /// The largest object it can hold, in bytes.
    pub fn limit(&self) -> u64 {
        self.tiers
            .iter()
            .map(Tier::len)
            .sum::<u64>()
            .min(MAX_OBJECT_SIZE)
    }

    /// Whether every part but the last must have the same size.
    pub(crate) fn is_uniform(&self) -> bool {
        self.uniform
    }

    /// The slot that holds the byte at `offset`; the last slot for what lies beyond the plan.
    pub(crate) fn slot_at(&self, offset: u64) -> Slot {
        let (mut start, mut slots, mut parts) = (0, 0, 1);
        for tier in &self.tiers {
            if offset < start + tier.len() {
                return tier.slot(offset.max(start) - start, start, slots, parts);
            }
            start += tier.len();
            slots += u64::from(tier.parts) * tier.slots_per_part();
            parts += tier.parts;
        }
        self.slot_at(start - 1)
    }

    /// Where the slot with this index begins.
    pub(crate) fn slot_start(&self, index: u64) -> u64 {
        let (mut start, mut slots) = (0, 0);
        for tier in &self.tiers {
            let count = u64::from(tier.parts) * tier.slots_per_part();
            if index < slots + count {
                return start + (index - slots) * tier.slot_len;
            }
            start += tier.len();
            slots += count;
        }
        start
    }

    /// The first slot of the part with this number, if the plan has one.
    pub(crate) fn first_slot(&self, number: PartNumber) -> Option<Slot> {
        let (mut start, mut parts) = (0, 1);
        for tier in &self.tiers {
            if number.get() < parts + tier.parts {
                let offset = u64::from(number.get() - parts) * tier.part_len;
                return Some(self.slot_at(start + offset));
            }
            start += tier.len();
            parts += tier.parts;
        }
        None
    }

    /// All slots of an object of `len` bytes, in order; the last one may reach beyond it.
    pub(crate) fn slots(&self, len: u64) -> impl Iterator<Item = Slot> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let slot = (at < len).then(|| self.slot_at(at))?;
            at = slot.range.end;
            Some(slot)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3() -> Capabilities {
        Capabilities {
            put_conditions: true,
            complete_conditions: true,
            copy_conditions: true,
            delete_conditions: true,
            rename: false,
            part_copy: true,
            uniform_parts: false,
            min_part_size: 5 * MIB,
            max_part_size: 5 << 30,
            max_copy_size: 5 << 30,
            versions: false,
            file_beside_directory: true,
            max_key_bytes: 1024,
            max_name_bytes: None,
        }
    }

    #[test]
    fn ten_thousand_parts_reach_five_tebibytes() {
        let plan = PartPlan::of(&s3(), None);
        assert_eq!(plan.limit(), MAX_OBJECT_SIZE);
        let last = plan.slot_at(MAX_OBJECT_SIZE - 1);
        assert!(last.part.get() <= PartNumber::MAX);
        assert!(plan.tiers.iter().all(|tier| tier.slot_len <= 16 * MIB));
        assert_eq!(plan.slot_at(0).range, 0..8 * MIB);
    }

    #[test]
    fn parts_are_whole_numbers_of_slots_whatever_a_store_takes() {
        for (min_part_size, max_part_size) in [(5, 5 << 10), (100, 250), (1, 10), (7, 100)] {
            let odd = Capabilities {
                min_part_size: min_part_size * MIB,
                max_part_size: max_part_size * MIB,
                ..s3()
            };
            let plan = PartPlan::of(&odd, None);
            assert!(PartPlan::new(plan.tiers.clone()).is_some(), "{plan:?}");
            let fits = |tier: &Tier| tier.part_len <= odd.max_part_size;
            assert!(plan.tiers.iter().all(fits), "{plan:?}");
        }
    }

    #[test]
    fn without_part_copy_nothing_is_composed() {
        let plan = PartPlan::of(
            &Capabilities {
                part_copy: false,
                ..s3()
            },
            None,
        );
        assert!(plan.tiers.iter().all(|tier| tier.part_len == tier.slot_len));
        assert!(plan.limit() > 480 << 30);
        let flat = PartPlan::of(&s3(), None).flat();
        assert_eq!(
            flat.tiers
                .iter()
                .map(|tier| u32::from(tier.parts))
                .sum::<u32>(),
            10_000
        );
        assert!(flat.tiers.iter().all(|tier| tier.part_len == tier.slot_len));
    }

    #[test]
    fn uniform_parts_are_sized_for_what_is_expected() {
        let uniform = Capabilities {
            uniform_parts: true,
            ..s3()
        };
        let len = |expected| PartPlan::of(&uniform, expected).slot_at(0).len();
        assert_eq!(len(None), 16 * MIB);
        assert_eq!(len(Some(300 << 30)), 31 * MIB);
        assert_eq!(len(Some(5 << 40)), 64 * MIB);
        assert!(PartPlan::of(&uniform, None).is_uniform());
    }

    #[test]
    fn slots_follow_each_other_and_name_their_parts() {
        let tiers = vec![
            Tier {
                parts: 2,
                part_len: 4,
                slot_len: 4,
            },
            Tier {
                parts: 2,
                part_len: 6,
                slot_len: 2,
            },
        ];
        let plan = PartPlan::new(tiers).unwrap();
        assert_eq!(plan.limit(), 20);
        let slots: Vec<_> = plan.slots(20).collect();
        assert!(slots.windows(2).all(|pair| {
            pair[0].range.end == pair[1].range.start && pair[0].index + 1 == pair[1].index
        }));
        let named: Vec<_> = slots
            .iter()
            .map(|slot| (slot.part.get(), slot.piece.map(PartNumber::get)))
            .collect();
        let (one, two, three) = (Some(1), Some(2), Some(3));
        let expected = [
            (1, None),
            (2, None),
            (3, one),
            (3, two),
            (3, three),
            (4, one),
            (4, two),
            (4, three),
        ];
        assert_eq!(named, expected);
        assert_eq!(plan.slots(9).count(), 3);
        let first = |number| plan.first_slot(PartNumber::new(number).unwrap());
        assert_eq!(first(2).map(|slot| slot.range), Some(4..8));
        assert_eq!(first(4).map(|slot| slot.range), Some(14..16));
        assert_eq!(first(5), None);
    }

    #[test]
    fn unsound_plans_are_refused() {
        let tier = |parts, part_len, slot_len| Tier {
            parts,
            part_len,
            slot_len,
        };
        assert_eq!(PartPlan::new(vec![]), None);
        assert_eq!(PartPlan::new(vec![tier(1, 5, 2)]), None);
        assert_eq!(PartPlan::new(vec![tier(10_000, 4, 4), tier(1, 4, 4)]), None);
    }
}
