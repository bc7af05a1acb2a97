//! [`Settings`]: everything that a process is told before it starts.
//!
//! Not here: where the values come from (arguments, environment, files); see `cli` and `cluster`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use wire::{DEFAULT_FRAME_LIMIT, NodeName};

use crate::console;
use crate::launch;

/// How the host runs one role.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of this process, as it stands in the `error` frames that the host itself sends.
    pub name: NodeName,
    /// The source address of everything that is dialled; `None` leaves it to the system.
    pub bind: Option<IpAddr>,
    /// The port base; a door is a listener's port less this (see [`wire::ports`]).
    pub base: u16,
    /// The doors to listen on.
    pub listen: Vec<SocketAddr>,
    /// Doors (as offsets from the base) whose peers may end their own sending and are still
    /// answered for a second: people with `nc`, and clients that shut their half down. At any other
    /// door the end of the peer's sending is the end of the connection, at once: there it is the
    /// evidence that a process died.
    pub half_close: Vec<u16>,
    /// The longest frame, in bytes.
    pub frame_limit: usize,
    /// A connection with more unsent bytes than this is closed, in bytes.
    pub write_limit: usize,
    /// How many connections may be open; the system's limit of open files may lower it.
    pub connections: usize,
    /// How long an accepted connection may take until its first whole frame.
    pub hello_timeout: Duration,
    /// What is printed.
    pub console: console::Settings,
    /// The file that [`node::Output::Persist`] replaces.
    pub record: Option<PathBuf>,
    /// How [`node::Output::Launch`] starts the server process.
    pub launch: Option<launch::Command>,
    /// Where audit lines are appended.
    pub audit: Option<PathBuf>,
    /// Whether standard input is the role's keyboard.
    pub keyboard: bool,
    /// The `cluster.toml` that is read again on SIGHUP.
    pub tune: Option<PathBuf>,
}

impl Settings {
    /// Settings under which a process of this name listens nowhere, prints plainly and launches
    /// nothing.
    #[must_use]
    pub fn new(name: NodeName) -> Self {
        Self {
            name,
            bind: None,
            base: wire::ports::DEFAULT_BASE,
            listen: Vec::new(),
            half_close: Vec::new(),
            frame_limit: DEFAULT_FRAME_LIMIT,
            write_limit: 8 * 1024 * 1024,
            connections: 100_000,
            hello_timeout: Duration::from_secs(10),
            console: console::Settings::default(),
            record: None,
            launch: None,
            audit: None,
            keyboard: false,
            tune: None,
        }
    }
}
