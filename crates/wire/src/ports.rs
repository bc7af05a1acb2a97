//! The port plan (DESIGN section 2): which door of which machine is for whom.
//!
//! Every address that travels in a view is a machine's IP with its *port base*, 8000 by default;
//! the doors are offsets from it.

use std::net::SocketAddr;

/// The first port of the plan.
pub const DEFAULT_BASE: u16 = 8000;

/// Server: the doors for clients (C1, C2, C3; any client is accepted on each).
pub const SERVER_CLIENTS: [u16; 3] = [0, 1, 2];
/// Server: the door for its LFD.
pub const SERVER_LFD: u16 = 3;
/// Server: the doors for other replicas.
pub const SERVER_PEERS: [u16; 2] = [4, 5];
/// GFD: the doors for LFDs.
pub const GFD_LFDS: [u16; 3] = [0, 1, 2];
/// Ivy process: its door for pages is its own number after this one (P1: 11).
pub const PROCESS_PAGES: u16 = 10;
/// RM: the door for the GFD.
pub const RM_GFD: u16 = 3;
/// RM: the doors for clients.
pub const RM_CLIENTS: [u16; 3] = [6, 7, 8];

/// The address of a door: the machine's base address with the port moved by `offset`.
#[must_use]
pub fn door(base: SocketAddr, offset: u16) -> SocketAddr {
    SocketAddr::new(base.ip(), base.port().saturating_add(offset))
}

/// The place of a name among the doors for its kind: `C1` -> 0, `C2` -> 1, `C4` -> 0 again.
/// A name without a trailing number uses the first door.
#[must_use]
pub fn lane(name: &str, doors: usize) -> usize {
    let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let number: usize = name[name.len() - digits..].parse().unwrap_or(1);
    number.saturating_sub(1) % doors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_client_uses_the_first_door_again() {
        let lanes: Vec<usize> =
            ["C1", "C2", "C3", "C4", "C0", "joe"].iter().map(|n| lane(n, 3)).collect();
        assert_eq!(lanes, [0, 1, 2, 0, 0, 0]);
    }
}
