//! The RM and the servers that ship, checked over *every* interleaving within bounds.
//!
//! The simulator plays many long runs; this plays all short ones. A world is the RM with its disk,
//! up to five servers, the connections between them, their detectors as far as they pass on reports
//! and orders, and clients. From its first world every frame, every write to the disk, every fault
//! is played in every order, breadth-first, until no new world is found. The roles are the very
//! state machines that ship ([`server::Replica`], [`rm::ReplicationManager`]).
//!
//! What makes this affordable: roles are pure, so each input to each state of a process is played
//! once (`library`); a world is a few dozen numbers (`world`).
//!
//! Time is abstracted. The RM has no patience, so whatever could ripen with time may happen at once;
//! detectors and replicas act on frames, closed connections and, within a budget, on ticks. A world
//! in which nothing is left to happen is given time, and must come to a good end (`recovery`).
//!
//! Reading order: [`scope`] are the bounds; `local` is one process; `moves` is what can happen;
//! `turn` is what comes of it; `properties` is what must hold; [`search()`] goes through it all, on
//! all cores (`harvest`, `access`); [`suite`] are the scopes that are checked; [`mutants`] are rules
//! of the roles that are switched off, to see that this is noticed.
//!
//! Not here: LFD and GFD themselves, client failures, several inputs in one turn of a process, state
//! that is longer than one chunk, evicted sessions, mode switches, fail-back. The simulator has all of
//! them. Nor are servers taken for alike: who dials whom, on which door, and who leads goes by name
//! and by standing, so that two worlds with their servers exchanged are two worlds.

mod access;
mod beginning;
mod diary;
mod harvest;
mod library;
mod local;
mod moves;
pub mod mutants;
mod properties;
mod recovery;
#[cfg(test)]
mod replay;
mod report;
pub mod scope;
mod search;
pub mod suite;
mod summary;
mod table;
mod trail;
mod turn;
mod world;

pub use properties::Violation;
pub use report::{Failure, Report};
pub use scope::Scope;
pub use search::search;
pub use trail::{SharedTrail, Trail};
