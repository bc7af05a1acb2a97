//! What the nemesis does to a cluster, and the links that it can cut.

use std::fmt;

use wire::{Mode, NodeName};

/// A link between two of the cluster's machines, or between two processes of one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// Between the servers at two places.
    Servers(usize, usize),
    /// From an LFD to its server.
    Heartbeats(usize),
    /// From an LFD to the GFD.
    Reports(usize),
    /// From all clients to a server.
    Requests(usize),
    /// From the GFD to the RM.
    Orders,
    /// From all clients to the RM.
    Views,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Servers(one, other) => write!(f, "S{} - S{}", one + 1, other + 1),
            Self::Heartbeats(place) => write!(f, "LFD{0} - S{0}", place + 1),
            Self::Reports(place) => write!(f, "LFD{} - GFD", place + 1),
            Self::Requests(place) => write!(f, "clients - S{}", place + 1),
            Self::Orders => f.write_str("GFD - RM"),
            Self::Views => f.write_str("clients - RM"),
        }
    }
}

/// Which way nothing comes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Neither way.
    Both,
    /// From the one that is named first to the other.
    There,
    /// From the one that is named second.
    Back,
}

/// One thing that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// SIGKILL.
    Kill(NodeName),
    /// Launch again; a server is launched by its LFD.
    Start(NodeName),
    /// SIGSTOP.
    Stop(NodeName),
    /// SIGCONT.
    Cont(NodeName),
    /// From now on what is sent on this link is lost.
    Cut(Link, Way),
    /// The link is whole again; what was lost is sent again by TCP.
    Mend(Link),
    /// The RM is told to switch the mode.
    Switch(Mode),
}

impl Deed {
    /// The servers (by their places) that may drop out of the view by it.
    #[must_use]
    pub fn harms(self, servers: &[NodeName]) -> Vec<usize> {
        match self {
            Self::Kill(name) | Self::Stop(name) => {
                servers.iter().position(|server| *server == name).into_iter().collect()
            }
            // Either of the two may be the one that is given up.
            Self::Cut(Link::Servers(one, other), _) => vec![one, other],
            Self::Cut(Link::Heartbeats(place), _) => vec![place],
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(name) => write!(f, "kill {name}"),
            Self::Start(name) => write!(f, "start {name}"),
            Self::Stop(name) => write!(f, "stop {name}"),
            Self::Cont(name) => write!(f, "cont {name}"),
            Self::Cut(link, Way::Both) => write!(f, "cut {link}"),
            Self::Cut(link, Way::There) => write!(f, "cut {link}, that way only"),
            Self::Cut(link, Way::Back) => write!(f, "cut {link}, the way back only"),
            Self::Mend(link) => write!(f, "mend {link}"),
            Self::Switch(mode) => write!(f, "switch {mode}"),
        }
    }
}
