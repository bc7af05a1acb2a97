//! The client: one session with the replicated servers, in active or passive mode.
//!
//! [`Client`] is the role. It asks the Replication Manager whom to talk to, opens a session there,
//! sends numbered requests (typed or automatic) and delivers the first reply to each.
//!
//! Guarantees, while its session lives: a request is sent again under the same number until it is
//! answered, so it takes effect exactly once (R7); each number is delivered once, and every further
//! reply is said to be a duplicate; never more than the window is unanswered; every queue is
//! bounded. When the session itself is lost, the numbers that nobody can answer for any more are
//! named, and never sent again.
//!
//! By which mechanism: `session` holds the numbers, `links` the connections to servers,
//! `directory` the connection to the RM and what it said, `input` what is asked for.
//!
//! [`bench::Bench`] is another role of the same parts: a load generator with many such sessions.
//!
//! [`ivy::Process`] is a third: a process of shared virtual memory.
//!
//! Not here: sockets, clocks, and the choice of the primary, which is the RM's alone.

pub mod bench;
mod client;
pub mod config;
mod directory;
mod input;
pub mod ivy;
mod links;
mod pace;
mod rounds;
mod session;
mod switch;

pub use bench::Bench;
pub use client::{Client, Config};
pub use input::{BODY_LIMIT, Source};
