//! The language of Chevron: what its processes say to each other, and how it looks on the wire.
//!
//! A frame is `<`, fields separated by `,`, `>`; the last field is the kind. [`Message`] is the
//! typed form of every frame, [`Codec`] turns bytes into messages and back, [`View`] is what the
//! Replication Manager decides, and [`ports`] is the port plan.
//!
//! Guarantees: every message survives a round trip; arbitrary bytes never panic; a frame never
//! grows beyond its limit; a documented short form is always accepted, and a message whose extended
//! fields are `None` is written in the short form.
//!
//! Not here: what a message *means* to a role, sockets, or any rule of replication.

mod codec;
mod digits;
mod draft;
mod eight;
mod escape;
mod fields;
pub mod ivy;
mod kind;
mod message;
mod names;
mod parse;
mod parts;
pub mod ports;
mod scan;
mod text;
mod view;

pub use codec::{Codec, CodecError, DEFAULT_FRAME_LIMIT, HEADROOM};
pub use escape::{escape, unescape};
pub use fields::FieldError;
pub use kind::Kind;
pub use message::Message;
pub use names::{
    ClientName, ClusterId, Digest, Epoch, Incarnation, NameError, NodeName, ReplicaName,
    RequestNumber, Sequence, SessionId,
};
pub use parts::{
    Change, Entry, ErrorCode, Gone, Health, LaunchOrder, Op, Reported, Transfer, Urgency, Why,
};
pub use text::{ERROR_TEXT_LIMIT, encode};
pub use view::{Member, Mode, Phase, Role, View};
