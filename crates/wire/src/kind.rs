//! The kind of a frame: its last field.
//!
//! [`Kind`] is the closed list of the kinds of the language. Both directions hold on to it: a
//! message gives its kind by an exhaustive match, and reading a frame matches on every kind, so a
//! kind that is added in one place and forgotten in another does not compile. docs/PROTOCOL.md is
//! held against [`Kind::ALL`] by a test.

use std::fmt;

use crate::ivy::Want;
use crate::message::Message;
use crate::names::Name;
use crate::parts::Op;

macro_rules! kinds {
    ($($variant:ident $word:literal,)*) => {
        /// What a frame is; `append` has three kinds, one for each thing that an entry can do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(#[doc = concat!("`", $word, "`")] $variant,)*
        }

        impl Kind {
            /// Every kind of the language.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The word on the wire, padded as names are.
            pub(crate) fn word(self) -> &'static Name {
                const WORDS: &[Name] = &[$(Name::of($word),)*];
                &WORDS[self as usize]
            }

            /// The kind of that word, if it is one.
            #[must_use]
            pub fn from_bytes(word: &[u8]) -> Option<Self> {
                $(if word == $word.as_bytes() {
                    return Some(Self::$variant);
                })*
                None
            }
        }
    };
}

kinds! {
    Request "request",
    Reply "reply",
    Heartbeat "heartbeat",
    Membership "membership",
    Ready "ready",
    SendCheckpoint "send_checkpoint",
    Recovery "recovery",
    Checkpoint "checkpoint",
    Launch "launch",
    Client "client",
    Error "error",
    Register "register",
    Notice "notice",
    Registered "registered",
    Sync "sync",
    Have "have",
    Append "append",
    AppendRegister "append_register",
    AppendMark "append_mark",
    AppendAbsent "append_absent",
    Ack "ack",
    Commit "commit",
    Forward "forward",
    ForwardRegister "forward_register",
    Received "received",
    Fenced "fenced",
    Digest "digest",
    View "view",
    Suspect "suspect",
    Join "join",
    Handover "handover",
    Drained "drained",
    Hello "hello",
    Inspect "inspect",
    State "state",
    Switch "switch",
    ReadPage "ReadPage",
    WritePage "WritePage",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Message {
    /// What kind of frame it is written as.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Request { .. } => Kind::Request,
            Self::Reply { .. } => Kind::Reply,
            Self::Heartbeat { .. } => Kind::Heartbeat,
            Self::Membership { .. } => Kind::Membership,
            Self::Ready { .. } | Self::ClientReady { .. } => Kind::Ready,
            Self::SendCheckpoint { .. } => Kind::SendCheckpoint,
            Self::Recovery { .. } => Kind::Recovery,
            Self::Checkpoint { .. } => Kind::Checkpoint,
            Self::Launch { .. } => Kind::Launch,
            Self::Client { .. } => Kind::Client,
            Self::Error { .. } => Kind::Error,
            Self::Register { .. } => Kind::Register,
            Self::Notice { .. } => Kind::Notice,
            Self::Registered { .. } => Kind::Registered,
            Self::Sync { .. } => Kind::Sync,
            Self::Have { .. } => Kind::Have,
            Self::Append { entry, .. } => match entry.op {
                Op::Request { .. } => Kind::Append,
                Op::Register { .. } => Kind::AppendRegister,
                Op::Mark => Kind::AppendMark,
                Op::Absent { .. } => Kind::AppendAbsent,
            },
            Self::Ack { .. } => Kind::Ack,
            Self::Commit { .. } => Kind::Commit,
            Self::Forward { .. } => Kind::Forward,
            Self::ForwardRegister { .. } => Kind::ForwardRegister,
            Self::Received { .. } => Kind::Received,
            Self::Fenced { .. } => Kind::Fenced,
            Self::Digest { .. } => Kind::Digest,
            Self::View { .. } => Kind::View,
            Self::Suspect { .. } => Kind::Suspect,
            Self::Join { .. } => Kind::Join,
            Self::Handover { .. } => Kind::Handover,
            Self::Drained { .. } => Kind::Drained,
            Self::Hello { .. } => Kind::Hello,
            Self::Inspect { .. } => Kind::Inspect,
            Self::State { .. } => Kind::State,
            Self::Switch { .. } => Kind::Switch,
            Self::Page(page) => match page.want {
                Want::Read => Kind::ReadPage,
                Want::Write => Kind::WritePage,
            },
        }
    }
}
