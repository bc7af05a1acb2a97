//! The replicated server: a log that every member of the view holds, and a service that is executed
//! from it.
//!
//! Reading order: [`Service`] is what a user replicates; [`machine`] executes committed entries on it
//! exactly once per (session, number); [`log`] holds what is ordered and not yet covered by a
//! checkpoint; [`replica`] is the role: it follows the views of the Replication Manager as primary,
//! backup or joiner; [`program`] makes a program of it.
//!
//! Not here: deciding who is alive, who is primary or who joins. A replica only complains; the RM
//! decides (R3).

pub mod log;
pub mod machine;
pub mod program;
pub mod replica;
pub mod service;
pub mod sessions;

pub use replica::{Config, Probe, Replica};
pub use service::{Effects, Request, RestoreError, Service};
