//! Audit files: what the processes did, as one JSON object per line, and how a drill reads them.
//!
//! A [`Record`] is one line with the moment and the process; a [`Tail`] reads a file that is being
//! written and gives every whole line exactly once. Processes write a record before they let anyone
//! see its effect, so a reply that a client has is always explained by some server's file.
//!
//! Not here: what the records mean together; see `picture`, `phases` and `checks`.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use serde::Deserialize;

use crate::ivy::said::Ivy;
use wire::NodeName;

/// A view, as an audit record tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewSeen {
    /// When it was made.
    pub at: u64,
    /// Its number.
    pub epoch: u64,
    /// `active` or `passive`; empty where the record does not say it.
    pub mode: String,
    /// Who orders requests.
    pub primary: NodeName,
    /// All members.
    pub members: Vec<NodeName>,
}

/// An entry of the log that a server executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// Its place in the log.
    pub sequence: u64,
    /// Whose request.
    pub client: NodeName,
    /// In which session.
    pub session: u64,
    /// Under which number.
    pub number: u64,
    /// False for a repetition, which only gets its first reply again.
    pub effect: bool,
    /// The request.
    pub body: String,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A server executed an entry.
    Executed(Executed),
    /// A server's digest after an entry.
    Digest {
        /// The entry.
        sequence: u64,
        /// The digest, in hexadecimal digits.
        digest: String,
    },
    /// A client sent a request for the first time.
    Invoked {
        /// Its number.
        number: u64,
        /// The request.
        body: String,
    },
    /// A client's request was answered for the first time.
    Answered {
        /// Its number.
        number: u64,
        /// Who answered.
        server: NodeName,
        /// The reply.
        body: String,
    },
    /// The RM made a view.
    ViewMade(ViewSeen),
    /// A server adopted a view.
    ViewAdopted(ViewSeen),
    /// An LFD's server is dead or silent.
    Deleted(NodeName),
    /// An LFD's server is alive.
    Added(NodeName),
    /// The GFD or the RM counts its members anew.
    Members(Vec<NodeName>),
    /// A server is ready.
    Ready,
    /// A server learnt that it is not in the current view.
    Fenced,
    /// A client asks other servers from now on.
    Switched,
    /// An LFD launched its server, or adopted the one that ran.
    Running {
        /// The server.
        server: NodeName,
        /// Its process.
        pid: i32,
        /// True for a process that ran before.
        adopted: bool,
    },
    /// An LFD saw its server end.
    Exited {
        /// The server.
        server: NodeName,
        /// How.
        how: String,
    },
    /// An LFD ended its server.
    Killed(NodeName),
    /// A primary begins to send a checkpoint of this number.
    CheckpointSent(u64),
    /// A backup has taken the checkpoint of this number over.
    CheckpointReceived(u64),
    /// An LFD's server did not answer in time.
    Silent(NodeName),
    /// A server complains of another one, or the RM hears such a complaint.
    Suspected(NodeName),
    /// A primary has committed in this epoch all that was under way before it.
    TailCommitted(u64),
    /// A digest differed.
    Diverged(NodeName),
    /// Something that Ivy says.
    Ivy(Ivy),
    /// Anything else, by its name.
    Other(String),
}

/// One line of an audit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Microseconds of CLOCK_MONOTONIC.
    pub at: u64,
    /// Which process.
    pub who: NodeName,
    /// What it did.
    pub what: What,
}

/// Every field that any event has; which ones an event needs is said in [`Record::parse`].
#[derive(Deserialize)]
struct Raw {
    at: u64,
    who: String,
    event: String,
    #[serde(default)]
    sequence: Option<u64>,
    #[serde(default)]
    client: Option<String>,
    #[serde(default)]
    session: Option<u64>,
    #[serde(default)]
    number: Option<u64>,
    #[serde(default)]
    effect: Option<bool>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    server: Option<String>,
    #[serde(default)]
    epoch: Option<u64>,
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    primary: Option<String>,
    #[serde(default)]
    members: Option<Vec<String>>,
    #[serde(default)]
    pid: Option<i32>,
    #[serde(default)]
    how: Option<String>,
    #[serde(default)]
    suspect: Option<String>,
    #[serde(default)]
    count: Option<u64>,
    /// The fields of Ivy's events.
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

impl Record {
    /// Reads one line.
    ///
    /// # Errors
    /// What is wrong with it: no JSON object, or a field that its event needs is missing.
    pub fn parse(line: &str) -> Result<Self, String> {
        let raw: Raw = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let (at, who) = (raw.at, name(&raw.who)?);
        Ok(Self { at, who, what: What::from_raw(raw)? })
    }
}

impl What {
    fn from_raw(raw: Raw) -> Result<Self, String> {
        let event = raw.event.clone();
        let need = |field: &str| format!("`{event}` has no usable `{field}`");
        let server = || raw.server.as_deref().ok_or_else(|| need("server")).and_then(name);
        let number = || raw.number.ok_or_else(|| need("number"));
        Ok(match raw.event.as_str() {
            "executed" => Self::Executed(Executed {
                sequence: raw.sequence.ok_or_else(|| need("sequence"))?,
                client: name(raw.client.as_deref().ok_or_else(|| need("client"))?)?,
                session: raw.session.ok_or_else(|| need("session"))?,
                number: number()?,
                effect: raw.effect.ok_or_else(|| need("effect"))?,
                body: raw.body.ok_or_else(|| need("body"))?,
            }),
            "digest" => Self::Digest {
                sequence: raw.sequence.ok_or_else(|| need("sequence"))?,
                digest: raw.digest.ok_or_else(|| need("digest"))?,
            },
            "invoked" => {
                Self::Invoked { number: number()?, body: raw.body.ok_or_else(|| need("body"))? }
            }
            "answered" => Self::Answered {
                number: number()?,
                server: server()?,
                body: raw.body.ok_or_else(|| need("body"))?,
            },
            "view_made" => Self::ViewMade(ViewSeen::from_raw(&raw)?),
            "view_adopted" => Self::ViewAdopted(ViewSeen::from_raw(&raw)?),
            "replica_deleted" => Self::Deleted(server()?),
            "replica_added" => Self::Added(server()?),
            "members" => Self::Members(names(raw.members.as_deref().unwrap_or_default())?),
            "ready" => Self::Ready,
            "fenced" => Self::Fenced,
            "client_switched" => Self::Switched,
            kind @ ("server_launched" | "server_adopted") => Self::Running {
                server: server()?,
                pid: raw.pid.filter(|pid| *pid > 1).ok_or_else(|| need("pid"))?,
                adopted: kind == "server_adopted",
            },
            "server_exited" => {
                Self::Exited { server: server()?, how: raw.how.ok_or_else(|| need("how"))? }
            }
            "server_killed" => Self::Killed(server()?),
            "checkpoint_sent" => Self::CheckpointSent(raw.count.ok_or_else(|| need("count"))?),
            "checkpoint_received" => {
                Self::CheckpointReceived(raw.count.ok_or_else(|| need("count"))?)
            }
            "server_silent" => Self::Silent(server()?),
            "suspected" => {
                let suspect = raw.suspect.as_deref().ok_or_else(|| need("suspect"));
                Self::Suspected(suspect.and_then(name)?)
            }
            "tail_committed" => Self::TailCommitted(raw.epoch.ok_or_else(|| need("epoch"))?),
            "diverged" => Self::Diverged(server()?),
            ivy if ivy.starts_with("ivy_") => {
                Self::Ivy(Ivy::from_raw(ivy, &raw.rest).ok_or_else(|| need("field of Ivy"))?)
            }
            _ => Self::Other(raw.event),
        })
    }
}

impl ViewSeen {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        let need = |field: &str| format!("`{}` has no usable `{field}`", raw.event);
        Ok(Self {
            at: raw.at,
            epoch: raw.epoch.ok_or_else(|| need("epoch"))?,
            mode: raw.mode.clone().unwrap_or_default(),
            primary: name(raw.primary.as_deref().ok_or_else(|| need("primary"))?)?,
            members: names(raw.members.as_deref().ok_or_else(|| need("members"))?)?,
        })
    }
}

/// A name; a member may be written as on the wire, `S1/INCARNATION/ADDRESS`.
fn name(text: &str) -> Result<NodeName, String> {
    let text = text.split('/').next().unwrap_or_default();
    text.parse().map_err(|error| format!("{text:?}: {error}"))
}

fn names(texts: &[String]) -> Result<Vec<NodeName>, String> {
    texts.iter().map(|text| name(text)).collect()
}

/// Reads an audit file while it is written.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    file: Option<File>,
    partial: Vec<u8>,
    /// Lines that could not be read, the first one with the reason.
    garbled: Vec<String>,
}

impl Tail {
    /// A reader from the beginning of a file that need not exist yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, partial: Vec::new(), garbled: Vec::new() }
    }

    /// Appends every line that is whole by now.
    ///
    /// # Errors
    /// When the file exists and cannot be read.
    pub fn read(&mut self, records: &mut Vec<Record>) -> io::Result<()> {
        if self.file.is_none() {
            match File::open(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        if file.read_to_end(&mut self.partial)? == 0 {
            return Ok(());
        }
        let Some(end) = self.partial.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        let rest = self.partial.split_off(end + 1);
        let whole = std::mem::replace(&mut self.partial, rest);
        for line in String::from_utf8_lossy(&whole).lines() {
            self.take(line, records);
        }
        Ok(())
    }

    /// Lines that could not be read, each with the reason.
    #[must_use]
    pub fn garbled(&self) -> &[String] {
        &self.garbled
    }

    fn take(&mut self, line: &str, records: &mut Vec<Record>) {
        if line.is_empty() {
            return;
        }
        match Record::parse(line) {
            Ok(record) => records.push(record),
            // A process that was killed while it wrote leaves half a line, and its next run
            // appends to it. Nobody saw the effect of the half: records are written first.
            Err(error) => match line.rfind("{\"at\":").filter(|start| *start > 0) {
                Some(start) => self.take(&line[start..], records),
                None => self.garbled.push(format!("{}: {error}: {line}", self.path.display())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn every_record_of_the_format_is_read() {
        let executed = Record::parse(
            r#"{"at":123,"who":"S1","event":"executed","sequence":5,"client":"C1","session":3,"number":1,"effect":true,"body":"hello_world1"}"#,
        )
        .unwrap();
        assert_eq!(executed.at, 123);
        let What::Executed(entry) = executed.what else { panic!("{executed:?}") };
        assert_eq!((entry.sequence, entry.session, entry.effect), (5, 3, true));

        let view = Record::parse(
            r#"{"at":9,"who":"RM","event":"view_made","epoch":4,"primary":"S2","members":["S2/77/127.0.0.102:8000","S3"],"why":"S1 is dead"}"#,
        )
        .unwrap();
        let What::ViewMade(view) = view.what else { panic!("{view:?}") };
        assert_eq!(view.members, [name("S2").unwrap(), name("S3").unwrap()]);

        let other = Record::parse(r#"{"at":9,"who":"RM","event":"new_thing","x":1}"#).unwrap();
        assert_eq!(other.what, What::Other("new_thing".into()));
    }

    #[test]
    fn a_missing_field_is_said() {
        let error = Record::parse(r#"{"at":9,"who":"S1","event":"digest","sequence":3}"#);
        assert_eq!(error, Err("`digest` has no usable `digest`".into()));
        // 0 and 1 would be signals to a process group and to init.
        let line = r#"{"at":9,"who":"LFD1","event":"server_launched","server":"S1","pid":1}"#;
        assert!(Record::parse(line).is_err());
    }

    #[test]
    fn a_tail_gives_each_line_once_and_waits_for_the_end_of_a_line() {
        let dir = std::env::temp_dir().join(format!("chevron-tail-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("S1.audit");
        let mut tail = Tail::new(path.clone());
        let mut records = Vec::new();
        tail.read(&mut records).unwrap();
        assert!(records.is_empty());

        let mut file = File::create(&path).unwrap();
        file.write_all(b"{\"at\":1,\"who\":\"S1\",\"event\":\"ready\"}\n{\"at\":2,\"wh").unwrap();
        tail.read(&mut records).unwrap();
        assert_eq!(records.len(), 1);
        file.write_all(b"o\":\"S1\",\"event\":\"fenced\"}\n").unwrap();
        tail.read(&mut records).unwrap();
        assert_eq!(records[1].what, What::Fenced);

        // A kill in the middle of a record, and the next run appends.
        file.write_all(b"{\"at\":3,\"who\":\"S1\",\"ev{\"at\":4,\"who\":\"S1\",\"event\":\"ready\"}\nrubbish\n")
            .unwrap();
        tail.read(&mut records).unwrap();
        assert_eq!((records.len(), records[2].at), (3, 4));
        assert_eq!(tail.garbled().len(), 1);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
