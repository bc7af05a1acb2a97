//! What Ivy's processes and its central manager say to each other (Li and Hudak's shared virtual
//! memory; docs/IVY.md has the whole story).
//!
//! To and from the manager, a [`Message`] is the body of a `request`, a `reply` or a `notice`: words
//! with a blank between them, the kind last, so that no byte of it has to be escaped and it can be
//! typed into `nc`. From process to process a [`Page`] is a frame of its own, with its contents.
//!
//! Guarantees: every message survives a round trip; arbitrary bytes never panic.
//!
//! Not here: what a message means; see the service `ivy` of the server and the role of the client.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use bytes::Bytes;

use crate::fields::shortened;
use crate::names::ClientName;

/// The longest contents of a page, in bytes.
pub const PAGE_LIMIT: usize = 64 * 1024;
/// The frame limit between processes: a page of which every byte has to be escaped fits.
pub const FRAME_LIMIT: usize = 3 * PAGE_LIMIT + 1024;

/// The number of a page: `1`, or `P1` where a person writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PageNumber(pub u32);

impl fmt::Display for PageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for PageNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix(['P', 'p']).unwrap_or(text);
        let number = Some(digits).filter(|d| !d.starts_with('+')).and_then(|d| d.parse().ok());
        number.map(Self).ok_or_else(|| format!("`{text}` is no page: write it like P1"))
    }
}

/// What a process wants to do with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Want {
    /// Read it.
    Read,
    /// Replace its contents.
    Write,
}

/// A page on its way from its owner to the process that asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// `ReadPage`: a copy. `WritePage`: the page itself, with its ownership.
    pub want: Want,
    /// The owner.
    pub from: ClientName,
    /// Who asked.
    pub to: ClientName,
    /// Which page.
    pub page: PageNumber,
    /// For which operation of the receiver.
    pub operation: u64,
    /// By which grant of the manager.
    pub grant: u64,
    /// The owner's Lamport clock.
    pub clock: u64,
    /// The contents.
    pub contents: Bytes,
}

/// A message to or from the central manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// What it says.
    pub what: What,
    /// The sender's Lamport clock.
    pub clock: u64,
}

/// What a message to or from the central manager says. LIFE is what the manager knows a process by: a
/// process that it gave up has to begin another one, without any page. GRANT counts the operations
/// that the manager has begun: for one page, a greater one is a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// `LIFE ADDRESS CLOCK Attach` process -> manager, on every new connection: I am here, and take
    /// pages there. LIFE 0 begins a new life. Repeated: the notices that wait are repeated.
    Attach {
        /// The process's life; 0 for a new one.
        life: u64,
        /// Where it takes pages.
        address: SocketAddr,
    },
    /// `LIFE OPERATION PAGE CLOCK ReadRequest` (`WriteRequest`) process -> manager. Repeated with
    /// the same OPERATION after a time-out: what waits is asked for again.
    Request {
        /// What for.
        want: Want,
        /// The process's life.
        life: u64,
        /// The process's number for it; grows with each of its operations.
        operation: u64,
        /// Which page.
        page: PageNumber,
    },
    /// `LIFE PAGE GRANT CLOCK ReadConfirmation` (`WriteConfirmation`) process -> manager: the page
    /// is here. The operation is over when the manager answers `Done`.
    Confirmation {
        /// What for.
        want: Want,
        /// The process's life.
        life: u64,
        /// Which page.
        page: PageNumber,
        /// By which grant it came.
        grant: u64,
    },
    /// `LIFE PAGE GRANT CLOCK InvalidateConfirmation` process -> manager: my copy is gone.
    InvalidateConfirmation {
        /// The process's life.
        life: u64,
        /// Which page.
        page: PageNumber,
        /// Of which grant.
        grant: u64,
    },
    /// `LIFE PAGE GRANT CLOCK NotReceived` process -> manager, the answer to `PageGone`, and
    /// to a page that I do not wait for: I have not taken it and shall not any more.
    NotReceived {
        /// The process's life.
        life: u64,
        /// Which page.
        page: PageNumber,
        /// Of which grant.
        grant: u64,
    },
    /// `LIFE CLOCK Present` process -> manager, the answer to `Inquire` and to a repeated notice.
    Present {
        /// The process's life.
        life: u64,
    },
    /// `LIFE CLOCK Attached` manager -> process, the answer to `Attach`.
    Attached {
        /// The life to write from now on.
        life: u64,
    },
    /// `CLOCK Noted` manager -> process: taken in; there is more to come.
    Noted,
    /// `PAGE GRANT CLOCK Done` manager -> process, the answer to a confirmation: the operation has
    /// taken effect.
    Done {
        /// Which page.
        page: PageNumber,
        /// Which grant.
        grant: u64,
    },
    /// `PAGE GRANT CLOCK Void` manager -> process, the answer to a confirmation of a grant that the
    /// manager has taken back: the page is not to be used.
    Void {
        /// Which page.
        page: PageNumber,
        /// Which grant.
        grant: u64,
    },
    /// `LIFE CLOCK Fenced` manager -> process: that life is over. Drop every page, begin another.
    Fenced {
        /// The life that is over.
        life: u64,
    },
    /// `CLOCK Refused` manager -> whoever wrote what is no message of a process.
    Refused,
    /// `PAGE GRANT REQUESTER OPERATION ADDRESS CLOCK ReadForward` (`WriteForward`) manager -> owner:
    /// send the page there. A `WriteForward` to the requester itself: nobody has to send it, take it.
    Forward {
        /// What for.
        want: Want,
        /// Which page.
        page: PageNumber,
        /// By which grant.
        grant: u64,
        /// Who asked.
        requester: ClientName,
        /// Under which number of its own.
        operation: u64,
        /// Where it takes pages.
        address: SocketAddr,
    },
    /// `PAGE GRANT REQUESTER CLOCK Invalidate` manager -> holder of a copy: drop it and say so.
    Invalidate {
        /// Which page.
        page: PageNumber,
        /// By which grant.
        grant: u64,
        /// For whose writing.
        requester: ClientName,
    },
    /// `PAGE GRANT CLOCK Owner` manager -> holder of a copy: the owner is gone, it is you now.
    Owner {
        /// Which page.
        page: PageNumber,
        /// A number of the manager that orders this among the grants.
        grant: u64,
    },
    /// `PAGE GRANT CLOCK PageGone` manager -> requester: who was to send the page is gone. Did you get
    /// it? Answered by a confirmation that is under way, or by `NotReceived`.
    PageGone {
        /// Which page.
        page: PageNumber,
        /// By which grant it was to come.
        grant: u64,
    },
    /// `PAGE OPERATION WITH CLOCK PageLost` manager -> requester: there is nothing to read. WITH is
    /// the process that had the only copy, `-` when nobody has ever written the page.
    PageLost {
        /// Which page.
        page: PageNumber,
        /// The requester's operation, which this ends.
        operation: u64,
        /// With whom it was lost.
        with: Option<ClientName>,
    },
    /// `CLOCK Inquire` manager -> process: others wait for you; are you there?
    Inquire,
}

/// Why a body is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no message of Ivy")]
pub struct NotIvy(String);

impl What {
    /// The kind, its last word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Attach { .. } => "Attach",
            Self::Request { want: Want::Read, .. } => "ReadRequest",
            Self::Request { want: Want::Write, .. } => "WriteRequest",
            Self::Confirmation { want: Want::Read, .. } => "ReadConfirmation",
            Self::Confirmation { want: Want::Write, .. } => "WriteConfirmation",
            Self::InvalidateConfirmation { .. } => "InvalidateConfirmation",
            Self::NotReceived { .. } => "NotReceived",
            Self::Present { .. } => "Present",
            Self::Attached { .. } => "Attached",
            Self::Noted => "Noted",
            Self::Done { .. } => "Done",
            Self::Void { .. } => "Void",
            Self::Fenced { .. } => "Fenced",
            Self::Refused => "Refused",
            Self::Forward { want: Want::Read, .. } => "ReadForward",
            Self::Forward { want: Want::Write, .. } => "WriteForward",
            Self::Invalidate { .. } => "Invalidate",
            Self::Owner { .. } => "Owner",
            Self::PageGone { .. } => "PageGone",
            Self::PageLost { .. } => "PageLost",
            Self::Inquire => "Inquire",
        }
    }

    /// Every kind, for the page of the protocol.
    pub const KINDS: [&'static str; 21] = [
        "Attach",
        "ReadRequest",
        "WriteRequest",
        "ReadConfirmation",
        "WriteConfirmation",
        "InvalidateConfirmation",
        "NotReceived",
        "Present",
        "Attached",
        "Noted",
        "Done",
        "Void",
        "Fenced",
        "Refused",
        "ReadForward",
        "WriteForward",
        "Invalidate",
        "Owner",
        "PageGone",
        "PageLost",
        "Inquire",
    ];
}

impl Want {
    /// The kind of the frame that brings a page for this.
    #[must_use]
    pub const fn page_kind(self) -> &'static str {
        match self {
            Self::Read => "ReadPage",
            Self::Write => "WritePage",
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Attach { life, address } => write!(f, "{life} {address} ")?,
            What::Request { life, operation, page, .. } => write!(f, "{life} {operation} {page} ")?,
            What::Confirmation { life, page, grant, .. }
            | What::InvalidateConfirmation { life, page, grant }
            | What::NotReceived { life, page, grant } => write!(f, "{life} {page} {grant} ")?,
            What::Present { life } | What::Attached { life } | What::Fenced { life } => {
                write!(f, "{life} ")?
            }
            What::Noted | What::Refused | What::Inquire => {}
            What::Done { page, grant }
            | What::Void { page, grant }
            | What::Owner { page, grant }
            | What::PageGone { page, grant } => write!(f, "{page} {grant} ")?,
            What::Forward { page, grant, requester, operation, address, .. } => {
                write!(f, "{page} {grant} {requester} {operation} {address} ")?;
            }
            What::Invalidate { page, grant, requester } => {
                write!(f, "{page} {grant} {requester} ")?;
            }
            What::PageLost { page, operation, with } => match with {
                Some(with) => write!(f, "{page} {operation} {with} ")?,
                None => write!(f, "{page} {operation} - ")?,
            },
        }
        write!(f, "{} {}", self.clock, self.what.kind())
    }
}

impl Message {
    /// The message as the body of a frame.
    #[must_use]
    pub fn body(&self) -> Bytes {
        Bytes::from(self.to_string())
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`NotIvy`] when it is something else.
    pub fn read(body: &[u8]) -> Result<Self, NotIvy> {
        let words = std::str::from_utf8(body).ok().and_then(Self::words);
        words.ok_or_else(|| NotIvy(shortened(body)))
    }

    fn words(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace().rev();
        let kind = words.next()?;
        let clock = number(words.next()?)?;
        let mut rest: Vec<&str> = words.collect();
        rest.reverse();
        let want = if kind.starts_with("Write") { Want::Write } else { Want::Read };
        Some(Self { what: what(kind, want, &rest)?, clock })
    }
}

/// What the words before the clock say.
fn what(kind: &str, want: Want, words: &[&str]) -> Option<What> {
    Some(match (kind, words) {
        ("Attach", [life, address]) => {
            What::Attach { life: number(life)?, address: address.parse().ok()? }
        }
        ("ReadRequest" | "WriteRequest", [life, operation, page]) => What::Request {
            want,
            life: number(life)?,
            operation: number(operation)?,
            page: number(page)?,
        },
        ("ReadConfirmation" | "WriteConfirmation", [life, page, grant]) => What::Confirmation {
            want,
            life: number(life)?,
            page: number(page)?,
            grant: number(grant)?,
        },
        ("InvalidateConfirmation", [life, page, grant]) => What::InvalidateConfirmation {
            life: number(life)?,
            page: number(page)?,
            grant: number(grant)?,
        },
        ("NotReceived", [life, page, grant]) => {
            What::NotReceived { life: number(life)?, page: number(page)?, grant: number(grant)? }
        }
        ("Present", [life]) => What::Present { life: number(life)? },
        _ => return said(kind, want, words),
    })
}

/// What the manager's words before the clock say.
fn said(kind: &str, want: Want, words: &[&str]) -> Option<What> {
    Some(match (kind, words) {
        ("Attached", [life]) => What::Attached { life: number(life)? },
        ("Noted", []) => What::Noted,
        ("Fenced", [life]) => What::Fenced { life: number(life)? },
        ("Refused", []) => What::Refused,
        ("Inquire", []) => What::Inquire,
        ("Done", [page, grant]) => What::Done { page: number(page)?, grant: number(grant)? },
        ("Void", [page, grant]) => What::Void { page: number(page)?, grant: number(grant)? },
        ("Owner", [page, grant]) => What::Owner { page: number(page)?, grant: number(grant)? },
        ("PageGone", [page, grant]) => {
            What::PageGone { page: number(page)?, grant: number(grant)? }
        }
        ("ReadForward" | "WriteForward", [page, grant, requester, operation, address]) => {
            What::Forward {
                want,
                page: number(page)?,
                grant: number(grant)?,
                requester: requester.parse().ok()?,
                operation: number(operation)?,
                address: address.parse().ok()?,
            }
        }
        ("Invalidate", [page, grant, requester]) => What::Invalidate {
            page: number(page)?,
            grant: number(grant)?,
            requester: requester.parse().ok()?,
        },
        ("PageLost", [page, operation, with]) => What::PageLost {
            page: number(page)?,
            operation: number(operation)?,
            with: if *with == "-" { None } else { Some(with.parse().ok()?) },
        },
        _ => return None,
    })
}

/// A number in a body: digits only, and below 2^63, as everywhere in the language.
fn number<T: Number>(word: &str) -> Option<T> {
    crate::digits::decimal(word.as_bytes()).filter(|n| *n < 1 << 63).and_then(T::fitting)
}

/// What a number in a body may be.
trait Number: Sized {
    fn fitting(value: u64) -> Option<Self>;
}

impl Number for u64 {
    fn fitting(value: u64) -> Option<Self> {
        Some(value)
    }
}

impl Number for PageNumber {
    fn fitting(value: u64) -> Option<Self> {
        u32::try_from(value).ok().map(Self)
    }
}
