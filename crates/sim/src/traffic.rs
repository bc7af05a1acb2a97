//! How connections are opened, how segments travel, and how connections end.
//!
//! Guarantees: obligations 4, 5, 6, 9 and 10 of `node`.
//!
//! Modelled after the host and the kernel under it: a stopped process still accepts connections and
//! takes in bytes, until too much is unread; a dead one refuses; one behind a cut link is neither,
//! so a dial to it hangs and fails after two seconds; a connection over a cut link stays half-open
//! until the kernel gives up what is not acknowledged.
//!
//! Not here: which links are cut; see `faults`.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use node::{Conn, Input, Peer, Time};
use tokio_util::codec::Decoder as _;
use wire::{Message, ports};

use crate::network::{End, Flow, PipeId, Segment, weight};
use crate::observe::Seen;
use crate::plan::Kind;
use crate::process::{Mail, Pid};
use crate::random::Span;
use crate::world::{Happening, World};

/// How long the host tries to open a connection.
const DIAL_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the kernel knocks again in that time.
const KNOCK_AGAIN: Duration = Duration::from_millis(500);
/// How long the kernel keeps a connection whose peer acknowledges nothing.
const USER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a peer that ended its own sending is still answered, where it is.
const ANSWERING: Duration = Duration::from_secs(1);
/// The longest that a mended link waits for the next retransmission, in microseconds.
const RETRANSMISSION: u64 = 400_000;
/// How many parts the bytes of one sending are cut into, at most.
const PARTS: u64 = 4;

impl World {
    // ---- opening ----

    pub(crate) fn dial(&mut self, pid: Pid, conn: Conn, at: SocketAddr) {
        let Some(process) = self.processes.get_mut(pid.into()) else { return };
        let pipe = self.network.dial(End::new(pid, process.kind, conn, None));
        process.conns.insert(conn, pipe);
        let due = self.now + self.random.within(self.plan.latency);
        self.at(due, Happening::Knock { pipe, at, attempt: 0 });
    }

    pub(crate) fn knock(&mut self, id: PipeId, at: SocketAddr, attempt: u32) {
        let Some(pipe) = self.network.pipes.get(id) else { return };
        let (dialler, from) = (pipe.ends[0].pid, pipe.ends[0].kind);
        if pipe.ends[0].closed {
            self.network.pipes.remove(id);
            return;
        }
        let due = self.now + self.random.within(self.plan.latency);
        let Some(kind) = Kind::listening(at) else {
            return self.at(due, Happening::Post(dialler, Box::new(Mail::Broken(id))));
        };
        if self.network.is_cut(from, kind) || self.network.is_cut(kind, from) {
            if KNOCK_AGAIN * attempt >= DIAL_TIMEOUT {
                return self.at(due, Happening::Post(dialler, Box::new(Mail::Broken(id))));
            }
            let again = Happening::Knock { pipe: id, at, attempt: attempt + 1 };
            return self.at(self.now + KNOCK_AGAIN, again);
        }
        let Some(accepter) = self.names.get(&kind.name()).copied() else {
            return self.at(due, Happening::Post(dialler, Box::new(Mail::Broken(id))));
        };
        let Some(process) = self.processes.get_mut(accepter.into()) else { return };
        let conn = process.accept();
        process.conns.insert(conn, id);
        let door = at.port() - ports::DEFAULT_BASE;
        if let Some(pipe) = self.network.pipes.get_mut(id) {
            pipe.ends.push(End::new(accepter, kind, conn, Some(door)));
        }
        let remote = SocketAddr::new(from.address().ip(), 40_000 + (id % 20_000) as u16);
        let peer = Peer { remote, door: Some(door) };
        self.post(accepter, Mail::Of(id, Input::Opened(conn, peer)));
        self.at(due, Happening::Answer(id));
    }

    pub(crate) fn answered(&mut self, id: PipeId) {
        let Some(pipe) = self.network.pipes.get_mut(id) else { return };
        pipe.connected = true;
        let (dialler, conn) = (pipe.ends[0].pid, pipe.ends[0].conn);
        let remote = pipe.ends[1].kind.address();
        let door = pipe.ends[1].door.unwrap_or(0);
        let peer = Peer { remote: ports::door(remote, door), door: None };
        self.post(dialler, Mail::Of(id, Input::Opened(conn, peer)));
        self.schedule(id, 0);
    }

    // ---- sending ----

    /// Queues a frame; it goes out at the end of the turn.
    pub(crate) fn send(&mut self, pid: Pid, conn: Conn, message: Message) {
        let Some(process) = self.processes.get(pid.into()) else { return };
        let Some(id) = process.conns.get(&conn).copied() else { return };
        self.see(pid, Seen::Sent { conn, message: &message });
        let Some(pipe) = self.network.pipes.get_mut(id) else { return };
        if let Some(end) = pipe.ends.iter_mut().find(|end| end.pid == pid && !end.closed) {
            let first = end.pending.is_empty();
            end.pending.push(message);
            if let Some(process) = self.processes.get_mut(pid.into()).filter(|_| first) {
                process.unsent.push(id);
            }
        }
    }

    /// The turn is over: what was queued goes out.
    pub(crate) fn flush(&mut self, pid: Pid) {
        let Some(process) = self.processes.get_mut(pid.into()) else { return };
        let mut unsent = std::mem::take(&mut process.unsent);
        for id in unsent.drain(..) {
            self.flush_pipe(pid, id);
        }
        if let Some(process) = self.processes.get_mut(pid.into()) {
            process.unsent = unsent;
        }
    }

    pub(crate) fn flush_pipe(&mut self, pid: Pid, id: PipeId) {
        let Some(pipe) = self.network.pipes.get_mut(id) else { return };
        let Some(side) = pipe.side(pid) else { return };
        let frames = std::mem::take(&mut pipe.ends[side].pending);
        if frames.is_empty() {
            return;
        }
        let flow = &mut pipe.flows[side];
        flow.unread += frames.iter().map(weight).sum::<usize>();
        if flow.unread > self.plan.write_limit {
            // Obligation 9: a peer that does not read.
            self.post(pid, Mail::Broken(id));
            return self.push(id, side, Segment::Reset);
        }
        if !self.plan.bytes {
            return self.push(id, side, Segment::Frames(frames));
        }
        let mut bytes = BytesMut::new();
        for frame in &frames {
            wire::encode(frame, &mut bytes);
        }
        for _ in 0..self.random.below(PARTS) {
            let cut = self.random.below(bytes.len() as u64);
            let part = bytes.split_to(usize::try_from(cut).unwrap_or(0));
            self.push(id, side, Segment::Bytes(part.freeze()));
        }
        self.push(id, side, Segment::Bytes(bytes.freeze()));
    }

    fn push(&mut self, id: PipeId, side: usize, segment: Segment) {
        let latency = self.random.within(self.plan.latency);
        let due = self.now + latency;
        let Some(pipe) = self.network.pipes.get_mut(id) else { return };
        if pipe.ends[side].severed && !matches!(segment, Segment::Reset) {
            return;
        }
        let flow = &mut pipe.flows[side];
        flow.last = flow.last.max(due);
        let at = flow.last;
        flow.segments.push_back((at, segment));
        self.schedule(id, side);
    }

    /// Puts the arrival of a flow's first segment on the list.
    fn schedule(&mut self, id: PipeId, side: usize) {
        let Some(pipe) = self.network.pipes.get_mut(id) else { return };
        let connected = pipe.connected || side == 1;
        let flow = &mut pipe.flows[side];
        if flow.scheduled || flow.stuck.is_some() || !connected {
            return;
        }
        let Some((at, _)) = flow.segments.front() else { return };
        let at = *at;
        flow.scheduled = true;
        self.at(at, Happening::Arrive { pipe: id, flow: side });
    }

    // ---- arriving ----

    pub(crate) fn arrive(&mut self, id: PipeId, side: usize) {
        let now = self.now;
        let Some(pipe) = self.network.pipes.get_mut(id) else { return };
        let Some(to) = pipe.ends.get(1 - side).map(|end| end.kind) else { return };
        let from = pipe.ends[side].kind;
        let flow = &mut pipe.flows[side];
        flow.scheduled = false;
        if self.network.is_cut(from, to) {
            return self.hold_back(id, side);
        }
        let segment = self.network.pipes.get_mut(id).and_then(|pipe| {
            let first = pipe.flows[side].segments.front()?;
            if first.0 <= now { pipe.flows[side].segments.pop_front() } else { None }
        });
        if let Some((_, segment)) = segment {
            self.deliver(id, side, segment);
        }
        self.schedule(id, side);
    }

    fn hold_back(&mut self, id: PipeId, side: usize) {
        let since = self.now;
        if let Some(pipe) = self.network.pipes.get_mut(id) {
            pipe.flows[side].stuck = Some(since);
            let give_up = Happening::GiveUp { pipe: id, flow: side, since };
            self.at(since + USER_TIMEOUT, give_up);
        }
    }

    fn deliver(&mut self, id: PipeId, side: usize, segment: Segment) {
        let Some(pipe) = self.network.pipes.get_mut(id) else { return };
        let end = &mut pipe.ends[1 - side];
        if end.closed || end.severed {
            let data = matches!(segment, Segment::Frames(_) | Segment::Bytes(_));
            if data && !pipe.ends[side].closed {
                self.push(id, 1 - side, Segment::Reset);
            }
            return;
        }
        let (pid, conn) = (end.pid, end.conn);
        match segment {
            Segment::Frames(frames) => {
                for frame in frames {
                    self.post(pid, Mail::Of(id, Input::Received(conn, frame)));
                }
            }
            Segment::Bytes(bytes) => {
                end.buffer.extend_from_slice(&bytes);
                let mut frames = Vec::new();
                let failed = loop {
                    match end.codec.decode(&mut end.buffer) {
                        Ok(Some(frame)) => frames.push(frame),
                        Ok(None) => break None,
                        Err(error) => break Some(error),
                    }
                };
                for frame in frames {
                    self.post(pid, Mail::Of(id, Input::Received(conn, frame)));
                }
                assert!(failed.is_none(), "a role sent what is no frame: {failed:?}");
            }
            Segment::Fin => self.post(pid, Mail::End(id)),
            Segment::Reset => self.post(pid, Mail::Broken(id)),
        }
    }

    /// Some links are mended: what they held back comes, one retransmission later.
    pub(crate) fn resume_flows(&mut self) {
        let mut due = Vec::new();
        for (id, pipe) in self.network.pipes.iter_mut() {
            for side in 0..pipe.flows.len() {
                let Some(since) = pipe.flows[side].stuck else { continue };
                let stuck = self.now.since(since).as_micros();
                due.push((id, side, u64::try_from(stuck).unwrap_or(u64::MAX)));
            }
        }
        for (id, side, stuck) in due {
            let Some(pipe) = self.network.pipes.get(id) else { continue };
            let (from, to) = (pipe.ends[side].kind, pipe.ends[1 - side].kind);
            if self.network.is_cut(from, to) {
                continue;
            }
            let wait = self.random.within(Span::micros(100, 100 + stuck.min(RETRANSMISSION)));
            let at = self.now + wait;
            let Some(pipe) = self.network.pipes.get_mut(id) else { continue };
            let flow = &mut pipe.flows[side];
            (flow.stuck, flow.scheduled, flow.last) = (None, true, flow.last.max(at));
            for (due, _) in &mut flow.segments {
                *due = (*due).max(at);
            }
            self.at(at, Happening::Arrive { pipe: id, flow: side });
        }
    }

    /// The kernels give up a connection on which nothing was acknowledged.
    pub(crate) fn give_up(&mut self, id: PipeId, side: usize, since: Time) {
        let Some(pipe) = self.network.pipes.get_mut(id) else { return };
        if pipe.flows[side].stuck != Some(since) {
            return;
        }
        pipe.flows[side] = Flow::default();
        // The other end's kernel has asked in vain whether anybody is there, and gives up, too.
        let pids: Vec<Pid> = pipe.ends.iter().map(|end| end.pid).collect();
        for pid in pids {
            self.post(pid, Mail::Broken(id));
        }
    }

    // ---- the mailbox ----

    /// A process takes one thing out of its mailbox.
    pub(crate) fn open(&mut self, pid: Pid, mail: Mail) {
        let id = match &mail {
            Mail::Input(_) => None,
            Mail::Of(id, _) | Mail::End(id) | Mail::Broken(id) | Mail::Severed(id) => Some(*id),
        };
        if let Some(id) = id {
            let Some(process) = self.processes.get_mut(pid.into()) else { return };
            if process.paused.contains_key(&id)
                && !matches!(mail, Mail::Broken(_) | Mail::Severed(_))
            {
                return process.held.push_back(mail);
            }
            if !self.is_open(pid, id) {
                return;
            }
        }
        match mail {
            Mail::Input(input) => self.input(pid, input),
            Mail::Of(id, input) => self.take(pid, id, input),
            Mail::End(id) => self.peer_ended(pid, id),
            Mail::Broken(id) => self.lose(pid, id, Some(Segment::Fin)),
            Mail::Severed(id) => self.lose(pid, id, None),
        }
    }

    fn is_open(&self, pid: Pid, id: PipeId) -> bool {
        let end = self.network.pipes.get(id).and_then(|p| p.ends.iter().find(|e| e.pid == pid));
        end.is_some_and(|end| !end.closed)
    }

    fn take(&mut self, pid: Pid, id: PipeId, input: Input) {
        if let Input::Received(conn, message) = &input
            && let Some(pipe) = self.network.pipes.get_mut(id)
            && let Some(side) = pipe.side(pid)
        {
            let flow = &mut pipe.flows[1 - side];
            flow.unread = flow.unread.saturating_sub(weight(message));
            pipe.ends[side].heard = true;
            let peer = &pipe.ends[1 - side];
            let from = (peer.name, peer.pid);
            self.see(pid, Seen::Received { conn: *conn, from, message });
        }
        self.input(pid, input);
    }

    fn peer_ended(&mut self, pid: Pid, id: PipeId) {
        let Some(pipe) = self.network.pipes.get(id) else { return };
        let Some(end) = pipe.ends.iter().find(|end| end.pid == pid) else { return };
        let door = end.door.filter(|_| end.heard);
        if door.is_some_and(|door| end.kind.answers_half_closed(door)) {
            let conn = end.conn;
            self.at(self.now + ANSWERING, Happening::Post(pid, Box::new(Mail::Broken(id))));
            self.input(pid, Input::Ended(conn));
        } else {
            self.lose(pid, id, Some(Segment::Fin));
        }
    }

    /// A connection is no more, and its role is told so.
    fn lose(&mut self, pid: Pid, id: PipeId, last: Option<Segment>) {
        if let Some(conn) = self.shut(pid, id, last) {
            self.input(pid, Input::Closed(conn));
        }
    }

    /// The role closes a connection: what was queued goes out first.
    pub(crate) fn close(&mut self, pid: Pid, conn: Conn) {
        let Some(process) = self.processes.get(pid.into()) else { return };
        let Some(id) = process.conns.get(&conn).copied() else { return };
        self.flush_pipe(pid, id);
        self.shut(pid, id, Some(Segment::Fin));
    }

    /// Closes one end of a connection, and tells the other one by `last`. Says which number it had.
    pub(crate) fn shut(&mut self, pid: Pid, id: PipeId, last: Option<Segment>) -> Option<Conn> {
        let pipe = self.network.pipes.get_mut(id)?;
        let side = pipe.side(pid)?;
        let end = &mut pipe.ends[side];
        if std::mem::replace(&mut end.closed, true) {
            return None;
        }
        let conn = end.conn;
        let (lonely, over) = (pipe.ends.len() == 1, pipe.is_over());
        if let Some(process) = self.processes.get_mut(pid.into()) {
            process.conns.remove(&conn);
            process.paused.remove(&id);
            process
                .held
                .retain(|mail| !matches!(mail, Mail::Of(of, _) | Mail::End(of) if *of == id));
        }
        if over && !lonely {
            self.network.pipes.remove(id);
        } else if let Some(last) = last.filter(|_| !lonely) {
            self.push(id, side, last);
        }
        Some(conn)
    }
}
