//! What survives a restart of the Replication Manager (R13), as a TOML text.
//!
//! Guarantees: what was written is read back as it was; a record that is damaged, inconsistent or of
//! a later version is refused with a reason, and never half believed.
//!
//! Not here: files. The host writes, syncs and renames.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use wire::{ClusterId, Epoch, Incarnation, Member, ReplicaName, View};

use crate::facts::HIGHEST_EPOCH;

/// The version of the format.
const VERSION: u32 = 1;

/// Why a record cannot be used. The file is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is no TOML, or not of this shape.
    #[error("the record of the view cannot be read")]
    Format(#[from] toml::de::Error),
    /// It was written by another version.
    #[error("the record of the view has version {0}, this program reads version {VERSION}")]
    Version(u32),
    /// It contradicts itself.
    #[error("the record of the view is damaged: {0}")]
    Content(String),
}

/// What is persisted: the view, and what must be known of the past to use it safely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The last view.
    pub view: View,
    /// Clusters whose state was given up or lost.
    pub retired: Vec<ClusterId>,
    /// Runs whose state diverged.
    pub condemned: BTreeMap<ReplicaName, Incarnation>,
}

/// The shape of the text. Ids are strings: they use all 64 bits, which TOML's integers do not.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: u32,
    cluster: String,
    epoch: u64,
    mode: String,
    primary: String,
    retired: Vec<String>,
    members: Vec<MemberText>,
    condemned: Vec<RunText>,
    end: End,
}

/// The last lines of the text: without them it was cut off, and members may be missing.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    complete: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberText {
    name: String,
    incarnation: String,
    address: SocketAddr,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunText {
    name: String,
    incarnation: String,
}

/// Read first, so that a later version is named as such and not as a wrong shape.
#[derive(Deserialize)]
struct VersionText {
    version: u32,
}

impl Record {
    /// The text that is persisted.
    #[must_use]
    pub fn to_text(&self) -> String {
        let member = |m: &Member| MemberText {
            name: m.name.to_string(),
            incarnation: m.incarnation.to_string(),
            address: m.address,
        };
        let run = |(name, run): (&ReplicaName, &Incarnation)| RunText {
            name: name.to_string(),
            incarnation: run.to_string(),
        };
        let text = Text {
            version: VERSION,
            cluster: self.view.cluster.to_string(),
            epoch: self.view.epoch.0,
            mode: self.view.mode.to_string(),
            primary: self.view.primary.to_string(),
            retired: self.retired.iter().map(ClusterId::to_string).collect(),
            members: self.view.members.iter().map(member).collect(),
            condemned: self.condemned.iter().map(run).collect(),
            end: End { complete: true },
        };
        // Strings, lists and an epoch below 2^62 always have a TOML form.
        toml::to_string(&text).expect("a record has a TOML form")
    }

    /// Reads what [`Record::to_text`] wrote.
    ///
    /// # Errors
    /// [`RecordError`] when it is damaged or of another version; nothing of it may be used then.
    pub fn from_text(text: &str) -> Result<Self, RecordError> {
        let version = toml::from_str::<VersionText>(text)?.version;
        if version != VERSION {
            return Err(RecordError::Version(version));
        }
        let text: Text = toml::from_str(text)?;
        if !text.end.complete {
            return Err(RecordError::Content("it says that it is not complete".to_owned()));
        }
        let mut members = Vec::new();
        for member in &text.members {
            members.push(Member {
                name: read("a member's name", &member.name)?,
                incarnation: Incarnation(read("an incarnation", &member.incarnation)?),
                address: member.address,
            });
        }
        let view = View {
            cluster: ClusterId(read("the cluster", &text.cluster)?),
            epoch: Epoch(text.epoch),
            mode: read("the mode", &text.mode)?,
            primary: read("the primary", &text.primary)?,
            members,
        };
        check(&view)?;
        let mut retired = Vec::new();
        for cluster in &text.retired {
            retired.push(ClusterId(read("a retired cluster", cluster)?));
        }
        let mut condemned = BTreeMap::new();
        for run in &text.condemned {
            let incarnation = Incarnation(read("a condemned incarnation", &run.incarnation)?);
            condemned.insert(read("a condemned name", &run.name)?, incarnation);
        }
        Ok(Self { view, retired, condemned })
    }
}

fn read<T>(what: &str, text: &str) -> Result<T, RecordError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|e| RecordError::Content(format!("{what}, `{text}`: {e}")))
}

fn check(view: &View) -> Result<(), RecordError> {
    let names: BTreeSet<ReplicaName> = view.members.iter().map(|m| m.name).collect();
    let fault = if view.cluster == ClusterId(0) {
        "the cluster is 0"
    } else if view.epoch == Epoch(0) || view.epoch > HIGHEST_EPOCH {
        "the epoch is out of range"
    } else if names.len() != view.members.len() {
        "a member is named twice"
    } else if !names.contains(&view.primary) {
        "the primary is not a member"
    } else {
        return Ok(());
    };
    Err(RecordError::Content(fault.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Mode;

    fn record() -> Record {
        let member = |name: &str, incarnation| Member {
            name: name.parse().unwrap(),
            incarnation: Incarnation(incarnation),
            address: ([127, 0, 0, 1], 8000).into(),
        };
        Record {
            view: View {
                cluster: ClusterId(u64::MAX),
                epoch: Epoch(7),
                mode: Mode::Passive,
                primary: "S2".parse().unwrap(),
                members: vec![member("S2", u64::MAX), member("S1", 1)],
            },
            retired: vec![ClusterId(4), ClusterId(5)],
            condemned: BTreeMap::from([("S3".parse().unwrap(), Incarnation(9))]),
        }
    }

    fn refused(text: &str) -> String {
        Record::from_text(text).expect_err("it must be refused").to_string()
    }

    #[test]
    fn what_was_written_is_read_back() {
        let text = record().to_text();
        assert_eq!(Record::from_text(&text).unwrap(), record(), "{text}");
    }

    #[test]
    fn no_prefix_of_a_record_is_believed() {
        let text = record().to_text();
        let believed: Vec<usize> =
            (0..text.len()).filter(|end| Record::from_text(&text[..*end]).is_ok()).collect();
        assert!(believed.iter().all(|end| text[*end..].trim().is_empty()), "{believed:?}");
    }

    #[test]
    fn a_later_version_is_named_as_such() {
        let text = record().to_text().replace("version = 1", "version = 2\nterm = 3");
        assert_eq!(
            refused(&text),
            "the record of the view has version 2, this program reads version 1"
        );
    }

    #[test]
    fn contradictions_are_refused() {
        let text = record().to_text();
        for (from, to, complaint) in [
            ("primary = \"S2\"", "primary = \"S4\"", "the primary is not a member"),
            ("name = \"S1\"", "name = \"S2\"", "a member is named twice"),
            ("epoch = 7", "epoch = 0", "the epoch is out of range"),
            ("mode = \"passive\"", "mode = \"pasive\"", "the mode"),
        ] {
            assert!(text.contains(from), "{text}");
            let error = refused(&text.replace(from, to));
            assert!(error.contains(complaint), "{error}");
        }
    }
}
