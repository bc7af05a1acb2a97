//! The fault detector shared by lfd, gfd and rm, and how a lost connection is dialled again.
//!
//! [`Heartbeats`] decides when the next heartbeat is sent and when a silent peer is suspected;
//! [`Dialer`] keeps one connection up; [`Backoff`] spaces what is tried again and again;
//! [`ordered`] and [`reported`] name the frames that the detectors only carry.
//!
//! Guarantees: a peer is suspected once per silence, never before it was silent for the whole
//! timeout, and never by a detector that was itself frozen or starved.
//!
//! By which mechanism: time is an argument. A detector that is woken much later than it asked for
//! knows that it did not run, so what it did not hear in that time proves nothing.
//!
//! Not here: what a suspicion leads to. Exits and closed connections are stronger evidence and are
//! the roles' own affair.

mod backoff;
mod dialer;
mod heartbeats;
mod route;

pub use backoff::Backoff;
pub use dialer::Dialer;
pub use heartbeats::{Heartbeats, Verdict};
pub use route::{ordered, reported};
