//! Whether the addresses and ports of a cluster are free, and who holds those that are not.
//!
//! An address is tried by listening on it, which is exactly what the processes will do; its holder
//! is found through `/proc`. Other users' processes cannot be named without their rights.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use wire::NodeName;

use crate::procfs;

/// Tries every door.
///
/// # Errors
/// One line for each door that cannot be used: who holds it, and what to do.
pub fn check(doors: &[(SocketAddr, NodeName)]) -> Result<(), Vec<String>> {
    let mut blocked: BTreeMap<String, Vec<SocketAddr>> = BTreeMap::new();
    for (door, name) in doors {
        if let Err(error) = TcpListener::bind(door) {
            let why = reason(*door, *name, &error);
            blocked.entry(why).or_default().push(*door);
        }
    }
    if blocked.is_empty() {
        return Ok(());
    }
    let line = |(why, doors): (String, Vec<SocketAddr>)| {
        let doors: Vec<String> = doors.iter().map(ToString::to_string).collect();
        format!("{}: {why}", doors.join(", "))
    };
    Err(blocked.into_iter().map(line).collect())
}

fn reason(door: SocketAddr, name: NodeName, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let holders = holders(door);
            if holders.is_empty() {
                return format!("wanted by {name}, held by a process of another user");
            }
            format!("wanted by {name}, held by {}; end it first", holders.join(", "))
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("wanted by {name}, but this machine does not have the address {}", door.ip())
        }
        _ => format!("wanted by {name}: {error}"),
    }
}

/// The processes that listen where `door` would: `nginx (process 123)`.
#[must_use]
pub fn holders(door: SocketAddr) -> Vec<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let text: String = tables.iter().filter_map(|table| fs::read_to_string(table).ok()).collect();
    let inodes: Vec<u64> = listeners(&text)
        .filter(|(address, _)| {
            address.port() == door.port()
                && (address.ip() == door.ip() || address.ip().is_unspecified())
        })
        .map(|(_, inode)| inode)
        .collect();
    let mut found = Vec::new();
    for pid in procfs::all() {
        if inodes.iter().any(|inode| procfs::holds_socket(pid, *inode)) {
            found.push(format!("{} (process {pid})", procfs::program(pid)));
        }
    }
    found
}

/// The listening sockets of the kernel's tables: address and inode.
fn listeners(tables: &str) -> impl Iterator<Item = (SocketAddr, u64)> {
    tables.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, "0A", _, _, _, _, _, inode, ..] = fields.as_slice() else { return None };
        Some((address(local)?, inode.parse().ok()?))
    })
}

/// `0100007F:1F40` is 127.0.0.1:8000: the address in words of the machine's byte order.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::new();
    for start in (0..ip.len()).step_by(8) {
        let word = u32::from_str_radix(ip.get(start..start + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let ip = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        _ => {
            let ip = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
            ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)
        }
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_addresses_are_read() {
        let read = |text| address(text).unwrap().to_string();
        assert_eq!(read("6500007F:1F43"), "127.0.0.101:8003");
        assert_eq!(read("00000000000000000000000000000000:0050"), "[::]:80");
        assert_eq!(read("0000000000000000FFFF00000100007F:0050"), "127.0.0.1:80");
        assert_eq!(address("65:1F43"), None);
    }

    #[test]
    fn a_door_that_is_held_is_told_with_its_holder() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let door = held.local_addr().unwrap();
        let name = "S1".parse().unwrap();
        let errors = check(&[(door, name)]).unwrap_err();
        let me = format!("(process {})", std::process::id());
        assert!(errors[0].contains(&me) && errors[0].contains("wanted by S1"), "{errors:?}");

        drop(held);
        assert_eq!(check(&[(door, name)]), Ok(()));
    }

    #[test]
    fn a_listener_on_every_address_is_a_holder_too() {
        let held = TcpListener::bind("0.0.0.0:0").unwrap();
        let door =
            SocketAddr::new("127.0.0.101".parse().unwrap(), held.local_addr().unwrap().port());
        assert_eq!(holders(door).len(), 1);
        assert!(check(&[(door, "S1".parse().unwrap())]).is_err());
    }

    #[test]
    fn an_address_of_another_machine_is_said_to_be_missing() {
        let door = "192.0.2.1:8000".parse().unwrap();
        let errors = check(&[(door, "S1".parse().unwrap())]).unwrap_err();
        assert!(errors[0].contains("does not have the address"), "{errors:?}");
    }
}
