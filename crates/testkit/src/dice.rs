//! Chance that can be repeated: the SplitMix64 sequence of a seed.

/// Draws numbers; the same seed draws the same ones.
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// The sequence of this seed.
    pub fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number of 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `limit`; 0 where that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll().checked_rem(limit).unwrap_or_default()
    }

    /// Whether something happens that has this probability, between 0 and 1.
    pub fn falls(&mut self, probability: f64) -> bool {
        let limit = probability.clamp(0.0, 1.0) * f64::from(u32::MAX);
        f64::from((self.roll() >> 32) as u32) < limit
    }

    /// One of them.
    ///
    /// # Panics
    /// Where there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let index = self.below(from.len() as u64);
        &from[usize::try_from(index).expect("below a length")]
    }

    /// Another sequence, for a part of the work that draws at its own pace.
    pub fn fork(&mut self) -> Self {
        Self::seeded(self.roll())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_sequence() {
        let draw = |seed| {
            let mut dice = Dice::seeded(seed);
            (0..8).map(|_| dice.roll()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn a_fifth_falls_about_a_fifth_of_the_time() {
        let mut dice = Dice::seeded(1);
        let fell = (0..10_000).filter(|_| dice.falls(0.2)).count();
        assert!((1_800..2_200).contains(&fell), "{fell}");
        assert!(!Dice::seeded(1).falls(0.0));
    }

    #[test]
    fn below_nothing_is_zero() {
        assert_eq!(Dice::seeded(3).below(0), 0);
        assert!((0..100).all(|seed| Dice::seeded(seed).below(7) < 7));
    }
}
