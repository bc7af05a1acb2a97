//! The doors: listening sockets, and what comes in by them.
//!
//! Guarantee: when the system has no room for another connection, the door is left alone for a
//! while instead of being tried at full speed, and that is said once.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::task::Poll;
use std::time::Duration;

use node::Time;
use tokio::net::{TcpListener, TcpStream};

use crate::dial::stream_socket;
use crate::wakeups::{Key, Source, Wakeups};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// How long a door is left alone after an error.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What a door says.
pub(crate) enum Accepted {
    /// A connection, and the door's offset.
    Connection(TcpStream, SocketAddr, u16),
    /// An error that was not said before; the door is closed for a while.
    Trouble(SocketAddr, io::Error),
    /// Nothing now.
    Nothing,
}

/// A listening socket that belongs to no event loop yet.
pub(crate) struct Bound {
    socket: StdListener,
    /// The address, with the port that the system drew if 0 was asked for.
    pub(crate) address: SocketAddr,
    door: u16,
}

impl Bound {
    /// Opens a door. Its offset is that of its port from the base; a port that the system draws
    /// counts as the door that its `place` in the settings says.
    pub(crate) fn open(asked: SocketAddr, base: u16, place: usize) -> io::Result<Self> {
        let socket = stream_socket(asked)?;
        socket.set_reuse_address(true)?;
        socket.bind(&asked.into())?;
        socket.listen(BACKLOG)?;
        let socket = StdListener::from(socket);
        let by_place = u16::try_from(place).unwrap_or(u16::MAX);
        let door = asked.port().checked_sub(base).unwrap_or(by_place);
        Ok(Self { address: socket.local_addr()?, socket, door })
    }
}

/// One door.
struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    door: u16,
    source: Source,
    retry: Option<Time>,
    failing: bool,
}

/// All doors.
pub(crate) struct Listeners(Vec<Listener>);

impl Listeners {
    /// Takes the doors into the event loop.
    ///
    /// # Errors
    /// When the event loop cannot take them.
    pub(crate) fn new(bound: Vec<Bound>, wakeups: &Wakeups) -> io::Result<Self> {
        let listener = |(place, bound): (usize, Bound)| {
            let source = wakeups.source(Key::Listener(place));
            source.wake();
            let socket = TcpListener::from_std(bound.socket)?;
            let Bound { address, door, .. } = bound;
            Ok(Listener { socket, address, door, source, retry: None, failing: false })
        };
        bound.into_iter().enumerate().map(listener).collect::<io::Result<_>>().map(Self)
    }

    /// Takes the next connection at the door of this place. With no `room`, the door behaves as if
    /// the system had refused.
    pub(crate) fn accept(&mut self, place: usize, now: Time, room: bool) -> Accepted {
        let listener = &mut self.0[place];
        listener.source.clear();
        if listener.retry.is_some_and(|at| now < at) {
            return Accepted::Nothing;
        }
        listener.retry = None;
        let polled = if room {
            listener.socket.poll_accept(&mut listener.source.context())
        } else {
            let text = "as many connections as this process may have are open";
            Poll::Ready(Err(io::Error::other(text)))
        };
        match polled {
            Poll::Pending => Accepted::Nothing,
            Poll::Ready(Ok((stream, remote))) => {
                listener.failing = false;
                Accepted::Connection(stream, remote, listener.door)
            }
            Poll::Ready(Err(error)) => listener.trouble(now, error),
        }
    }

    /// Has the door served again in the next turn.
    pub(crate) fn again(&self, place: usize) {
        self.0[place].source.wake();
    }

    /// Has the doors served whose time to try again has come.
    pub(crate) fn wake(&self, now: Time) {
        for listener in &self.0 {
            if listener.retry.is_some_and(|at| at <= now) {
                listener.source.wake();
            }
        }
    }

    /// When the next door is tried again.
    pub(crate) fn next(&self) -> Option<Time> {
        self.0.iter().filter_map(|listener| listener.retry).min()
    }
}

impl Listener {
    fn trouble(&mut self, now: Time, error: io::Error) -> Accepted {
        // The peer gave up while it waited: no trouble of ours, and the next one may wait already.
        if error.kind() == io::ErrorKind::ConnectionAborted {
            self.source.wake();
            return Accepted::Nothing;
        }
        self.retry = Some(now + BACK_OFF);
        if std::mem::replace(&mut self.failing, true) {
            return Accepted::Nothing;
        }
        Accepted::Trouble(self.address, error)
    }
}
