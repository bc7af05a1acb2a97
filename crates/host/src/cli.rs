//! The command lines that the five binaries share: common options, how values are read, and what is
//! said when something is wrong.
//!
//! Guarantees: bad use ends with exit code 2 and one line on standard error that names what failed
//! and what to do; an unknown `CHEVRON_*` variable is warned about, once; with `--check` nothing is
//! created, locked or opened, and what would be used is printed with where it comes from.
//!
//! Not here: the arguments of one role (each binary's own `args.rs`).

mod file;
mod plan;
mod run;
mod seconds;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::builder::FalseyValueParser;
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

pub use file::{FileError, load, parse as parse_file};
pub use plan::Plan;
pub use run::{Ready, examine, run};
pub use seconds::{period, period_field, seconds, seconds_field};

/// The highest offset of the port plan: a port base leaves room for it.
const LAST_DOOR: u16 = 8;

/// Every variable that a binary of the suite reads; others that begin alike are warned about.
const VARIABLES: [&str; 19] = [
    "CHEVRON_ACK_TIMEOUT",
    "CHEVRON_CHECKPOINT_FREQ",
    "CHEVRON_CLUSTER",
    "CHEVRON_COLOR",
    "CHEVRON_FRAME_LIMIT",
    "CHEVRON_GRACE",
    "CHEVRON_HEARTBEAT_TIMEOUT",
    "CHEVRON_HOLD_DOWN",
    "CHEVRON_HUNG_GRACE",
    "CHEVRON_ON_TOTAL_LOSS",
    "CHEVRON_PEER_TIMEOUT",
    "CHEVRON_PORT_BASE",
    "CHEVRON_PREFER",
    "CHEVRON_QUIET",
    "CHEVRON_RM",
    "CHEVRON_SERVER_BIN",
    "CHEVRON_SERVICE",
    "CHEVRON_STATE_DIR",
    "CHEVRON_VERBOSE",
];

/// The options that all five binaries take.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Options of all roles")]
pub struct Common {
    /// Settings of the whole installation (configs/cluster.toml); read again on SIGHUP.
    #[arg(long, env = "CHEVRON_CLUSTER", value_name = "FILE")]
    pub cluster: Option<PathBuf>,

    /// Where what must survive a restart is kept [default: $XDG_STATE_HOME/chevron]. The GFD and
    /// clients keep nothing.
    #[arg(long, env = "CHEVRON_STATE_DIR", value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// The first port of the port plan [default: 8000].
    #[arg(long, env = "CHEVRON_PORT_BASE", value_name = "PORT", value_parser = port_base)]
    pub port_base: Option<u16>,

    /// The longest frame accepted, in bytes [default: 65536].
    #[arg(long, env = "CHEVRON_FRAME_LIMIT", value_name = "BYTES", value_parser = frame_limit)]
    pub frame_limit: Option<usize>,

    /// Print none of the lines on standard output; warnings stay.
    #[arg(short, long, env = "CHEVRON_QUIET", value_parser = FalseyValueParser::new())]
    pub quiet: bool,

    /// Print details on standard error.
    #[arg(short, long, env = "CHEVRON_VERBOSE", value_parser = FalseyValueParser::new())]
    pub verbose: bool,

    /// Colour the lines [default: auto, which is on a terminal].
    #[arg(long, env = "CHEVRON_COLOR", value_name = "WHEN")]
    pub color: Option<clap::ColorChoice>,

    /// Append what happened, as JSON lines, to this file (for drills and checkers).
    #[arg(long, value_name = "FILE")]
    pub audit: Option<PathBuf>,

    /// Only validate the command line and all configuration, print what would be used, and exit.
    #[arg(long)]
    pub check: bool,
}

/// The variable behind an argument: `ack_timeout` -> `CHEVRON_ACK_TIMEOUT`.
fn variable(id: &str) -> String {
    format!("CHEVRON_{}", id.to_ascii_uppercase())
}

/// The variables among `names` that look like ours and are not.
fn unknown_variables(names: impl Iterator<Item = String>) -> Vec<String> {
    let unknown =
        |name: &String| name.starts_with("CHEVRON_") && !VARIABLES.contains(&name.as_str());
    let mut unknown: Vec<String> = names.filter(unknown).collect();
    unknown.sort_unstable();
    unknown
}

/// Reads the address of this machine, or of another that is dialled.
///
/// # Errors
/// One line: it is no address, or none that a peer could dial.
pub fn machine(text: &str) -> Result<IpAddr, String> {
    let ip: IpAddr = text.parse().map_err(|_| {
        format!("`{text}` is no IP address: write it like 172.19.136.188 (names are not looked up)")
    })?;
    if ip.is_unspecified() || ip.is_multicast() {
        return Err(format!("`{text}` cannot be dialled: give the address that others reach"));
    }
    Ok(ip)
}

/// Reads `IP:PORT` of a process that is dialled.
///
/// # Errors
/// One line: it is no address, or none that can be dialled.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| {
        format!(
            "`{text}` is no IP:PORT: write it like 172.19.136.190:8000 (names are not looked up)"
        )
    })?;
    machine(&address.ip().to_string())?;
    if address.port() == 0 {
        return Err(format!("`{text}` has no port: the port is 1 to 65535"));
    }
    Ok(address)
}

/// Reads a port base, which leaves room for the whole port plan.
///
/// # Errors
/// One line with the range.
pub fn port_base(text: &str) -> Result<u16, String> {
    let highest = u16::MAX - LAST_DOOR;
    let base = text.parse().ok().filter(|base| (1..=highest).contains(base));
    base.ok_or_else(|| {
        format!(
            "`{text}` is no port base: it is 1 to {highest}, since the {LAST_DOOR} ports after it \
             are used too"
        )
    })
}

/// Reads a frame limit: below a kilobyte the suite's own frames do not fit.
///
/// # Errors
/// One line with the range.
pub fn frame_limit(text: &str) -> Result<usize, String> {
    const RANGE: std::ops::RangeInclusive<usize> = 1024..=64 * 1024 * 1024;
    let limit = text.parse().ok().filter(|limit| RANGE.contains(limit));
    limit.ok_or_else(|| {
        format!("`{text}` is no frame limit: it is {} to {} bytes", RANGE.start(), RANGE.end())
    })
}

/// Microseconds since the Unix epoch: greater at every start of a process, so a mark of that start
/// (incarnations, fresh clusters, sessions).
#[must_use]
pub fn started_at() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Whether somebody can type: standard input is a terminal, and this process is in the foreground
/// there. One in the background would be stopped by the system for reading from it.
#[must_use]
pub fn has_keyboard() -> bool {
    let input = std::io::stdin();
    tcgetpgrp(&input).is_ok_and(|foreground| foreground == getpgrp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_ours_and_is_not_is_unknown() {
        let names = ["PATH", "CHEVRON_RM", "CHEVRON_RN", "CHEVRON_", "MY_CHEVRON_X", "CHEVRON_A"];
        let unknown = unknown_variables(names.iter().map(ToString::to_string));
        assert_eq!(unknown, ["CHEVRON_", "CHEVRON_A", "CHEVRON_RN"]);
    }

    #[test]
    fn addresses_have_to_be_ones_that_can_be_dialled() {
        assert!(machine("172.19.136.188").is_ok() && machine("::1").is_ok());
        assert!(address("172.19.136.190:8000").is_ok() && address("[::1]:8000").is_ok());
        for text in ["", "localhost", "172.19.136", "0.0.0.0", "::", "224.0.0.1"] {
            machine(text).expect_err(text);
            address(&format!("{text}:8000")).expect_err(text);
        }
        address("127.0.0.1").expect_err("no port");
        address("127.0.0.1:0").expect_err("port 0");
    }

    #[test]
    fn a_port_base_leaves_room_for_the_plan() {
        assert_eq!(port_base("65527"), Ok(65527));
        for text in ["0", "65528", "80 00", "-1", ""] {
            port_base(text).expect_err(text);
        }
    }
}
