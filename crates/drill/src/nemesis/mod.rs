//! The nemesis: a cluster under random faults, `drill run random --seed N`.
//!
//! A [`schedule::Schedule`] is drawn from the seed: kills, stops, cut links, relaunches, switches
//! of the mode. [`storm`] plays it on a running cluster, heals everything, and kills every server
//! once more, so that a process that is stuck shows. After that the run is judged as any drill.
//!
//! Guarantees: the seed repeats the schedule. A deed that could leave no member of the RM's view
//! alive is left out, so that whatever was answered has to be there in the end.
//!
//! Not here: total loss on purpose, and any judgement of histories (`checks`).

pub mod deed;
pub mod dice;
pub mod guard;
pub mod network;
pub mod schedule;
pub mod storm;

pub mod run;
