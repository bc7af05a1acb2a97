//! Local Fault Detector: launches or adopts one server, heartbeats it, and reports to the GFD.
//!
//! Guarantees:
//! - What kills a server is reported in the same turn: its exit, its closed connection. A hang is
//!   reported after the heartbeat timeout.
//! - One death is one `delete`; a second one follows only with stronger evidence (an exit proves
//!   what a closed connection suggests).
//! - There is never a second server process: nothing is launched while a process of this server is
//!   known to exist or something answers at its address (schedule 17).
//! - A process that is hung is ended only on the RM's order and only after a grace, so that one
//!   that was merely stopped comes back with its state.
//!
//! By which mechanism: [`LocalFaultDetector`] keeps one `report`, which is what it would
//! say of the server now. A change of it goes to the GFD at once, and the whole of it again at each
//! reconnection, so a lost connection loses no news. `process` alone decides when to
//! launch and when to kill.
//!
//! Not here: who is a member, who is primary, and when a dead server is launched again. The LFD
//! reports and obeys; the RM decides. What the server says to the RM and the RM to the server
//! passes through untouched.

mod config;
mod detector;
mod gfd;
mod process;
mod report;
mod server;

pub use config::Config;
pub use detector::LocalFaultDetector;
