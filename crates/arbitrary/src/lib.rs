//! Arbitrary messages, and a host that plays them to a role: for the tests of the roles and of the
//! language.
//!
//! [`Domain::message`] makes frames of every kind. [`Play`] is what may happen to a process, in any
//! order: connections that come, speak and go, time, files, children. [`Host`] keeps the promises
//! that a host owes to a role (`node`), and holds the role to its own.
//! [`files`] makes configuration files with mistakes in them.
//!
//! Not here: what a role should do with any of it.

mod addressed;
mod files;
mod host;
mod messages;
mod parts;
mod play;
mod torment;

pub use addressed::Addressee;
pub use files::{files, says_where};
pub use host::Host;
pub use play::{Play, plays, plays_for};
pub use torment::{Bound, config, torment};

/// Out of which names and numbers messages are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Anything that has a form on the wire.
    Far,
    /// A few names and small numbers, so that frames often fit each other and the role that gets
    /// them, and its deeper states are reached.
    Near,
}
