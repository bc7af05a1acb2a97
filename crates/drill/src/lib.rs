//! Real processes on one machine: a whole cluster with one command, and scripted drills with
//! verdicts.
//!
//! A [`world::World`] is a running cluster: real programs on loopback addresses with the documents'
//! ports, killed, stopped and continued by process id. A [`script::Drill`] says what is done to it
//! and what must follow; [`play`] plays it, and [`checks`] judge what the audit files say.
//!
//! Guarantees: nothing that was started is left behind, also after a panic; a drill waits on events
//! and not on the clock; a verdict of "held" means that every step and every check held.
//!
//! Not here: any rule of replication, and anything but one Linux machine.

// In reading order.
pub mod clock;
pub mod duration;

pub mod audit;
pub mod history;
pub mod picture;

pub mod checks;
pub mod linearizable;
pub mod phases;

pub mod condition;
pub mod roster;
pub mod script;

pub mod doors;
pub mod lines;
pub mod plan;
pub mod printed;
pub mod processes;
pub mod procfs;
pub mod sources;
pub mod typist;

pub mod inspect;
pub mod world;

pub mod ivy;

pub mod commands;
pub mod play;
pub mod report;

pub mod conclude;
pub mod nemesis;

pub mod busy;
pub mod failover;
pub mod growth;
pub mod up;
