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
    Records,
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
            | Self::Records
            | Self::Record { .. }
            | Self::Entries { .. }
            | Self::Entry { .. }
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
            Self::Records => f.write_str("Record    Owner_ID  copy_set"),
            Self::Record { page, owner, copies } => {
                let owner = owner.map_or("-".to_owned(), |owner| owner.to_string());
                write!(f, "{page:<9} {owner:<9} map[")?;
                for (place, copy) in copies.iter().enumerate() {
                    write!(f, "{}{copy}", if place > 0 { " " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Entries { of } => write!(f, "{of}: Page      isOwner   Access"),
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
            let seen = &contents[..contents.len().min(4 * (SHOWN + 1))];
            let text: String = String::from_utf8_lossy(seen)
                .chars()
                .take(SHOWN)
                .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
                .collect();
            let more = if text.len() < contents.len() { "…" } else { "" };
            write!(f, "page {page}: {text}{more}")
        }
        Outcome::Written => write!(f, "page {page} is written"),
        Outcome::NeverWritten => write!(f, "page {page}: nobody has ever written it"),
        Outcome::LostWith(process) => {
            write!(f, "page {page} was lost with {process}; writing it starts it anew")
        }
    }
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
        assert!(ended(&[b'x'; 500]).to_string().len() < 120);
    }
}
