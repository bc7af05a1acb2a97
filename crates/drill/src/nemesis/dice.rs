//! Random numbers from a seed (SplitMix64, by Steele, Lea and Flood).
//!
//! Guarantee: the same seed gives the same numbers, in every version of the suite and on every
//! machine; that is why it is not a library's generator. Not here: anything secret.

use std::time::Duration;

/// A generator.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The generator of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below `end`, which is at least 1.
    pub fn below(&mut self, end: usize) -> usize {
        // The remainder's bias is below one in 2^50 for the small numbers that are asked for.
        usize::try_from(self.roll() % end.max(1) as u64).unwrap_or_default()
    }

    /// True so many times out of a hundred.
    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// One of them; `None` of none.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        of.get(self.below(of.len())).copied()
    }

    /// A time in whole milliseconds between two, both included.
    pub fn time(&mut self, least: u64, most: u64) -> Duration {
        let span = usize::try_from(most - least).unwrap_or_default() + 1;
        Duration::from_millis(least + self.below(span) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_seed_never_change() {
        // The reference values of SplitMix64 for the seed 0.
        let mut dice = Dice::new(0);
        let first = [dice.roll(), dice.roll()];
        assert_eq!(first, [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
    }

    #[test]
    fn everything_in_the_range_comes_up_and_nothing_else() {
        let mut dice = Dice::new(7);
        let mut seen = [0; 5];
        for _ in 0..1_000 {
            seen[dice.below(5)] += 1;
        }
        assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
        let times: Vec<_> = (0..1_000).map(|_| dice.time(10, 12).as_millis()).collect();
        assert!(times.iter().all(|time| (10..=12).contains(time)) && times.contains(&12));
        assert_eq!(dice.one::<u8>(&[]), None);
    }
}
