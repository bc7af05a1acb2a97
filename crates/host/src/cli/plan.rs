//! What a process is going to use, layer over layer: argument > `CHEVRON_*` variable > cluster file >
//! default; and where each value comes from, so that `--check` can say it.
//!
//! Mechanism: clap reads arguments and variables (in that order) into `Option`s and defaults nothing;
//! [`Plan::pick`] puts the file and the default under them.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;
use clap::ArgMatches;
use clap::parser::ValueSource;
use rustix::fs::{Access, access};
use rustix::io::Errno;

use wire::ports::DEFAULT_BASE;
use wire::{DEFAULT_FRAME_LIMIT, NodeName};

use super::{Common, FileError};
use crate::cluster::{ClusterFile, heartbeat_timeout};
use crate::state::{self, Lock};
use crate::{Error, Settings, console};

/// The decisions of one process.
#[derive(Debug)]
pub struct Plan {
    /// The options that all roles share, as given.
    pub common: Common,
    file: ClusterFile,
    matches: ArgMatches,
    chosen: Vec<Chosen>,
    locks: Vec<Lock>,
}

/// One decision.
#[derive(Debug)]
struct Chosen {
    what: String,
    value: String,
    origin: String,
}

impl Plan {
    /// Reads the cluster file, if one is named.
    ///
    /// # Errors
    /// [`FileError`] when the file cannot be used.
    pub(super) fn new(common: Common, matches: ArgMatches) -> Result<Self, FileError> {
        let file = common.cluster.as_deref().map(ClusterFile::load).transpose()?;
        Ok(Self {
            common,
            file: file.unwrap_or_default(),
            matches,
            chosen: Vec::new(),
            locks: Vec::new(),
        })
    }

    /// Whether everything is only to be validated: nothing is created, locked or opened.
    #[must_use]
    pub const fn check(&self) -> bool {
        self.common.check
    }

    /// Decides a setting that has a default. `id` is the name of the argument's field.
    pub fn pick<T: fmt::Debug>(
        &mut self,
        id: &str,
        argument: Option<T>,
        file: impl FnOnce(&ClusterFile) -> Option<T>,
        default: T,
    ) -> T {
        let (value, origin) = self.layers(id, argument, file);
        let value = value.unwrap_or(default);
        self.chosen(id, format!("{value:?}"), origin);
        value
    }

    /// Decides a setting that may stay open.
    pub fn pick_any<T: fmt::Debug>(
        &mut self,
        id: &str,
        argument: Option<T>,
        file: impl FnOnce(&ClusterFile) -> Option<T>,
    ) -> Option<T> {
        let (value, origin) = self.layers(id, argument, file);
        let shown = value.as_ref().map_or("none".into(), |value| format!("{value:?}"));
        self.chosen(id, shown, origin);
        value
    }

    /// Records a decision that has no layers, for `--check`.
    pub fn note(&mut self, what: &str, value: impl fmt::Display) {
        self.chosen(what, value.to_string(), String::new());
    }

    fn layers<T>(
        &self,
        id: &str,
        argument: Option<T>,
        file: impl FnOnce(&ClusterFile) -> Option<T>,
    ) -> (Option<T>, String) {
        if let Some(value) = argument {
            let variable = self.matches.value_source(id) == Some(ValueSource::EnvVariable);
            let origin = if variable { super::variable(id) } else { "argument".into() };
            return (Some(value), origin);
        }
        match (file(&self.file), &self.common.cluster) {
            (Some(value), Some(path)) => (Some(value), path.display().to_string()),
            _ => (None, "default".into()),
        }
    }

    fn chosen(&mut self, id: &str, value: String, origin: String) {
        self.chosen.push(Chosen { what: id.replace('_', "-"), value, origin });
    }

    /// Decides the port base.
    pub fn base(&mut self) -> u16 {
        self.pick("port_base", self.common.port_base, |file| file.port_base, DEFAULT_BASE)
    }

    /// Decides how long a peer may be silent that gets a heartbeat each `period`.
    ///
    /// # Errors
    /// When that is shorter than the period: then everybody would be accused.
    pub fn heartbeat_timeout(
        &mut self,
        period: Duration,
        argument: Option<Duration>,
    ) -> anyhow::Result<Duration> {
        let default = heartbeat_timeout(period);
        let timeout =
            self.pick("heartbeat_timeout", argument, |file| file.heartbeat_timeout, default);
        ensure!(
            timeout > period,
            "the heartbeat timeout, {timeout:?}, has to be longer than the time from one heartbeat \
             to the next, {period:?}: change --heartbeat-timeout, CHEVRON_HEARTBEAT_TIMEOUT or \
             heartbeat_timeout in the --cluster file"
        );
        Ok(timeout)
    }

    /// Decides the state directory, and makes sure that it can be used.
    ///
    /// # Errors
    /// When no place is known, or it cannot be made or written.
    pub fn state_dir(&mut self) -> Result<PathBuf, Error> {
        let given = self.common.state_dir.clone();
        let (dir, origin) = match self.layers("state_dir", given, |file| file.state_dir.clone()) {
            (Some(dir), origin) => (dir, origin),
            (None, origin) => (state::default_dir()?, origin),
        };
        self.chosen("state_dir", dir.display().to_string(), origin);
        if self.check() {
            could_be_written(&dir)
                .map_err(|source| Error::StateDir { path: dir.clone(), source })?;
        } else {
            state::create_dir(&dir)?;
        }
        Ok(dir)
    }

    /// Takes the lock of this name in the state directory, until the plan ends.
    ///
    /// # Errors
    /// When another process holds it, or the directory cannot be used.
    pub fn lock(&mut self, dir: &Path, name: &str) -> Result<(), Error> {
        if !self.check() {
            self.locks.push(state::lock(dir, name)?);
        }
        Ok(())
    }

    /// The settings that all roles have. `ip` is this machine's own address, and `doors` are the
    /// ports that it listens on, as offsets from `base`.
    pub fn settings(
        &mut self,
        name: NodeName,
        ip: Option<IpAddr>,
        base: u16,
        doors: &[u16],
    ) -> Settings {
        let listen = |ip| doors.iter().map(move |door| SocketAddr::new(ip, base + door));
        let listen: Vec<SocketAddr> = ip.into_iter().flat_map(listen).collect();
        let shown: Vec<String> = listen.iter().map(SocketAddr::to_string).collect();
        self.note("listen", if shown.is_empty() { "nowhere".into() } else { shown.join(" ") });
        let limit = self.common.frame_limit;
        let frame_limit =
            self.pick("frame_limit", limit, |file| file.frame_limit, DEFAULT_FRAME_LIMIT);
        let common = &self.common;
        Settings {
            bind: ip,
            base,
            listen,
            frame_limit,
            console: console::Settings {
                quiet: common.quiet,
                verbose: common.verbose,
                color: common.color.unwrap_or(clap::ColorChoice::Auto),
            },
            audit: common.audit.clone(),
            tune: common.cluster.clone(),
            ..Settings::new(name)
        }
    }
}

/// Whether a directory could be made and written, without making it: the part of its path that is
/// there decides.
fn could_be_written(dir: &Path) -> io::Result<()> {
    let whole = std::path::absolute(dir)?;
    for part in whole.ancestors() {
        match access(part, Access::WRITE_OK | Access::EXEC_OK) {
            Err(Errno::NOENT) => {}
            Ok(()) if !part.is_dir() => return Err(Errno::NOTDIR.into()),
            other => return Ok(other?),
        }
    }
    Ok(())
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wide = self.chosen.iter().map(|c| c.what.len()).max().unwrap_or(0);
        for Chosen { what, value, origin } in &self.chosen {
            let origin = if origin.is_empty() { String::new() } else { format!("  ({origin})") };
            writeln!(f, "  {what:wide$}  {value}{origin}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;

    /// A plan from arguments and a file that says `port_base = 9000`.
    fn plan(name: &str, arguments: &[&str]) -> Plan {
        let file = std::env::temp_dir().join(format!("chevron-{}-{name}", std::process::id()));
        std::fs::write(&file, "port_base = 9000\nack_timeout = \"1s\"\n").expect("is written");
        let all = [&["p", "--cluster", file.to_str().expect("is text")], arguments].concat();
        let matches = Common::augment_args(Command::new("p")).get_matches_from(all);
        let common = Common::from_arg_matches(&matches).expect("has all arguments");
        let plan = Plan::new(common, matches).expect("the file is good");
        std::fs::remove_file(file).expect("was written");
        plan
    }

    fn base(plan: &mut Plan) -> u16 {
        plan.pick("port_base", plan.common.port_base, |file| file.port_base, 8000)
    }

    #[test]
    fn an_argument_goes_before_the_file() {
        let mut plan = plan("argument", &["--port-base", "7000"]);
        assert_eq!(base(&mut plan), 7000);
        assert_eq!(plan.to_string(), "  port-base  7000  (argument)\n");
    }

    #[test]
    fn the_file_goes_before_the_default() {
        let mut plan = plan("file", &[]);
        assert_eq!(base(&mut plan), 9000);
        assert!(plan.to_string().contains("9000  (/"), "{plan}");
    }

    #[test]
    fn what_nobody_says_is_the_default() {
        let mut plan = plan("default", &[]);
        let limit = plan.pick("frame_limit", None, |file| file.frame_limit, 65536);
        assert_eq!((limit, plan.to_string().contains("(default)")), (65536, true));
        assert_eq!(plan.pick_any("prefer", None, |file| file.prefer), None);
        let ack = plan.pick_any("ack_timeout", None, |file| file.ack_timeout);
        assert_eq!(ack, Some(Duration::from_secs(1)));
    }
}
