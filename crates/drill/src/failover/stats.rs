//! Five numbers about many: the least, the middle, nine of ten, 99 of 100, the greatest.

use serde::Serialize;

/// A distribution, by nearest rank: every one of these was measured, none is interpolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// How many there were.
    pub count: usize,
    /// The least.
    pub min: u64,
    /// Half are at most this.
    pub median: u64,
    /// 90 of 100 are at most this.
    pub p90: u64,
    /// 99 of 100 are at most this; of less than 100, that is the greatest.
    pub p99: u64,
    /// The greatest.
    pub max: u64,
}

impl Spread {
    /// The distribution of some numbers; `None` of none.
    #[must_use]
    pub fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        let (min, max) = (*values.first()?, *values.last()?);
        let at = |percent: usize| values[(values.len() * percent).div_ceil(100).max(1) - 1];
        Some(Self { count: values.len(), min, median: at(50), p90: at(90), p99: at(99), max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_of_what_was_measured() {
        assert_eq!(Spread::of(Vec::new()), None);
        let one = Spread::of(vec![7]).unwrap();
        assert_eq!((one.count, one.min, one.median, one.p99, one.max), (1, 7, 7, 7, 7));
        let hundred = Spread::of((1..=100).rev().collect()).unwrap();
        assert_eq!((hundred.min, hundred.median, hundred.p90), (1, 50, 90));
        assert_eq!((hundred.p99, hundred.max), (99, 100));
        let fifty = Spread::of((1..=50).collect()).unwrap();
        assert_eq!((fifty.median, fifty.p90, fifty.p99), (25, 45, 50));
    }
}
