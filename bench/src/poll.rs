//! Waiting for sockets (epoll), and reading and writing them without waiting.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

/// How many sockets one call reports.
const EVENTS: usize = 256;

/// A set of sockets that are waited for until they can be read.
pub(crate) struct Poll {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poll {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS) })
    }

    /// From now on this socket is waited for, under this number.
    pub(crate) fn add(&self, socket: impl AsFd, number: usize) -> io::Result<()> {
        let data = epoll::EventData::new_u64(number as u64);
        epoll::add(&self.epoll, socket, data, epoll::EventFlags::IN)?;
        Ok(())
    }

    /// Waits, at most so long, and says which sockets can be read.
    pub(crate) fn wait(&mut self, most: Duration, into: &mut Vec<usize>) -> io::Result<()> {
        into.clear();
        self.events.clear();
        let most = Timespec::try_from(most).map_err(io::Error::other)?;
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&most)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        into.extend(self.events.iter().map(|event| event.data.u64() as usize));
        Ok(())
    }
}

/// Reads what is there: `None` when there is nothing now.
///
/// # Errors
/// When the peer has ended the connection, or it is broken.
pub(crate) fn read(stream: &mut TcpStream, block: &mut [u8]) -> io::Result<Option<usize>> {
    match stream.read(block) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes as much as the peer takes, and keeps the rest.
///
/// # Errors
/// When the connection is broken.
pub(crate) fn write(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    bytes.drain(..written);
    Ok(())
}
