//! Whatever stands in the file of a client or of an Ivy process: it is read, or refused in one line
//! that says where; a client can start with what was read.

use std::path::Path;

use arbitrary::{Host, files, says_where};
use client::{Client, config, ivy};
use host::cli::parse_file;
use proptest::prelude::*;

fn clients() -> Vec<String> {
    let ship = [include_str!("../../configs/c1.toml"), include_str!("../../configs/c3.toml")];
    ship.map(str::to_owned).to_vec()
}

fn processes() -> Vec<String> {
    vec![include_str!("../../configs/ivy1.toml").to_owned()]
}

/// A port base is one that `--port-base` accepts.
fn port_base() -> impl Strategy<Value = u16> {
    prop_oneof![Just(8000_u16), Just(1), Just(65_000), 1..65_000_u16]
}

fn check_error(error: &str, name: &str, text: &str) -> Result<(), TestCaseError> {
    prop_assert!(!error.contains('\n'), "{error}");
    says_where(error, name, text)
}

proptest! {
    #![proptest_config(arbitrary::config(2000, "tests/configuration.proptest-regressions"))]

    #[test]
    fn any_file_of_a_client(text in files(clients()), base in port_base()) {
        match parse_file::<config::File>(Path::new("c1.toml"), &text) {
            Err(error) => check_error(&error.to_string(), "c1.toml", &text)?,
            // What contradicts itself has no one place; it names the keys.
            Ok(file) => if let Ok(config) = file.config(1, base) {
                let mut host = Host::start(Client::new(config), 20).map_err(TestCaseError::fail)?;
                host.open_all().map_err(TestCaseError::fail)?;
                host.leave_alone(2).map_err(TestCaseError::fail)?;
            }
        }
    }

    #[test]
    fn any_file_of_an_ivy_process(text in files(processes()), base in port_base()) {
        match parse_file::<ivy::File>(Path::new("ivy1.toml"), &text) {
            Err(error) => check_error(&error.to_string(), "ivy1.toml", &text)?,
            // The one thing that may be missing is the port.
            Ok(file) => if let Err(error) = file.config(1, base) {
                prop_assert!(error.contains("port"), "{error}");
            }
        }
    }
}
