//! Whatever stands in the file that an installation shares: it is read, or refused in one line that
//! says where; what is taken over from it makes sense.

use std::path::Path;

use arbitrary::{config, files, says_where};
use host::cli::parse_file;
use host::cluster::ClusterFile;
use proptest::prelude::*;

fn good() -> Vec<String> {
    vec![include_str!("../../../configs/cluster.toml").to_owned()]
}

proptest! {
    #![proptest_config(config(2000, "tests/configuration.proptest-regressions"))]

    #[test]
    fn any_cluster_file(text in files(good())) {
        match parse_file::<ClusterFile>(Path::new("cluster.toml"), &text) {
            Ok(file) => {
                let tune = file.tune();
                prop_assert!(tune.heartbeat_period.is_none() || tune.heartbeat_timeout.is_some());
            }
            Err(error) => {
                let error = error.to_string();
                prop_assert!(!error.contains('\n'), "{error}");
                says_where(&error, "cluster.toml", &text)?;
            }
        }
    }
}
