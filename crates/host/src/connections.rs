//! All connections of a process, by number.
//!
//! Guarantees: accepted connections get odd numbers that are never used again (obligation 4); a
//! role that uses a number of a wrong kind, or one twice, is stopped by an assertion.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use node::Conn;

use crate::connection::Connection;

/// Connection numbers come from our own counters, so one multiplication spreads them well enough.
#[derive(Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}

/// All connections.
#[derive(Default)]
pub(crate) struct Connections {
    all: HashMap<Conn, Connection, BuildHasherDefault<NumberHasher>>,
    accepted: u64,
}

impl Connections {
    /// The number of the next accepted connection.
    pub(crate) fn next_accepted(&mut self) -> Conn {
        self.accepted += 1;
        Conn(2 * self.accepted - 1)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Adds one.
    pub(crate) fn insert(&mut self, conn: Conn, connection: Connection) {
        let before = self.all.insert(conn, connection);
        assert!(before.is_none(), "connection {conn} exists already");
    }

    /// That one, if it still exists.
    pub(crate) fn get(&mut self, conn: Conn) -> Option<&mut Connection> {
        self.all.get_mut(&conn)
    }

    /// That one, if it still exists and is still the role's.
    pub(crate) fn owned(&mut self, conn: Conn) -> Option<&mut Connection> {
        self.get(conn).filter(|connection| !connection.disowned)
    }

    /// Ends one.
    pub(crate) fn remove(&mut self, conn: Conn) -> Option<Connection> {
        self.all.remove(&conn)
    }

    /// All of them, in no order.
    pub(crate) fn all(&mut self) -> impl Iterator<Item = &mut Connection> {
        self.all.values_mut()
    }
}
