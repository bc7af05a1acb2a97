//! The only shell: sockets, timers, files, child processes, console, configuration.
//!
//! [`run`] runs a [`node::Role`] as a process: one event loop in one thread, which fulfils every
//! numbered obligation in the documentation of [`node`]. [`Settings`] say how; [`cli`] and
//! [`cluster`] make them from arguments, environment and files.
//!
//! Guarantees: nothing a peer does makes the loop wait or grow without bound; what cannot be opened
//! at the start is said in one line with what to do; the only other threads read the keyboard and
//! write to the terminal.
//!
//! Not here: any rule of replication, and any text that a role prints.

pub mod cli;
pub mod cluster;
mod settings;
mod shell;

mod turn;
mod world;

mod connection;
mod connections;
mod dial;
mod listeners;
mod traffic;

mod audit;
mod clock;
pub mod console;
mod error;
mod keyboard;
pub mod launch;
pub mod process;
mod signals;
mod slots;
pub mod state;
mod timeouts;
mod timer;
mod wakeups;

pub use error::Error;
pub use settings::Settings;
pub use shell::{Shell, run};
