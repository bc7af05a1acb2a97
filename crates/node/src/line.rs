//! How an event looks to a person: one line each, and the stream that it belongs to.
//!
//! The documents' lines are written here to the letter and nowhere else. Every event is exactly one
//! line, whatever a peer has put into it: control characters are escaped, and the state of a
//! service is cut where it would no longer fit a terminal.
//!
//! Not here: the time before a line, colours, and whether a line is printed at all; that is the
//! host's.

use std::fmt;

use wire::{Gone, ReplicaName};

use crate::event::{Event, Stream};

/// How much of a service's state is shown, in characters.
const SHOWN: usize = 64;

impl Event {
    /// Where its line belongs.
    #[must_use]
    pub const fn stream(&self) -> Stream {
        match self {
            Self::HeartbeatSent { .. }
            | Self::HeartbeatReceived { .. }
            | Self::CheckpointSent { .. }
            | Self::CheckpointReceived { .. }
            | Self::RequestSent { .. }
            | Self::ReplyReceived { .. }
            | Self::DuplicateDiscarded { .. }
            | Self::StateLine { .. }
            | Self::RoleTaken { .. }
            | Self::ServerReady
            | Self::ReplicaAdded { .. }
            | Self::ReplicaDeleted { .. }
            | Self::ServersDead => Stream::Timed,
            Self::Members { .. } => Stream::Plain,
            Self::Ivy(ivy) => ivy.stream(),
            Self::ViewMade { .. }
            | Self::ViewAdopted { .. }
            | Self::FencedOut { .. }
            | Self::EpochHeard { .. }
            | Self::Refused { .. }
            | Self::TailCommitted { .. }
            | Self::TailCut { .. }
            | Self::ClientSwitched { .. }
            | Self::Suspected { .. }
            | Self::StaleEpoch { .. }
            | Self::Diverged { .. }
            | Self::JoinStarted { .. }
            | Self::Joint { .. }
            | Self::JoinAbandoned { .. }
            | Self::Recovered { .. }
            | Self::ServerLaunched { .. }
            | Self::ServerAdopted { .. }
            | Self::ServerExited { .. }
            | Self::ServerSilent { .. }
            | Self::ServerKilled { .. }
            | Self::LaunchDelayed { .. }
            | Self::Load { .. }
            | Self::Rejected { .. }
            | Self::ErrorReceived { .. }
            | Self::Dropped { .. }
            | Self::Disconnected { .. }
            | Self::Warning(_)
            | Self::Info(_) => Stream::Diagnostic,
            Self::Executed { .. }
            | Self::DigestAt { .. }
            | Self::Invoked { .. }
            | Self::Answered { .. }
            | Self::ClientTold { .. }
            | Self::Connected { .. }
            | Self::Debug(_) => Stream::Detail,
        }
    }
}

/// The line, without the time before it and without its end.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeartbeatSent { count, from, to } => {
                write!(f, "[{count}] {from} sending heartbeat to {to}")
            }
            Self::HeartbeatReceived { count, by, from } => {
                write!(f, "[{count}] {by} receives heartbeat from {from}")
            }
            Self::CheckpointSent { count, state, from, to } => {
                write!(f, "[{count}] [{}] {from} sending checkpoint to {to}", State(state))
            }
            Self::CheckpointReceived { count, state, by, from } => {
                write!(f, "[{count}] [{}] {by} receives checkpoint from {from}", State(state))
            }
            Self::RequestSent { client, server, number } => {
                write!(f, "Sent <{client}, {server}, {number}, request>")
            }
            Self::ReplyReceived { client, server, number } => {
                write!(f, "Received <{client}, {server}, {number}, reply>")
            }
            Self::DuplicateDiscarded { number, server } => {
                write!(f, "request_num {number}: Discarded duplicate reply from {server}")
            }
            Self::StateLine { server, state, after, client, number } => {
                let (state, when) = (State(state), if *after { "after" } else { "before" });
                write!(f, "my_state_{server} = {state} {when} processing ")?;
                write!(f, "<{client}, {server}, {number}, request>")
            }
            Self::RoleTaken { mode, role } => write!(f, "[{mode}] [{role}]"),
            Self::ServerReady => f.write_str("Server is ready"),
            Self::ReplicaAdded { by, server } => write!(f, "{by}: add replica {server}"),
            Self::ReplicaDeleted { by, server } => write!(f, "{by}: delete replica {server}"),
            Self::Members { by, members } => {
                let separator = if members.is_empty() { "" } else { ": " };
                write!(f, "{by}: {} members{separator}{}", members.len(), Names(members))
            }
            Self::ServersDead => f.write_str("servers are dead"),
            Self::Ivy(ivy) => fmt::Display::fmt(ivy, f),
            other => view_line(other, f),
        }
    }
}

/// The lines about views; the others go on to [`process_line`].
fn view_line(event: &Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match event {
        Event::ViewMade { view, why } => write!(f, "made {view} ({})", Text(why)),
        Event::ViewAdopted { by, view } => write!(f, "{by} adopted {view}"),
        Event::FencedOut { by, epoch } => {
            write!(f, "{by} is fenced: not a member in epoch {epoch}, waits to be joined again")
        }
        Event::EpochHeard { by, epoch } => {
            write!(f, "{by} hears of epoch {epoch} and waits for its view")
        }
        Event::Refused { from, epoch, ours } => {
            write!(f, "refused {from}: it is in epoch {epoch}, we are in epoch {ours}")
        }
        Event::TailCommitted { epoch, sequence } => {
            write!(f, "epoch {epoch}: everything before it is committed, up to {sequence}")
        }
        Event::TailCut { last, entries } => {
            write!(f, "cut {entries} entries after {last}, none of which was ever executed")
        }
        Event::ClientTold { client, epoch } => write!(f, "told {client} of epoch {epoch}"),
        Event::ClientSwitched { mode, servers } => {
            write!(f, "{mode}: asking {} from now on", Names(servers))
        }
        Event::Suspected { by, suspect, epoch, why } => {
            write!(f, "{by} suspects {suspect} in epoch {epoch}: {}", why.as_str())
        }
        Event::StaleEpoch { what, from, epoch, ours } => {
            write!(f, "{what} of {from} refused: it is for epoch {epoch}, this is epoch {ours}")
        }
        Event::Diverged { server, sequence, expected, found } => {
            write!(f, "ALARM: the state of {server} differs after entry {sequence}: ")?;
            write!(f, "digest {found}, the others have {expected}")
        }
        Event::JoinStarted { donor, joiner, checkpoint, from } => {
            let what = if *checkpoint { "its checkpoint" } else { "the missing log only" };
            write!(f, "{donor} brings {joiner} up to date from entry {from}: {what}")
        }
        Event::Joint { joiner, epoch } => {
            write!(
                f,
                "{joiner} is caught up and required in epoch {epoch}; asking for a view with it"
            )
        }
        Event::JoinAbandoned { joiner, why } => {
            write!(f, "the join of {joiner} was given up: {}", Text(why))
        }
        Event::Recovered { by, from, sequence } => {
            write!(f, "{by} has the checkpoint of {from}, which stands at entry {sequence}")
        }
        other => process_line(other, f),
    }
}

/// The lines about processes and trouble. What is left is the audit, which is for programs: it
/// shows its fields as they are.
fn process_line(event: &Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match event {
        Event::ServerLaunched { server, pid } => write!(f, "launched {server}, process {pid}"),
        Event::ServerAdopted { server, pid, incarnation } => {
            write!(f, "adopted {server}, process {pid}, incarnation {incarnation}")
        }
        Event::ServerExited { server, how } => write!(f, "{server} ended: {}", Text(how)),
        Event::ServerSilent { server, gone } => {
            let why = match gone {
                Gone::Exited => "its process ended",
                Gone::Closed => "its connection is closed",
                Gone::Silent => "no answer in time, it may be alive",
            };
            write!(f, "{server} is silent: {why}")
        }
        Event::ServerKilled { server, pid } => write!(f, "killed {server}, process {pid}"),
        Event::LaunchDelayed { server, millis } => {
            write!(f, "{server} ended soon after its launch; launching it again in {millis} ms")
        }
        Event::Load { answered, per_second, median, p99, slowest, lost } => {
            write!(f, "{answered} answered, {per_second} per second, half within {median:?}, ")?;
            write!(f, "99% within {p99:?}, all within {slowest:?}")?;
            if *lost == 0 { Ok(()) } else { write!(f, ", {lost} lost") }
        }
        Event::Rejected { conn, code, text } => {
            write!(f, "closed connection {conn}: {}: {}", code.as_str(), Text(text))
        }
        Event::ErrorReceived { from, code, text } => {
            write!(f, "{from} says {}: {}", code.as_str(), Text(text))
        }
        Event::Dropped { what, count } => write!(f, "dropped {}, {count} in all", Text(what)),
        Event::Connected { to, address } => write!(f, "connected to {to} at {address}"),
        Event::Disconnected { from } => write!(f, "lost the connection to {from}"),
        Event::Warning(text) => write!(f, "warning: {}", Text(text)),
        Event::Info(text) | Event::Debug(text) => write!(f, "{}", Text(text)),
        audit => fmt::Debug::fmt(audit, f),
    }
}

/// Names with a comma and a blank between them.
struct Names<'a>(&'a [ReplicaName]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, name) in self.0.iter().enumerate() {
            write!(f, "{}{name}", if place > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

/// Text that may hold what a peer wrote: on one line, whatever it is.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(char::is_control) {
            let end = part.char_indices().next_back().filter(|(_, c)| c.is_control());
            let (plain, control) = part.split_at(end.map_or(part.len(), |(place, _)| place));
            write!(f, "{plain}{}", control.escape_default())?;
        }
        Ok(())
    }
}

/// A service's summary of its state: any bytes, as text, on one line, not longer than [`SHOWN`].
struct State<'a>(&'a [u8]);

impl fmt::Display for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A character has at most four bytes, so no more than these are looked at. A character that
        // this cuts comes after the last one shown.
        let seen = &self.0[..self.0.len().min(4 * (SHOWN + 1))];
        let text = String::from_utf8_lossy(seen);
        match text.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{}…", Text(&text[..end])),
            None => write!(f, "{}", Text(&text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use wire::{
        ClusterId, Digest, Epoch, ErrorCode, Incarnation, Member, Mode, RequestNumber, Role,
        Sequence, SessionId, View, Why,
    };

    use crate::role::Conn;

    fn name<T: std::str::FromStr<Err: fmt::Debug>>(text: &str) -> T {
        text.parse().unwrap()
    }

    fn state_line(state: &'static [u8], after: bool) -> Event {
        Event::StateLine {
            server: name("S1"),
            state: Bytes::from_static(state),
            after,
            client: name("C1"),
            number: RequestNumber(8),
        }
    }

    fn members(by: &str, members: &[&str]) -> Event {
        Event::Members { by: name(by), members: members.iter().map(|m| name(m)).collect() }
    }

    /// The lines of the documents, as they stand there, and whether the time stands before them.
    #[test]
    fn the_documents_lines_are_printed_to_the_letter() {
        let (client, number) = (name("C1"), RequestNumber(8));
        let (s1, s2, lfd) = (name("S1"), name("S2"), name("LFD1"));
        let state = Bytes::from_static(b"hello_world9");
        let timed = [
            (
                Event::HeartbeatSent { count: 8, from: lfd, to: name("S1") },
                "[8] LFD1 sending heartbeat to S1",
            ),
            (
                Event::HeartbeatReceived { count: 8, by: name("S1"), from: lfd },
                "[8] S1 receives heartbeat from LFD1",
            ),
            (
                Event::CheckpointSent { count: 3, state: state.clone(), from: s1, to: s2 },
                "[3] [hello_world9] S1 sending checkpoint to S2",
            ),
            (
                Event::CheckpointReceived { count: 3, state, by: s2, from: s1 },
                "[3] [hello_world9] S2 receives checkpoint from S1",
            ),
            (Event::RequestSent { client, server: s1, number }, "Sent <C1, S1, 8, request>"),
            (Event::ReplyReceived { client, server: s1, number }, "Received <C1, S1, 8, reply>"),
            (
                Event::DuplicateDiscarded { number, server: s2 },
                "request_num 8: Discarded duplicate reply from S2",
            ),
            (
                state_line(b"hello_world7", false),
                "my_state_S1 = hello_world7 before processing <C1, S1, 8, request>",
            ),
            (
                state_line(b"hello_world8", true),
                "my_state_S1 = hello_world8 after processing <C1, S1, 8, request>",
            ),
            (Event::RoleTaken { mode: Mode::Passive, role: Role::Primary }, "[passive] [primary]"),
            (Event::RoleTaken { mode: Mode::Active, role: Role::Backup }, "[active] [backup]"),
            (Event::ServerReady, "Server is ready"),
            (Event::ReplicaAdded { by: lfd, server: s1 }, "LFD1: add replica S1"),
            (Event::ReplicaDeleted { by: lfd, server: s1 }, "LFD1: delete replica S1"),
            (Event::ServersDead, "servers are dead"),
        ];
        for (event, line) in timed {
            assert_eq!((event.to_string().as_str(), event.stream()), (line, Stream::Timed));
        }
        let plain = [
            (members("GFD", &["S1", "S2"]), "GFD: 2 members: S1, S2"),
            (members("RM", &["S1", "S2", "S3"]), "RM: 3 members: S1, S2, S3"),
            (members("GFD", &["S1"]), "GFD: 1 members: S1"),
            (members("RM", &[]), "RM: 0 members"),
        ];
        for (event, line) in plain {
            assert_eq!((event.to_string().as_str(), event.stream()), (line, Stream::Plain));
        }
    }

    #[test]
    fn a_state_is_one_short_line_whatever_its_bytes_are() {
        let shown = |state: &'static [u8]| {
            let line = state_line(state, false).to_string();
            let (_, rest) = line.split_once(" = ").unwrap();
            rest.split_once(" before ").unwrap().0.to_owned()
        };
        assert_eq!(shown(b"?"), "?");
        assert_eq!(shown(b"two\nlines\x1b[31m\t\x00"), "two\\nlines\\u{1b}[31m\\t\\u{0}");
        assert_eq!(shown(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(shown("grüße".as_bytes()), "grüße");
        assert_eq!(shown(&[b'x'; 64]), "x".repeat(64));
        assert_eq!(shown(&[b'x'; 65]), "x".repeat(64) + "…");
        let wide: &'static [u8] = "\u{1f600}".repeat(5000).leak().as_bytes();
        assert_eq!(shown(wide), "\u{1f600}".repeat(64) + "…");
    }

    #[test]
    fn what_a_peer_wrote_cannot_start_a_new_line() {
        let text = "no\n[17:14:07] Server is ready\r".to_owned();
        let said = Event::ErrorReceived { from: name("S1"), code: ErrorCode::Stale, text };
        assert_eq!(said.to_string(), "S1 says stale: no\\n[17:14:07] Server is ready\\r");
        let audit = Event::Invoked { number: RequestNumber(1), body: Bytes::from_static(b"a\nb") };
        assert_eq!(audit.to_string(), "Invoked { number: 1, body: b\"a\\nb\" }");
    }

    #[test]
    fn the_other_events_are_readable_sentences() {
        let member = |text: &str, run| Member {
            name: name(text),
            incarnation: Incarnation(run),
            address: "127.0.0.101:8000".parse().unwrap(),
        };
        let view = View {
            cluster: ClusterId(1),
            epoch: Epoch(3),
            mode: Mode::Passive,
            primary: name("S1"),
            members: vec![member("S1", 7), member("S2", 8)],
        };
        let s1 = name("S1");
        let cases = [
            (
                Event::ViewMade { view: view.clone(), why: "S3 exited".into() },
                "made epoch 3 passive: S1* S2 (S3 exited)",
            ),
            (Event::ViewAdopted { by: name("S2"), view }, "S2 adopted epoch 3 passive: S1* S2"),
            (
                Event::Suspected { by: s1, suspect: name("S3"), epoch: Epoch(3), why: Why::Slow },
                "S1 suspects S3 in epoch 3: slow",
            ),
            (
                Event::Diverged {
                    server: s1,
                    sequence: Sequence(9),
                    expected: Digest(1),
                    found: Digest(2),
                },
                "ALARM: the state of S1 differs after entry 9: digest 0000000000000002, the others have 0000000000000001",
            ),
            (Event::ServerExited { server: s1, how: "signal 9".into() }, "S1 ended: signal 9"),
            (
                Event::ServerSilent { server: s1, gone: Gone::Silent },
                "S1 is silent: no answer in time, it may be alive",
            ),
            (
                Event::Rejected {
                    conn: Conn(7),
                    code: ErrorCode::Taken,
                    text: "LFD1 is here".into(),
                },
                "closed connection #7: taken: LFD1 is here",
            ),
            (Event::Warning("port 8000 is in use".into()), "warning: port 8000 is in use"),
        ];
        for (event, line) in cases {
            assert_eq!((event.to_string().as_str(), event.stream()), (line, Stream::Diagnostic));
        }
        let executed = Event::Executed {
            sequence: Sequence(5),
            client: name("C1"),
            session: SessionId(3),
            number: RequestNumber(1),
            effect: true,
            body: Bytes::new(),
        };
        assert_eq!(executed.stream(), Stream::Detail);
    }
}
