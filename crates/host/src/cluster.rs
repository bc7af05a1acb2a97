//! The file that a whole installation shares (`--cluster FILE`, `configs/cluster.toml`).
//!
//! Every key is optional; an argument or a `CHEVRON_*` variable goes before it, a default stands
//! behind it (see [`crate::cli::Plan`]). A key that does not exist is an error with its line and
//! column. On SIGHUP a running process reads the file again and takes over [`ClusterFile::tune`].
//!
//! Not here: the list of servers. Servers learn each other's addresses from the view.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use node::Tune;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use wire::ReplicaName;

use crate::cli::{FileError, frame_limit, load, period_field, port_base};

/// What stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterFile {
    /// The time from one heartbeat to the next; only read on SIGHUP by those (lfd, gfd) that have
    /// it as an argument.
    #[serde(deserialize_with = "period_field")]
    pub heartbeat: Option<Duration>,
    /// How long a peer may be silent before it is deleted.
    #[serde(deserialize_with = "period_field")]
    pub heartbeat_timeout: Option<Duration>,
    /// The time from one checkpoint to the next, for servers that an LFD launches.
    #[serde(deserialize_with = "period_field")]
    pub checkpoint: Option<Duration>,
    /// How late a backup may acknowledge before the primary complains of it (R14).
    #[serde(deserialize_with = "period_field")]
    pub ack_timeout: Option<Duration>,
    /// The first port of the port plan.
    #[serde(deserialize_with = "base_field")]
    pub port_base: Option<u16>,
    /// The longest frame, in bytes.
    #[serde(deserialize_with = "limit_field")]
    pub frame_limit: Option<usize>,
    /// Where what must survive a restart is kept.
    pub state_dir: Option<PathBuf>,
    /// The primary that the RM gives control back to (R11).
    #[serde(deserialize_with = "name_field")]
    pub prefer: Option<ReplicaName>,
    /// The RM's address for the GFD.
    pub rm: Option<SocketAddr>,
}

impl ClusterFile {
    /// Reads the file.
    ///
    /// # Errors
    /// [`FileError`], with line and column, when it cannot be used.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        load(path)
    }

    /// What a running process takes over on SIGHUP. A period without a timeout brings the default
    /// timeout of that period with it: an older, shorter one would accuse the innocent.
    #[must_use]
    pub fn tune(&self) -> Tune {
        Tune {
            heartbeat_period: self.heartbeat,
            heartbeat_timeout: self
                .heartbeat_timeout
                .or_else(|| self.heartbeat.map(heartbeat_timeout)),
            checkpoint_period: self.checkpoint,
        }
    }
}

/// How long a peer may be silent when nobody said it: the larger of two periods and one second. A
/// busy two-core machine is late by up to 600 ms, so a shorter one accuses the innocent (R14).
#[must_use]
pub fn heartbeat_timeout(period: Duration) -> Duration {
    period.saturating_mul(2).max(Duration::from_secs(1))
}

fn base_field<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    let number = i64::deserialize(from)?;
    port_base(&number.to_string()).map(Some).map_err(D::Error::custom)
}

fn limit_field<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    let number = i64::deserialize(from)?;
    frame_limit(&number.to_string()).map(Some).map_err(D::Error::custom)
}

fn name_field<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ReplicaName>, D::Error> {
    String::deserialize(from)?.parse().map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse_file;

    fn parse(text: &str) -> Result<ClusterFile, String> {
        parse_file(Path::new("cluster.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_is_read() {
        let text = "heartbeat = 0.5\nheartbeat_timeout = \"3s\"\ncheckpoint = 10\n\
            ack_timeout = \"250ms\"\nport_base = 9000\nframe_limit = 4096\n\
            state_dir = \"/var/lib/chevron\"\nprefer = \"S1\"\nrm = \"127.0.0.110:8003\"\n";
        let expected = ClusterFile {
            heartbeat: Some(Duration::from_millis(500)),
            heartbeat_timeout: Some(Duration::from_secs(3)),
            checkpoint: Some(Duration::from_secs(10)),
            ack_timeout: Some(Duration::from_millis(250)),
            port_base: Some(9000),
            frame_limit: Some(4096),
            state_dir: Some("/var/lib/chevron".into()),
            prefer: Some("S1".parse().expect("a name")),
            rm: Some("127.0.0.110:8003".parse().expect("an address")),
        };
        assert_eq!(parse(text), Ok(expected));
        assert_eq!(parse(""), Ok(ClusterFile::default()));
    }

    #[test]
    fn what_has_no_place_is_refused_with_its_place() {
        for (text, complaint) in [
            ("\nhartbeat = 1", "cluster.toml:2:1: unknown field `hartbeat`"),
            ("heartbeat = 0", "cluster.toml:1:13: `0` is too short for a period"),
            ("heartbeat = \"soon\"", "cluster.toml:1:13: `soon` is no duration"),
            ("heartbeat = true", "cluster.toml:1:13: a duration: seconds as a number"),
            ("port_base = 65530", "cluster.toml:1:13: `65530` is no port base"),
            ("frame_limit = 10", "cluster.toml:1:15: `10` is no frame limit"),
            ("prefer = \"S 1\"", "cluster.toml:1:10: a name is made of"),
            ("rm = \"manager\"", "cluster.toml:1:6: invalid socket address"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.starts_with(complaint), "{error}");
        }
    }

    #[test]
    fn a_new_period_brings_its_timeout_with_it() {
        let slow = parse("heartbeat = 5").expect("good").tune();
        assert_eq!(slow.heartbeat_timeout, Some(Duration::from_secs(10)));
        let both = parse("heartbeat = 5\nheartbeat_timeout = 30").expect("good").tune();
        assert_eq!(both.heartbeat_timeout, Some(Duration::from_secs(30)));
        assert_eq!(parse("checkpoint = 1").expect("good").tune().heartbeat_timeout, None);
    }

    #[test]
    fn the_default_timeout_is_two_periods_but_at_least_a_second() {
        let timeouts = [100, 500, 10_000].map(|ms| heartbeat_timeout(Duration::from_millis(ms)));
        assert_eq!(timeouts.map(|t| t.as_millis()), [1000, 1000, 20_000]);
    }
}
