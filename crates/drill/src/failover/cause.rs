//! What is done to whom: `kill primary`, `stop backup` and so on.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use wire::Mode;

use crate::roster::Who;

/// One cause of a fail-over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cause {
    /// Stopped (SIGSTOP), and not killed (kill -9).
    pub stopped: bool,
    /// Which backup, the longest-standing first; `None` for the primary.
    pub backup: Option<usize>,
}

impl Cause {
    /// All that a mode is measured by. Passive backups are all alike; active ones answer clients.
    #[must_use]
    pub fn all(mode: Mode, replicas: usize) -> Vec<Self> {
        let backups = replicas.saturating_sub(1);
        let backups = if mode == Mode::Active { backups } else { backups.min(1) };
        let whom = || [None].into_iter().chain((0..backups).map(Some));
        let one = |stopped| move |backup| Self { stopped, backup };
        whom().map(one(false)).chain(whom().map(one(true))).collect()
    }

    /// Whom, in the words of a drill.
    #[must_use]
    pub fn whom(self) -> Who {
        self.backup.map_or(Who::Primary, Who::Backup)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.stopped { "stop" } else { "kill" })?;
        match self.backup {
            None => f.write_str(" primary"),
            Some(0) => f.write_str(" backup"),
            Some(place) => write!(f, " backup{}", place + 1),
        }
    }
}

impl FromStr for Cause {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}`: a cause is `kill` or `stop`, and `primary`, `backup`, `backup2`");
        let (deed, whom) = text.split_once([' ', '-']).ok_or_else(wrong)?;
        let stopped = match deed {
            "kill" => false,
            "stop" => true,
            _ => return Err(wrong()),
        };
        let place = |text: &str| text.parse::<usize>().ok()?.checked_sub(1);
        let backup = match (whom, whom.strip_prefix("backup")) {
            ("primary", _) => None,
            (_, Some("")) => Some(0),
            (_, Some(number)) => Some(place(number).ok_or_else(wrong)?),
            _ => return Err(wrong()),
        };
        Ok(Self { stopped, backup })
    }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for mode in [Mode::Active, Mode::Passive] {
            for cause in Cause::all(mode, 4) {
                assert_eq!(cause.to_string().parse(), Ok(cause));
            }
        }
        assert_eq!("kill-backup2".parse(), Ok(Cause { stopped: false, backup: Some(1) }));
        for text in ["", "kill", "kill S1", "freeze primary", "kill backup0", "kill backups"] {
            assert!(text.parse::<Cause>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_active_backup_counts_and_one_passive_one_stands_for_all() {
        let names = |mode, replicas| -> Vec<String> {
            Cause::all(mode, replicas).iter().map(Cause::to_string).collect()
        };
        let passive = ["kill primary", "kill backup", "stop primary", "stop backup"];
        assert_eq!(names(Mode::Passive, 3), passive);
        assert_eq!(names(Mode::Active, 3).len(), 6);
        assert_eq!(names(Mode::Active, 2), passive);
    }
}
