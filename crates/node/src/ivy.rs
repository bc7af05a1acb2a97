//! What Ivy has to say: the documents' trace, log lines with clocks, and tables, each as its fields.
//!
//! The trace (`Type From To Page Requester`) has a row for each message where it is sent, and `Done`
//! where the manager knows that an operation is over.
//!
//! Not here: what any of it means; see the service `ivy` of the server and the role of the client.

use std::fmt;

use bytes::Bytes;
use wire::ivy::{PageNumber, Want};
use wire::{ClientName, NodeName, ReplicaName};

use crate::event::Stream;

/// How much of a page is shown, in characters.
const SHOWN: usize = 64;

/// What a process may do with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read and write it, without asking.
    ReadWrite,
    /// Read it, without asking.
    Read,
    /// Nothing, without asking.
    Nil,
}

/// How an operation of a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was read; these are the contents.
    Read(Bytes),
    /// It was written.
    Written,
    /// Nobody has ever written the page.
    NeverWritten,
    /// It was lost with this process, which had the only copy.
    LostWith(ClientName),
}

/// Something that happened in Ivy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ivy {
    /// The heading of the trace.
    Trace,
    /// A message was sent.
    Row {
        /// Its kind.
        kind: &'static str,
        /// Who sent it; the manager is `CM`.
        from: NodeName,
        /// To whom.
        to: NodeName,
        /// About which page.
        page: PageNumber,
        /// Whose operation it serves.
        requester: ClientName,
    },
    /// The manager knows that an operation is over.
    Done,
    /// A message was sent, with the sender's clock.
    Sent {
        /// Who sent it; the manager is `CM`.
        from: NodeName,
        /// Its kind.
        kind: &'static str,
        /// About which page.
        page: PageNumber,
        /// To whom.
        to: NodeName,
        /// The sender's clock.
        clock: u64,
    },
    /// A message arrived, with the clock after it.
    Received {
        /// Who received it; the manager is `CM`.
        by: NodeName,
        /// From whom.
        from: NodeName,
        /// Its kind.
        kind: &'static str,
        /// About which page.
        page: PageNumber,
        /// The receiver's clock.
        clock: u64,
    },
    /// A process learnt who is the primary manager now.
    ChangeCm {
        /// The process.
        by: ClientName,
        /// Who was it before.
        from: Option<ReplicaName>,
        /// Who is it now.
        to: ReplicaName,
    },
    /// A manager that was the primary before is it again.
    ImBack {
        /// The manager.
        manager: ReplicaName,
        /// Who took its place for a while.
        instead_of: ReplicaName,
    },
    /// The manager gave a process up: its copies and its ownership are over.
    Gone {
        /// The process.
        process: ClientName,
    },
    /// The only copy of a page was lost.
    Lost {
        /// Which page.
        page: PageNumber,
        /// With whom.
        with: ClientName,
    },
    /// A process was given up by the manager: it drops its pages and begins another life.
    Fenced {
        /// The process.
        by: ClientName,
    },
    /// A process is known to the manager.
    Attached {
        /// The process.
        by: ClientName,
        /// Its life.
        life: u64,
    },
    /// The heading of the manager's table.
    Records {
        /// Whether the manager is the primary.
        primary: bool,
    },
    /// A row of it.
    Record {
        /// The page.
        page: PageNumber,
        /// Its owner, if it has one.
        owner: Option<ClientName>,
        /// Who has copies.
        copies: Vec<ClientName>,
    },
    /// The heading of a process's table.
    Entries {
        /// Whose.
        of: ClientName,
    },
    /// A row of it.
    Entry {
        /// The page.
        page: PageNumber,
        /// Whether this process owns it.
        is_owner: bool,
        /// What it may do with it.
        access: Access,
    },
    /// A process begins an operation. For checkers.
    Began {
        /// Its number.
        operation: u64,
        /// What for.
        want: Want,
        /// Which page.
        page: PageNumber,
        /// What is written.
        contents: Bytes,
    },
    /// An operation is over.
    Ended {
        /// Its number.
        operation: u64,
        /// Which page.
        page: PageNumber,
        /// How.
        outcome: Outcome,
        /// Whether it needed no message.
        local: bool,
        /// How long it took, in microseconds.
        micros: u64,
    },
    /// All of what was read, where that was asked for.
    Whole {
        /// Which page.
        page: PageNumber,
        /// The contents.
        contents: Bytes,
    },
    /// Typed work is done.
    Worked {
        /// How many operations.
        operations: u64,
        /// How many of them needed no message.
        local: u64,
        /// How long all of it took, in microseconds.
        micros: u64,
        /// How many messages this process sent for it and for others meanwhile.
        messages: u64,
    },
    /// A typed line that is no command.
    Help(&'static str),
}

impl Ivy {
    /// Where its line belongs.
    #[must_use]
    pub(crate) const fn stream(&self) -> Stream {
        match self {
            Self::Trace
            | Self::Row { .. }
            | Self::Done
            | Self::Records { .. }
            | Self::Record { .. }
            | Self::Entries { .. }
            | Self::Entry { .. }
            | Self::Whole { .. }
            | Self::Help(_) => Stream::Plain,
            Self::Sent { .. }
            | Self::Received { .. }
            | Self::ChangeCm { .. }
            | Self::ImBack { .. }
            | Self::Gone { .. }
            | Self::Lost { .. }
            | Self::Fenced { .. }
            | Self::Attached { .. }
            | Self::Ended { .. }
            | Self::Worked { .. } => Stream::Timed,
            Self::Began { .. } => Stream::Detail,
        }
    }
}

impl fmt::Display for Ivy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trace => f.write_str("Type             From      To        Page      Requester"),
            Self::Row { kind, from, to, page, requester } => {
                // `InvalidateConfirmation` is longer than the documents' column.
                write!(f, "{kind:<16} {from:<9} {to:<9} {page:<9} {requester}")
            }
            Self::Done => f.write_str("Done"),
            Self::Sent { from, kind, page, to, clock } => {
                write!(f, "{from} sent {kind} for page {page} to {to} at clock {clock}.")
            }
            Self::Received { by, from, kind, page, clock } => {
                write!(f, "{by} received {from}'s {kind} for page {page} at clock {clock}.")
            }
            Self::ChangeCm { by, from: None, to } => {
                write!(f, "CHANGE_CM: {by}'s primary manager: {to}.")
            }
            Self::ChangeCm { by, from: Some(from), to } => {
                write!(f, "CHANGE_CM: {by}'s new primary manager updated: {to} (was {from}).")
            }
            Self::ImBack { manager, instead_of } => {
                write!(f, "IM_BACK: {manager} is the primary manager again, {instead_of} is not.")
            }
            Self::Gone { process } => {
                write!(f, "{process} is gone: its copies and its ownership are over.")
            }
            Self::Lost { page, with } => write!(f, "page {page} was lost with {with}."),
            Self::Fenced { by } => {
                write!(f, "{by} was given up by the manager: it begins anew without any page.")
            }
            Self::Attached { by, life } => write!(f, "{by} is known to the manager, life {life}."),
            Self::Records { primary } => {
                writeln!(f, "cm_{}:", if *primary { "Primary" } else { "Backup" })?;
                f.write_str("Record    Owner_ID  copy_set")
            }
            Self::Record { page, owner, copies } => {
                let owner = owner.map_or("-".to_owned(), |owner| owner.to_string());
                write!(f, "{page:<9} {owner:<9} map[")?;
                for (place, copy) in copies.iter().enumerate() {
                    write!(f, "{}{copy}", if place > 0 { " " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Entries { of } => {
                writeln!(f, "process_{of}:")?;
                f.write_str("Page      isOwner   Access")
            }
            Self::Entry { page, is_owner, access } => {
                write!(f, "{page:<9} {is_owner:<9} {access:?}")
            }
            Self::Began { operation, want, page, .. } => {
                write!(f, "operation {operation} begins: {want:?} page {page}")
            }
            Self::Ended { page, outcome, local, micros, .. } => {
                let how = if *local { "without a message" } else { "over the manager" };
                ended(f, *page, outcome)?;
                write!(f, " ({micros} us, {how})")
            }
            Self::Whole { page, contents } => {
                write!(f, "writePage P{page} ")?;
                as_typed(f, contents)
            }
            Self::Worked { operations, local, micros, messages } => {
                let millis = *micros as f64 / 1000.0;
                write!(f, "{operations} operations in {millis:.1} ms, ")?;
                write!(f, "{local} of them local; {messages} messages sent")
            }
            Self::Help(text) => f.write_str(text),
        }
    }
}

fn ended(f: &mut fmt::Formatter<'_>, page: PageNumber, outcome: &Outcome) -> fmt::Result {
    match outcome {
        Outcome::Read(contents) => {
            // A character has at most four bytes.
            let seen = &contents[..contents.len().min(4 * (SHOWN + 1))];
            let seen = String::from_utf8_lossy(seen);
            let text: String = seen
                .chars()
                .take(SHOWN)
                .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
                .collect();
            write!(f, "page {page}: {text}")?;
            match seen.chars().count() > SHOWN {
                true => write!(f, "… ({} bytes)", contents.len()),
                false => Ok(()),
            }
        }
        Outcome::Written => write!(f, "page {page} is written"),
        Outcome::NeverWritten => write!(f, "page {page}: nobody has ever written it"),
        Outcome::LostWith(process) => {
            write!(f, "page {page} was lost with {process}; writing it starts it anew")
        }
    }
}

/// Text as it is, and every byte that is none, or has a meaning in a typed line, as an escape.
fn as_typed(f: &mut fmt::Formatter<'_>, contents: &[u8]) -> fmt::Result {
    let mut escaped = Vec::with_capacity(contents.len());
    wire::escape(contents, |piece| escaped.extend_from_slice(piece));
    for chunk in escaped.utf8_chunks() {
        f.write_str(chunk.valid())?;
        chunk.invalid().iter().try_for_each(|byte| write!(f, "%{byte:02X}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name<T: std::str::FromStr<Err: fmt::Debug>>(text: &str) -> T {
        text.parse().unwrap()
    }

    /// The rows of the documents, with names where they have numbers.
    #[test]
    fn tables_and_trace_have_the_columns_of_the_documents() {
        let page = PageNumber(1);
        let row = Ivy::Row {
            kind: "ReadConfirmation",
            from: name("P2"),
            to: name("CM"),
            page,
            requester: name("P2"),
        };
        let copies = vec![name("P2"), name("P3")];
        let record = Ivy::Record { page, owner: Some(name("P1")), copies };
        let entry = Ivy::Entry { page, is_owner: true, access: Access::ReadWrite };
        let heading = Ivy::Trace.to_string();
        let row = row.to_string();
        assert_eq!(row, "ReadConfirmation P2        CM        1         P2");
        for (column, value) in [("From", "P2"), ("To", "CM"), ("Page", "1"), ("Requester", "P2")] {
            let place = heading.find(column).unwrap();
            assert!(row[place..].starts_with(value), "{column}");
        }
        assert_eq!(record.to_string(), "1         P1        map[P2 P3]");
        assert_eq!(entry.to_string(), "1         true      ReadWrite");
        assert_eq!(Ivy::Done.to_string(), "Done");
        let heading = Ivy::Entries { of: name("P1") }.to_string();
        assert_eq!(heading, "process_P1:\nPage      isOwner   Access");
        let heading = Ivy::Records { primary: true }.to_string();
        assert_eq!(heading, "cm_Primary:\nRecord    Owner_ID  copy_set");
    }

    #[test]
    fn contents_are_one_short_line() {
        let ended = |contents: &'static [u8]| Ivy::Ended {
            operation: 1,
            page: PageNumber(3),
            outcome: Outcome::Read(Bytes::from_static(contents)),
            local: true,
            micros: 0,
        };
        let line = ended(b"a\nb").to_string();
        assert_eq!(line, "page 3: a\\nb (0 us, without a message)");
        let line = ended(&[b'x'; 500]).to_string();
        assert!(line.len() < 120 && line.contains("… (500 bytes)"), "{line}");
        let line = ended(&[0xff; SHOWN]).to_string();
        assert!(!line.contains('…'), "{line}");
    }

    #[test]
    fn all_of_a_page_is_the_line_that_writes_it() {
        let contents = Bytes::from_static(b" a,b\xff\n%\xc3\xa9 c ");
        let whole = Ivy::Whole { page: PageNumber(3), contents };
        assert_eq!(whole.to_string(), "writePage P3 %20a%2Cb%FF%0A%25\u{e9} c%20");
    }
}
