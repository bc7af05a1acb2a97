//! Whatever stands in the file of a drill: it is read, or refused in a line that says where; what is
//! read has a bounded number of steps, and its cluster can be laid out.

use std::path::Path;

use arbitrary::{config, files, says_where};
use drill::script::Drill;
use proptest::prelude::*;

/// The most steps that a file may stand for: no file here has more than twenty `[[step]]`, each
/// played a thousand times.
const STEPS: usize = 20_000;

fn good() -> Vec<String> {
    let ship = [
        include_str!("../../../configs/drills/active.toml"),
        include_str!("../../../configs/drills/hung.toml"),
        include_str!("../../../configs/drills/kills.toml"),
        include_str!("../../../configs/drills/passive.toml"),
        include_str!("../../../configs/drills/watchers.toml"),
    ];
    ship.map(str::to_owned).to_vec()
}

proptest! {
    #![proptest_config(config(2000, "tests/configuration.proptest-regressions"))]

    #[test]
    fn any_drill(text in files(good())) {
        match Drill::parse(Path::new("any.toml"), &text) {
            Ok(drill) => prop_assert!((1..=STEPS).contains(&drill.steps.len())),
            Err(error) => says_where(&error, "any.toml", &text)?,
        }
    }
}
