//! How all tests of the roles run: a host is started, everything is played, and the role is looked
//! at.
//!
//! Guarantees: the same cases at every run, so that what has once passed stays passed until the code
//! changes. `PROPTEST_CASES` asks for more of them ([`config`]), `PROPTEST_RNG_SEED` for others. What
//! failed once is kept in a file, and played before anything else.

use std::fmt::Debug;

use node::Role;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};

use crate::{Host, Play};

/// How many cases most tests have.
const USUAL: u32 = 300;

/// So many cases. With `PROPTEST_CASES=N`, a test that has 300 has N, and one with longer cases, of
/// which there are fewer, as much fewer. `kept` is the file of what failed once.
#[must_use]
pub fn config(cases: u32, kept: &'static str) -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig {
        cases: match std::env::var_os("PROPTEST_CASES") {
            Some(_) => (u64::from(asked.cases) * u64::from(cases)).div_ceil(USUAL.into()) as u32,
            None => cases,
        },
        rng_seed: match asked.rng_seed {
            RngSeed::Random => RngSeed::Fixed(2026),
            fixed => fixed,
        },
        max_shrink_iters: 20_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(kept))),
        ..asked
    }
}

/// How much a role may hold, as the length of its text in bytes: however much it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// With nobody connected.
    pub alone: usize,
    /// For each connection on top.
    pub each: usize,
}

/// Plays everything, then leaves the role alone for a while.
///
/// # Errors
/// When the role breaks a rule of its host, or holds more than it may at any moment.
pub fn torment<R: Role + Debug>(
    host: &mut Host<R>,
    plays: &[Play],
    bound: Bound,
) -> Result<(), TestCaseError> {
    let within = |host: &Host<R>| {
        let (size, most) = (host.size(), bound.alone + bound.each * host.connections());
        prop_assert!(size <= most, "{size} bytes, and {most} at most: {:?}", host.role());
        Ok(())
    };
    for (place, play) in plays.iter().enumerate() {
        host.play(play).map_err(TestCaseError::fail)?;
        if place % 16 == 0 {
            within(host)?;
        }
    }
    within(host)?;
    host.leave_alone(3).map_err(TestCaseError::fail)?;
    within(host)
}
