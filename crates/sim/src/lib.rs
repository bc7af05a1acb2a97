//! The roles in a simulated world.
//!
//! A [`World`] runs RM, GFD, LFDs, servers and clients: the very state machines that ship, with
//! virtual time, connections as TCP keeps them, processes that crash and freeze, links that are cut,
//! and a disk that loses what was not written. One seed is one run.
//!
//! Reading order: [`plan`] says who is there; [`world`] is the loop; `traffic`, `perform` and
//! `faults` are what happens in it; [`observe`] is what can be seen of it.
//!
//! Not here: any rule of replication. What is simulated is what ships.

pub mod columns;
pub mod draw;
mod faults;
mod hash;
pub mod hosted;
pub mod ivy;
pub mod ledger;
pub mod mutants;
mod nemesis;
pub mod network;
pub mod observe;
mod perform;
pub mod plan;
pub mod pool;
pub mod process;
pub mod progress;
pub mod properties;
pub mod random;
pub mod register;
pub mod shrink;
pub mod slots;
pub mod swarm;
pub mod tally;
pub mod trace;
mod traffic;
pub mod world;

pub use observe::{Seen, Sight, Sights, Violation, Watcher};
pub use plan::{Kind, Plan};
pub use process::{Actor, Pid, Process};
pub use random::{Random, Span};
pub use world::World;
