//! The configuration file of an Ivy process (`configs/ivy1.toml`).
//!
//! Guarantees: an unknown key, a wrong value and a name without a number are errors that say what is
//! right.
//!
//! Not here: reading the file (`host::cli::load`) and the command line.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use host::cli::{machine, period_field};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use wire::{ClientName, ports};

use super::Config;
use crate::config::Machine;

const ROUND: Duration = Duration::from_secs(2);

/// What stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The process's name. The number at its end gives the port on which it takes pages: P1 takes them
    /// on the eleventh port after the first of the plan.
    #[serde(deserialize_with = "name_field")]
    pub name: ClientName,

    /// The machine of the RM: `"IP"`, or `"IP:BASE"` where its ports do not start at the port base.
    pub rm: Machine,

    /// This machine, as other processes reach it.
    #[serde(deserialize_with = "machine_field")]
    pub ip: IpAddr,

    /// The port on which pages are taken, if not the one that the name gives.
    #[serde(default)]
    pub port: Option<u16>,

    /// After three times this long without any answer the managers are dead; 2 s by default.
    #[serde(default, deserialize_with = "period_field")]
    pub round: Option<Duration>,
}

impl File {
    /// What the role is told; see [`crate::config::File::config`].
    ///
    /// # Errors
    /// When the name gives no port and the file names none.
    pub fn config(&self, nonce: u64, port_base: u16) -> Result<Config, String> {
        let named = || {
            let name = self.name.as_str();
            let digits = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            let number: u16 = name[digits..].parse().ok()?;
            port_base.checked_add(ports::PROCESS_PAGES)?.checked_add(number)
        };
        let port = self.port.or_else(named).ok_or_else(|| {
            format!("the name `{}` gives no port for pages: end it with a number, or add `port`", {
                self.name
            })
        })?;
        Ok(Config {
            name: self.name,
            rm: self.rm.at(port_base),
            address: SocketAddr::new(self.ip, port),
            nonce,
            round: self.round.unwrap_or(ROUND),
        })
    }
}

fn name_field<'de, D: Deserializer<'de>>(from: D) -> Result<ClientName, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

fn machine_field<'de, D: Deserializer<'de>>(from: D) -> Result<IpAddr, D::Error> {
    machine(&String::deserialize(from)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(text: &str) -> Result<Config, String> {
        let file: Result<File, _> = host::cli::parse_file(Path::new("ivy1.toml"), text);
        file.map_err(|error| error.to_string())?.config(7, 8000)
    }

    #[test]
    fn the_files_that_ship_are_good_and_the_name_gives_the_port() {
        let files = [
            include_str!("../../../configs/ivy1.toml"),
            include_str!("../../../configs/ivy2.toml"),
            include_str!("../../../configs/ivy3.toml"),
        ];
        for (number, text) in (1..).zip(files) {
            let config = config(text).expect("good");
            assert_eq!(config.name.as_str(), format!("P{number}"));
            assert_eq!(config.address.port(), 8010 + number);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let head = "rm = \"127.0.0.110\"\nip = \"127.0.0.1\"\n";
        for (text, complaint) in [
            (format!("name = \"P\"\n{head}"), "gives no port"),
            (format!("name = \"P1\"\nprot = 1\n{head}"), "unknown field `prot`"),
            ("name = \"P1\"\nrm = \"127.0.0.110\"".to_owned(), "missing field `ip`"),
        ] {
            let error = config(&text).expect_err(&text);
            assert!(error.contains(complaint), "{error}");
        }
    }
}
