//! Global Fault Detector: membership from the LFDs' reports, and the RM's orders down to them.
//!
//! Guarantees:
//! - What an LFD reports goes to the RM in the same turn.
//! - An LFD that falls silent, or whose connection closes, costs its server nothing: the server is
//!   reported as unmonitored and stays a member (R15, schedule 16).
//! - A GFD that restarts deletes nobody: it knows no server until an LFD has told it of one
//!   (R13, schedule 18).
//! - An RM that restarts or is connected again hears every last report again.
//!
//! By which mechanism: [`GlobalFaultDetector`] keeps the last report of each server and nothing
//! that could not be learnt again. Reports are idempotent, so telling them once more is always
//! right.
//!
//! Not here: any decision. Whether a silent server leaves the view, who becomes primary, what is
//! launched: all that is the RM's.

mod config;
mod detector;
mod lfds;
mod manager;

pub use config::Config;
pub use detector::GlobalFaultDetector;
