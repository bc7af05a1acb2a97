//! Everything outside the role: what its outputs act on.
//!
//! [`World::perform`] performs one output. Nothing here is written to a socket before
//! [`World::flush`], at the end of the turn (obligation 7), and the audit goes before it.
//!
//! What the role is to be told in return waits in two queues: `pending` for this turn (a record is
//! on disk, a process is launched), `later` for the next (a dial was refused at once), so that a
//! role that dials again without a pause cannot hold a turn forever.
//!
//! Not here: the role. This knows no type of it.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use node::{Conn, Event, Input, Output, Time};
use tokio_util::codec::Encoder;
use wire::{Codec, CodecError, ErrorCode, Message};

use crate::Settings;
use crate::audit::Audit;
use crate::clock::Clock;
use crate::connection::{Connection, Phase, Read};
use crate::connections::Connections;
use crate::console::Console;
use crate::dial;
use crate::listeners::Listeners;
use crate::process::Processes;
use crate::state;
use crate::timeouts::Timeouts;
use crate::wakeups::{Key, Source, Wakeups};

/// How long a dialled connection may take to open.
const DIAL_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a closed connection may take to send what was queued, and a half-closed one to be
/// answered.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How much is read from one connection in one turn, in bytes.
pub(crate) const READ_SHARE: usize = 64 * 1024;

/// Within a turn, before the sockets were tried, unsent bytes may pass the limit by this factor.
const BURST: usize = 4;

/// How the process ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// The exit code.
    pub(crate) code: u8,
    /// When what is not sent yet is given up.
    pub(crate) at: Time,
}

/// Everything outside the role.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    /// The current time of the role.
    pub(crate) now: Time,
    pub(crate) wakeups: Wakeups,
    /// Wakes the loop for work that a turn left behind.
    pub(crate) again: Source,
    pub(crate) connections: Connections,
    pub(crate) listeners: Listeners,
    pub(crate) processes: Processes,
    pub(crate) console: Console,
    pub(crate) audit: Audit,
    /// What the role is told in this turn.
    pub(crate) pending: VecDeque<Input>,
    /// What the role is told in the next turn.
    pub(crate) later: VecDeque<Input>,
    /// What is read is read here.
    pub(crate) scratch: BytesMut,
    pub(crate) silent: Timeouts,
    pub(crate) dialling: Timeouts,
    pub(crate) answering: Timeouts,
    pub(crate) closing: Timeouts,
    pub(crate) end: Option<End>,
    dirty: Vec<Conn>,
    frame: BytesMut,
    encoder: Codec,
    overruns: u64,
    audit_failed: bool,
}

impl World {
    /// The world of a process that has just started; within an event loop.
    pub(crate) fn new(
        settings: Settings,
        wakeups: Wakeups,
        listeners: Listeners,
        audit: Audit,
    ) -> io::Result<Self> {
        Ok(Self {
            clock: Clock::start(),
            now: Time::ZERO,
            again: wakeups.source(Key::Again),
            connections: Connections::default(),
            listeners,
            processes: Processes::new(&wakeups),
            console: Console::start(settings.console)?,
            audit,
            pending: VecDeque::new(),
            later: VecDeque::new(),
            scratch: BytesMut::new(),
            silent: Timeouts::new(settings.hello_timeout),
            dialling: Timeouts::new(DIAL_TIMEOUT),
            answering: Timeouts::new(CLOSE_TIMEOUT),
            closing: Timeouts::new(CLOSE_TIMEOUT),
            end: None,
            dirty: Vec::new(),
            frame: BytesMut::new(),
            encoder: Codec::new(settings.frame_limit),
            overruns: 0,
            audit_failed: false,
            wakeups,
            settings,
        })
    }

    /// Reads the clock.
    pub(crate) fn tick(&mut self) {
        self.now = self.clock.now();
    }

    /// Tells the role in the next turn.
    fn tell_later(&mut self, input: Input) {
        self.later.push_back(input);
        self.again.wake();
    }

    /// Something happened.
    pub(crate) fn note(&mut self, event: &Event) {
        self.console.note(event);
        self.audit.note(event);
    }

    /// Performs an output.
    pub(crate) fn perform(&mut self, output: Output) {
        match output {
            Output::Dial(conn, to) => self.dial(conn, to),
            Output::Send(conn, message) => self.send(conn, &message),
            Output::SendMany(conns, messages) => self.send_many(&conns, &messages),
            Output::Close(conn) => self.close(conn),
            Output::Pause(conn) => {
                if let Some(connection) = self.connections.owned(conn) {
                    connection.paused = true;
                }
            }
            Output::Resume(conn) => {
                if let Some(connection) = self.connections.owned(conn) {
                    connection.paused = false;
                    connection.source.wake();
                }
            }
            Output::Launch(_) => self.launch(),
            Output::Adopt(pid) => self.adopt(pid),
            Output::Kill(pid) => {
                if let Err(text) = self.processes.kill(pid) {
                    self.note(&Event::Warning(text));
                }
            }
            Output::Persist(record) => self.persist(&record),
            Output::Note(event) => self.note(&event),
            Output::Exit(code) => self.end(code),
        }
    }

    /// Ends the process once what was sent is out.
    pub(crate) fn end(&mut self, code: u8) {
        if self.end.is_none() {
            self.end = Some(End { code, at: self.now + CLOSE_TIMEOUT });
            self.again.wake();
        }
    }

    fn dial(&mut self, conn: Conn, to: SocketAddr) {
        assert!(conn.0.is_multiple_of(2), "a role dials under even numbers, not {conn}");
        match dial::dial(self.settings.bind, to) {
            Ok(stream) => {
                let source = self.wakeups.source(Key::Connection(conn.0));
                source.wake();
                let limit = self.settings.frame_limit;
                let connection = Connection::new(stream, source, to, None, Phase::Dialling, limit);
                self.connections.insert(conn, connection);
                self.dialling.push(self.now, conn);
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::ConnectionRefused {
                    self.note(&Event::Debug(format!("cannot dial {to}: {error}")));
                }
                self.tell_later(Input::Closed(conn));
            }
        }
    }

    fn send(&mut self, conn: Conn, message: &Message) {
        let Some(connection) = self.connections.owned(conn).filter(|c| !c.broken) else { return };
        match connection.queue(message) {
            Ok(()) => self.queued(conn),
            Err(error) => self.unsendable(conn, &error),
        }
    }

    fn send_many(&mut self, conns: &[Conn], messages: &[Message]) {
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        let mut each = messages.iter();
        let encoded = each.try_for_each(|message| self.encoder.encode(message, &mut frame));
        for conn in conns {
            match &encoded {
                Ok(()) => self.send_bytes(*conn, &frame),
                Err(error) => self.unsendable(*conn, error),
            }
        }
        self.frame = frame;
    }

    fn send_bytes(&mut self, conn: Conn, frame: &[u8]) {
        if let Some(connection) = self.connections.owned(conn).filter(|c| !c.broken) {
            connection.queue_bytes(frame);
            self.queued(conn);
        }
    }

    /// Has the connection written at the end of the turn.
    pub(crate) fn queued(&mut self, conn: Conn) {
        let Some(connection) = self.connections.get(conn) else { return };
        if !std::mem::replace(&mut connection.dirty, true) {
            self.dirty.push(conn);
        }
        if connection.unsent() > self.settings.write_limit.saturating_mul(BURST) {
            self.overrun(conn);
        }
    }

    /// A frame that every peer would refuse: leaving it out would break the order of what is sent,
    /// so the connection goes.
    fn unsendable(&mut self, conn: Conn, error: &CodecError) {
        if self.connections.owned(conn).is_some() {
            self.connections.remove(conn);
            self.note(&Event::Warning(format!("closed connection {conn}: cannot send: {error}")));
            self.tell_later(Input::Closed(conn));
        }
    }

    /// A peer that does not read (obligation 9).
    fn overrun(&mut self, conn: Conn) {
        let Some(connection) = self.connections.remove(conn) else { return };
        self.overruns += 1;
        let what = "connections whose peer does not read";
        self.note(&Event::Dropped { what, count: self.overruns });
        if !connection.disowned {
            self.tell_later(Input::Closed(conn));
        }
    }

    /// Sends what was queued, then closes; the role hears nothing more of it.
    pub(crate) fn close(&mut self, conn: Conn) {
        // It may be closed already, and the role not told yet.
        let told = |input: &Input| *input != Input::Closed(conn);
        self.pending.retain(told);
        self.later.retain(told);
        let Some(connection) = self.connections.owned(conn) else { return };
        if connection.broken || (connection.phase == Phase::Dialling && connection.unsent() == 0) {
            self.connections.remove(conn);
            return;
        }
        connection.disowned = true;
        connection.inbound.clear();
        self.closing.push(self.now, conn);
        self.queued(conn);
    }

    /// Tells a peer what it did wrong, and closes.
    pub(crate) fn reject(&mut self, conn: Conn, code: ErrorCode, text: String) {
        let message = Message::Error { from: self.settings.name, code, text };
        self.send(conn, &message);
        self.close(conn);
        let Message::Error { text, .. } = message else { return };
        self.note(&Event::Rejected { conn, code, text });
    }

    fn launch(&mut self) {
        let launched = match &self.settings.launch {
            Some(command) => self.processes.launch(command),
            None => Err("this process was not told what to launch".to_owned()),
        };
        self.tick();
        self.pending.push_back(match launched {
            Ok(pid) => Input::Launched { pid },
            Err(text) => Input::LaunchFailed(text),
        });
    }

    fn adopt(&mut self, pid: u32) {
        let adopted = match &self.settings.launch {
            Some(command) => self.processes.adopt(pid, command),
            None => Err(format!("process {pid} is not adopted: nothing is launched here")),
        };
        match adopted {
            Ok(()) => self.pending.push_back(Input::Launched { pid }),
            Err(text) => self.note(&Event::Warning(text)),
        }
    }

    fn persist(&mut self, record: &str) {
        let saved = match &self.settings.record {
            Some(path) => state::save_record(path, record)
                .map_err(|error| format!("cannot write the record {}: {error}", path.display())),
            None => Err("this process was not told where its record is".to_owned()),
        };
        self.tick();
        self.pending.push_back(match saved {
            Ok(()) => Input::Persisted,
            Err(text) => Input::PersistFailed(text),
        });
    }

    /// Writes the audit of this turn.
    pub(crate) fn write_audit(&mut self) {
        let Err(error) = self.audit.write() else { return };
        // Said once: a full disk would otherwise fill the terminal as well.
        if !std::mem::replace(&mut self.audit_failed, true) {
            self.note(&Event::Warning(format!("the audit file has gaps from now on: {error}")));
        }
    }

    /// Writes what was queued in this turn, as far as the peers take it.
    pub(crate) fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for conn in dirty.drain(..) {
            let limit = self.settings.write_limit;
            let Some(connection) = self.connections.get(conn) else { continue };
            connection.dirty = false;
            let flushed = match connection.phase {
                Phase::Dialling => Poll::Pending,
                _ => connection.flush(),
            };
            match flushed {
                Poll::Ready(Ok(())) if connection.disowned => self.wind_up(conn),
                Poll::Ready(Ok(())) => {}
                Poll::Pending if connection.unsent() > limit => self.overrun(conn),
                Poll::Pending => {}
                Poll::Ready(Err(_)) if connection.disowned => {
                    self.connections.remove(conn);
                }
                Poll::Ready(Err(_)) => {
                    // What the peer said before it went is still to be read.
                    connection.broken = true;
                    connection.discard();
                    connection.source.wake();
                }
            }
        }
        self.dirty = dirty;
    }

    /// All is sent on a connection that is to be closed: the peer is given the end, and its own end
    /// is waited for.
    fn wind_up(&mut self, conn: Conn) {
        let Some(connection) = self.connections.get(conn) else { return };
        match connection.phase {
            Phase::Dialling | Phase::Draining => {}
            Phase::Open => {
                connection.end_sending();
                connection.phase = Phase::Draining;
            }
            Phase::Answering => {
                self.connections.remove(conn);
                return;
            }
        }
        let mut left = READ_SHARE;
        while left > 0 {
            self.scratch.clear();
            match connection.read(&mut self.scratch, left) {
                Read::Data(bytes) => left -= bytes,
                Read::Blocked => return,
                Read::End | Read::Broken => {
                    self.connections.remove(conn);
                    return;
                }
            }
        }
        connection.source.wake();
    }

    /// Whether everything that was sent is out.
    pub(crate) fn is_flushed(&mut self) -> bool {
        self.connections.all().all(|c| c.phase == Phase::Dialling || c.unsent() == 0)
    }

    /// Ends all connections in a way that lets the peers read what was said last.
    pub(crate) fn hang_up(&mut self) {
        for connection in self.connections.all() {
            if matches!(connection.phase, Phase::Open | Phase::Answering) {
                connection.end_sending();
                self.scratch.clear();
                // What is unread when a socket is dropped makes the kernel take back what was sent.
                let _ = connection.read(&mut self.scratch, READ_SHARE);
            }
        }
    }

    /// The next moment at which the host itself has something to do.
    pub(crate) fn next(&self) -> Option<Time> {
        let queues = [&self.silent, &self.dialling, &self.answering, &self.closing];
        let timeouts = queues.into_iter().filter_map(Timeouts::next);
        timeouts.chain(self.listeners.next()).chain(self.end.map(|end| end.at)).min()
    }
}
