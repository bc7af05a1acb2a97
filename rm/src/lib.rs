//! The Replication Manager: it alone says who is a member, who is the primary, and in which mode.
//!
//! Guarantees (DESIGN section 5): epochs only grow (I1) and each has one content (I2); a view's
//! members are members of the view before it, plus at most one joiner that is never the primary (I3);
//! nobody hears of a view that would not survive a power cut (I12); the last member is never dropped,
//! killed or replaced while it may be alive (R6, R12).
//!
//! By which mechanism: what is known is one struct, [`Facts`]; the rules of [`rules`] are pure
//! functions from it to at most one [`Proposal`]; [`gate`] checks a proposal, has it persisted, and
//! only then makes it the current view. While a record is being written nothing else is decided.
//! What servers are told is not remembered: [`orders`] compares what they report with what they
//! should be, and says it again until they agree. So a lost order, a restarted GFD and a restarted
//! RM need no case of their own.
//!
//! Not here: how death is detected (the LFD), routing (the GFD), who holds which entry (the servers).
//! The RM never talks to a server directly.

mod clients;
mod complaints;
mod config;
pub mod facts;
mod gate;
mod gfd;
mod manager;
mod members;
pub mod orders;
mod record;
mod registry;
pub mod rules;
mod troubles;

pub use complaints::{Complaint, Complaints};
pub use config::{Config, OnTotalLoss};
pub use facts::{Facts, Kin, Proposal, Reason, Standing};
pub use manager::ReplicationManager;
pub use record::{Record, RecordError};
pub use registry::{Registry, State};
pub use troubles::Trouble;
