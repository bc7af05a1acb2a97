//! Connections, as the role sees them: opened, frames in order, closed.
//!
//! Guarantees: obligations 5, 6, 9 and 10 of [`node`]. Bytes that are no frame cost their own
//! connection and nobody else's.

use std::task::Poll;

use bytes::{Bytes, BytesMut};
use node::{Conn, Event, Input, Peer, Role};
use tokio_util::codec::Decoder;
use wire::ErrorCode;

use crate::connection::{Connection, Phase, Read};
use crate::listeners::Accepted;
use crate::turn::Turns;
use crate::wakeups::Key;
use crate::world::READ_SHARE;

/// How many connections a door accepts in one turn.
const ACCEPT_SHARE: usize = 64;

impl<R: Role> Turns<R> {
    /// Takes in the connections that wait at a door.
    pub(crate) fn serve_listener(&mut self, place: usize) {
        for _ in 0..ACCEPT_SHARE {
            let room = self.world.connections.len() < self.world.settings.connections;
            match self.world.listeners.accept(place, self.world.now, room) {
                Accepted::Nothing => return,
                Accepted::Trouble(address, error) => {
                    let text = format!("cannot accept connections on {address}: {error}; waiting");
                    self.world.note(&Event::Warning(text));
                    return;
                }
                Accepted::Connection(stream, remote, door) => {
                    // Most systems hand the door's options on, but not all. A socket that refuses
                    // is broken, and reading tells that as well.
                    let _ = stream.set_nodelay(true);
                    let conn = self.world.connections.next_accepted();
                    let source = self.world.wakeups.source(Key::Connection(conn.0));
                    source.wake();
                    let limit = self.world.settings.frame_limit;
                    let connection =
                        Connection::new(stream, source, remote, Some(door), Phase::Open, limit);
                    self.world.connections.insert(conn, connection);
                    self.world.silent.push(self.world.now, conn);
                    self.step(Input::Opened(conn, Peer { remote, door: Some(door) }));
                }
            }
        }
        self.world.listeners.again(place);
    }

    /// Serves a connection that was woken.
    pub(crate) fn serve_connection(&mut self, conn: Conn) {
        let Some(connection) = self.world.connections.get(conn) else { return };
        connection.source.clear();
        if self.share == 0 {
            connection.source.wake();
            return;
        }
        if connection.phase == Phase::Dialling && !self.open(conn) {
            return;
        }
        let Some(connection) = self.world.connections.get(conn) else { return };
        let (unsent, disowned) = (connection.unsent() > 0, connection.disowned);
        if unsent || disowned {
            self.world.queued(conn);
        }
        if !disowned {
            self.world.tick();
            self.receive(conn);
        }
    }

    /// Finds out whether a dialled connection has opened.
    fn open(&mut self, conn: Conn) -> bool {
        let Some(connection) = self.world.connections.get(conn) else { return false };
        let peer = Peer { remote: connection.remote, door: None };
        let disowned = connection.disowned;
        match connection.poll_open() {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) => connection.phase = Phase::Open,
            Poll::Ready(Err(_)) => {
                self.lost(conn);
                return false;
            }
        }
        if !disowned {
            self.step(Input::Opened(conn, peer));
        }
        true
    }

    /// Reads what is there, in bounds, and gives it to the role frame by frame.
    fn receive(&mut self, conn: Conn) {
        let mut buffer = std::mem::take(&mut self.world.scratch);
        buffer.clear();
        if let Some(connection) = self.world.connections.owned(conn) {
            buffer.extend_from_slice(&std::mem::take(&mut connection.inbound));
        }
        self.read(conn, &mut buffer);
        if let Some(connection) = self.world.connections.owned(conn)
            && !buffer.is_empty()
        {
            connection.inbound = Bytes::copy_from_slice(&buffer);
        }
        self.world.scratch = buffer;
    }

    fn read(&mut self, conn: Conn, buffer: &mut BytesMut) {
        let mut left = READ_SHARE;
        loop {
            if !self.decode(conn, buffer) {
                return;
            }
            let Some(connection) = self.world.connections.owned(conn) else { return };
            if left == 0 {
                connection.source.wake();
                return;
            }
            let read = match connection.phase {
                // The peer has ended its sending; it is only still answered.
                Phase::Answering => Read::Blocked,
                _ => connection.read(buffer, left),
            };
            match read {
                Read::Data(bytes) => {
                    left -= bytes.min(left);
                    self.share = self.share.saturating_sub(bytes);
                }
                Read::Blocked if connection.broken => return self.lost(conn),
                Read::Blocked => return,
                Read::End => return self.peer_ended(conn),
                Read::Broken => return self.lost(conn),
            }
        }
    }

    /// Gives the role every whole frame of the buffer. False when nothing more is to be read.
    fn decode(&mut self, conn: Conn, buffer: &mut BytesMut) -> bool {
        loop {
            let Some(connection) = self.world.connections.owned(conn) else { return false };
            if connection.paused {
                if connection.broken {
                    self.lost(conn);
                }
                return false;
            }
            match connection.codec.decode(buffer) {
                Ok(Some(message)) => {
                    connection.heard = true;
                    self.step(Input::Received(conn, message));
                }
                Ok(None) => return true,
                Err(error) => {
                    self.reject(conn, error.code(), error.to_string());
                    return false;
                }
            }
        }
    }

    /// The peer has ended its sending.
    fn peer_ended(&mut self, conn: Conn) {
        let Some(connection) = self.world.connections.owned(conn) else { return };
        let answered = connection.heard
            && !connection.broken
            && connection.door.is_some_and(|door| self.world.settings.half_close.contains(&door));
        if answered {
            connection.phase = Phase::Answering;
            self.world.answering.push(self.world.now, conn);
            self.step(Input::Ended(conn));
        } else {
            self.lost(conn);
        }
    }

    /// The connection is no more.
    fn lost(&mut self, conn: Conn) {
        if self.world.connections.remove(conn).is_some_and(|connection| !connection.disowned) {
            self.step(Input::Closed(conn));
        }
    }

    /// The peer broke the rules: it is told so, and the role that the connection is closed.
    fn reject(&mut self, conn: Conn, code: ErrorCode, text: String) {
        self.world.reject(conn, code, text);
        self.step(Input::Closed(conn));
    }

    /// Ends what has taken too long.
    pub(crate) fn expire(&mut self) {
        let now = self.world.now;
        while let Some(conn) = self.world.silent.due(now) {
            if self.world.connections.owned(conn).is_some_and(|connection| !connection.heard) {
                let within = self.world.settings.hello_timeout.as_secs_f64();
                let text = format!("no whole frame within {within} s");
                self.reject(conn, ErrorCode::Silent, text);
            }
        }
        while let Some(conn) = self.world.dialling.due(now) {
            let dialling = |connection: &mut Connection| connection.phase == Phase::Dialling;
            if self.world.connections.get(conn).is_some_and(dialling) {
                self.lost(conn);
            }
        }
        while let Some(conn) = self.world.answering.due(now) {
            if self.world.connections.owned(conn).is_some() {
                self.world.close(conn);
                self.step(Input::Closed(conn));
            }
        }
        while let Some(conn) = self.world.closing.due(now) {
            self.world.connections.remove(conn);
        }
        self.world.listeners.wake(now);
    }
}
