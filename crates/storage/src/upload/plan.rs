//! `PartPlan`: which bytes of an object become which part, as pure data.

use std::ops::Range;

use crate::{Capabilities, PartNumber};

const MIB: u64 = 1 << 20;

/// The largest object in bytes: 5 TiB, as S3 has it.
pub const MAX_OBJECT_SIZE: u64 = 5 << 40;

/// Parts of equal size from some offset on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

/// The parts of an object that may grow to any size: they start small and grow with the offset,
/// so that the numbers suffice.
#[derive(Debug, Clone, PartialEq, Eq)]
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
                && tier.part_len % tier.slot_len == 0
                && (1..=u64::from(PartNumber::MAX)).contains(&tier.slots_per_part())
        };
        let parts: u64 = tiers.iter().map(|tier| u64::from(tier.parts)).sum();
        let fits = (1..=u64::from(PartNumber::MAX)).contains(&parts);
        let uniform = tiers.len() == 1;
        (fits && tiers.iter().all(sound)).then_some(Self { tiers, uniform })
    }

    /// The plan for a store: parts of 8 MiB that grow to 64 MiB, then composed ones of 1 GiB,
    /// 5 TiB in all. Without `part_copy` nothing can be composed, and the end is at about
    /// 490 GiB; where parts must be uniform, at 10,000 times a part that fits `expected` bytes
    /// (16 to 64 MiB).
    pub fn of(capabilities: &Capabilities, expected: Option<u64>) -> Self {
        let tiers = if capabilities.uniform_parts {
            let needed = expected.unwrap_or(0).div_ceil(u64::from(PartNumber::MAX));
            let part_len = needed.next_multiple_of(MIB).clamp(16 * MIB, 64 * MIB);
            vec![(PartNumber::MAX, part_len)]
        } else if capabilities.part_copy {
            vec![
                (1000, 8 * MIB),
                (1000, 16 * MIB),
                (1000, 32 * MIB),
                (2000, 64 * MIB),
                (5000, 1024 * MIB),
            ]
        } else {
            vec![
                (1000, 8 * MIB),
                (1000, 16 * MIB),
                (1000, 32 * MIB),
                (7000, 64 * MIB),
            ]
        };
        let tier = |(parts, part_len): (u16, u64)| {
            let largest = (capabilities.max_part_size / MIB).max(1) * MIB;
            let slot_len = part_len.min(64 * MIB).max(capabilities.min_part_size);
            let part_len = part_len.max(slot_len).min(largest);
            Tier {
                parts,
                part_len,
                slot_len: slot_len.min(part_len),
            }
        };
        Self {
            uniform: capabilities.uniform_parts,
            tiers: tiers.into_iter().map(tier).collect(),
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
}
