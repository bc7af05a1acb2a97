//! The audit: what happened, as JSON lines, for drills and checkers.
//!
//! Guarantees: what an event says is in the file before anything that was sent in the same turn
//! leaves, so an answer that a client has seen is always audited; `at` is the machine's monotonic
//! clock in microseconds, so that lines of several processes can be compared.
//!
//! Not here: durability. The file survives the death of the process, not that of the machine.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use node::Event;
use node::ivy::{Ivy, Outcome};
use wire::{NodeName, View};

use crate::clock::machine_micros;

/// The audit of one process; without a file it costs nothing.
pub(crate) struct Audit {
    who: NodeName,
    file: Option<File>,
    lines: Vec<u8>,
}

impl Audit {
    /// Opens the file for appending, if there is one.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open(who: NodeName, path: Option<&Path>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().append(true).create(true).open(path);
        Ok(Self { who, file: path.map(open).transpose()?, lines: Vec::new() })
    }

    /// Keeps an event for the end of the turn.
    pub(crate) fn note(&mut self, event: &Event) {
        if self.file.is_none() {
            return;
        }
        let mut line = Line(std::mem::take(&mut self.lines));
        let before = line.0.len();
        line.0.extend_from_slice(b"{\"at\":");
        line.plain(machine_micros()).text("who", self.who);
        let complete = match event {
            Event::Ivy(said) => ivy(said, &mut line),
            event => replication(event, &mut line) || surroundings(event, &mut line),
        };
        self.lines = line.0;
        if complete {
            self.lines.extend_from_slice(b"}\n");
        } else {
            self.lines.truncate(before);
        }
    }

    /// Writes what was noted.
    ///
    /// # Errors
    /// When the file does not take it; what was noted is lost.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let written = self.file.as_mut().map_or(Ok(()), |file| file.write_all(&self.lines));
        self.lines.clear();
        written
    }
}

/// One JSON object that is being written.
struct Line(Vec<u8>);

impl Line {
    fn plain(&mut self, value: impl Display) -> &mut Self {
        // Writing to a `Vec` does not fail.
        let _ = write!(self.0, "{value}");
        self
    }

    fn quoted(&mut self, value: &str) -> &mut Self {
        // Neither does this: it is a string, and it goes to a `Vec`.
        let _ = serde_json::to_writer(&mut self.0, value);
        self
    }

    fn key(&mut self, key: &str) -> &mut Self {
        self.plain(format_args!(",\"{key}\":"))
    }

    fn number(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.key(key).plain(value)
    }

    fn text(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.key(key).quoted(&value.to_string())
    }

    fn bytes(&mut self, key: &str, value: &[u8]) -> &mut Self {
        self.key(key).quoted(&String::from_utf8_lossy(value))
    }

    fn event(&mut self, name: &str) -> &mut Self {
        self.text("event", name)
    }

    fn names(&mut self, key: &str, names: impl Iterator<Item = impl Display>) -> &mut Self {
        self.key(key).plain("[");
        for (place, name) in names.enumerate() {
            self.plain(if place > 0 { "," } else { "" }).quoted(&name.to_string());
        }
        self.plain("]")
    }

    fn view(&mut self, view: &View) -> &mut Self {
        self.number("epoch", view.epoch)
            .text("mode", view.mode)
            .text("primary", view.primary)
            .names("members", view.members.iter().map(|member| member.name))
    }
}

/// What was ordered, executed and answered, and under which views. False if it is none of that.
fn replication(event: &Event, line: &mut Line) -> bool {
    match event {
        Event::Executed { sequence, client, session, number, effect, body } => line
            .event("executed")
            .number("sequence", sequence)
            .text("client", client)
            .number("session", session)
            .number("number", number)
            .number("effect", effect)
            .bytes("body", body),
        Event::DigestAt { sequence, digest } => {
            line.event("digest").number("sequence", sequence).text("digest", digest)
        }
        Event::Invoked { number, body } => {
            line.event("invoked").number("number", number).bytes("body", body)
        }
        Event::Answered { number, server, body } => line
            .event("answered")
            .number("number", number)
            .text("server", server)
            .bytes("body", body),
        Event::ViewMade { view, why } => line.event("view_made").view(view).text("why", why),
        Event::ViewAdopted { by, view } => line.event("view_adopted").text("by", by).view(view),
        Event::FencedOut { epoch, .. } => line.event("fenced").number("epoch", epoch),
        Event::TailCommitted { epoch, sequence } => {
            line.event("tail_committed").number("epoch", epoch).number("sequence", sequence)
        }
        Event::TailCut { last, entries } => {
            line.event("tail_cut").number("last", last).number("entries", entries)
        }
        Event::ClientTold { client, epoch } => {
            line.event("client_told").text("client", client).number("epoch", epoch)
        }
        Event::ClientSwitched { mode, servers } => {
            line.event("client_switched").text("mode", mode).names("servers", servers.iter())
        }
        Event::Suspected { by, suspect, epoch, why } => line
            .event("suspected")
            .text("by", by)
            .text("suspect", suspect)
            .number("epoch", epoch)
            .text("why", why.as_str()),
        Event::Diverged { server, sequence, expected, found } => line
            .event("diverged")
            .text("server", server)
            .number("sequence", sequence)
            .text("expected", expected)
            .text("found", found),
        _ => return false,
    };
    true
}

/// Membership, joining and processes. False if it is none of that.
fn surroundings(event: &Event, line: &mut Line) -> bool {
    match event {
        Event::RoleTaken { mode, role } => {
            line.event("role_taken").text("mode", mode).text("role", role)
        }
        Event::ServerReady => line.event("ready"),
        Event::ReplicaAdded { server, .. } => line.event("replica_added").text("server", server),
        Event::ReplicaDeleted { server, .. } => {
            line.event("replica_deleted").text("server", server)
        }
        Event::Members { members, .. } => line.event("members").names("members", members.iter()),
        Event::ServersDead => line.event("servers_dead"),
        Event::JoinStarted { donor, joiner, checkpoint, from } => line
            .event("join_started")
            .text("donor", donor)
            .text("joiner", joiner)
            .number("checkpoint", checkpoint)
            .number("from", from),
        Event::Joint { joiner, epoch } => {
            line.event("joint").text("joiner", joiner).number("epoch", epoch)
        }
        Event::JoinAbandoned { joiner, why } => {
            line.event("join_abandoned").text("joiner", joiner).text("why", why)
        }
        Event::CheckpointSent { count, to, .. } => {
            line.event("checkpoint_sent").number("count", count).text("to", to)
        }
        Event::CheckpointReceived { count, from, .. } => {
            line.event("checkpoint_received").number("count", count).text("from", from)
        }
        Event::Recovered { from, sequence, .. } => {
            line.event("recovered").text("from", from).number("sequence", sequence)
        }
        Event::ServerLaunched { server, pid } => {
            line.event("server_launched").text("server", server).number("pid", pid)
        }
        Event::ServerAdopted { server, pid, incarnation } => line
            .event("server_adopted")
            .text("server", server)
            .number("pid", pid)
            .number("incarnation", incarnation),
        Event::ServerExited { server, how } => {
            line.event("server_exited").text("server", server).text("how", how)
        }
        Event::ServerSilent { server, gone } => {
            line.event("server_silent").text("server", server).text("gone", gone.as_str())
        }
        Event::ServerKilled { server, pid } => {
            line.event("server_killed").text("server", server).number("pid", pid)
        }
        Event::Dropped { what, count } => {
            line.event("dropped").text("what", what).number("count", count)
        }
        _ => return false,
    };
    true
}

/// Ivy's operations, messages and losses. False if it is none of that.
fn ivy(said: &Ivy, line: &mut Line) -> bool {
    match said {
        Ivy::Began { operation, want, page, contents } => line
            .event("ivy_began")
            .number("operation", operation)
            .text("want", format_args!("{want:?}"))
            .number("page", page)
            .bytes("contents", contents),
        Ivy::Ended { operation, page, outcome, local, micros } => {
            line.event("ivy_ended").number("operation", operation).number("page", page);
            line.number("local", local).number("micros", micros);
            match outcome {
                Outcome::Read(contents) => line.text("outcome", "read").bytes("contents", contents),
                Outcome::Written => line.text("outcome", "written"),
                Outcome::NeverWritten => line.text("outcome", "never"),
                Outcome::LostWith(with) => line.text("outcome", "lost").text("with", with),
            }
        }
        Ivy::Row { kind, from, to, page, requester } => line
            .event("ivy_sent")
            .text("kind", kind)
            .text("from", from)
            .text("to", to)
            .number("page", page)
            .text("requester", requester),
        Ivy::Done => line.event("ivy_done"),
        Ivy::ChangeCm { to, .. } => line.event("ivy_change_cm").text("to", to),
        Ivy::ImBack { manager, .. } => line.event("ivy_im_back").text("manager", manager),
        Ivy::Gone { process } => line.event("ivy_gone").text("process", process),
        Ivy::Lost { page, with } => line.event("ivy_lost").number("page", page).text("with", with),
        Ivy::Fenced { .. } => line.event("ivy_fenced"),
        Ivy::Attached { life, .. } => line.event("ivy_attached").number("life", life),
        Ivy::Entry { page, is_owner, access } => line
            .event("ivy_entry")
            .number("page", page)
            .number("owner", is_owner)
            .text("access", format_args!("{access:?}")),
        Ivy::Entries { .. } => line.event("ivy_entries"),
        Ivy::Worked { operations, local, micros, messages } => line
            .event("ivy_worked")
            .number("operations", operations)
            .number("local", local)
            .number("micros", micros)
            .number("messages", messages),
        _ => return false,
    };
    true
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::Value;
    use wire::{Digest, RequestNumber, Sequence, SessionId};

    use super::*;

    /// The audit of these events, as it stands in the file.
    fn audited(name: &str, events: &[Event]) -> Vec<Value> {
        let path = std::env::temp_dir().join(format!("chevron-{name}-{}", std::process::id()));
        let mut audit = Audit::open("S1".parse().expect("a name"), Some(&path)).expect("opened");
        for event in events {
            audit.note(event);
        }
        audit.write().expect("written");
        let text = std::fs::read_to_string(&path).expect("it is there");
        std::fs::remove_file(path).expect("it was there");
        text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
    }

    #[test]
    fn every_line_is_an_object_with_its_time_and_whatever_bytes_a_body_has() {
        let executed = Event::Executed {
            sequence: Sequence(5),
            client: "C1".parse().expect("a name"),
            session: SessionId(3),
            number: RequestNumber(1),
            effect: true,
            body: Bytes::from_static(b"a \"b\"\n\xff"),
        };
        let digest = Event::DigestAt { sequence: Sequence(5), digest: Digest(0xab) };
        let members = ["S1", "S2"].map(|name| name.parse().expect("a name")).to_vec();
        let members = Event::Members { by: "GFD".parse().expect("a name"), members };
        let info = Event::Info("is not audited".to_owned());
        let before = machine_micros();
        let mut lines = audited("audit", &[executed, info, digest, members]);
        for line in &mut lines {
            let at = line["at"].take().as_u64().expect("a number");
            assert!((before..=machine_micros()).contains(&at));
            line.as_object_mut().expect("an object").remove("at");
        }
        assert_eq!(
            lines,
            [
                serde_json::json!({"who": "S1", "event": "executed", "sequence": 5,
                    "client": "C1", "session": 3, "number": 1, "effect": true,
                    "body": "a \"b\"\n\u{fffd}"}),
                serde_json::json!({"who": "S1", "event": "digest", "sequence": 5,
                    "digest": "00000000000000ab"}),
                serde_json::json!({"who": "S1", "event": "members", "members": ["S1", "S2"]}),
            ]
        );
    }
}
