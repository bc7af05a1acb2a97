//! Links: the primary's connections to the other members and to joiners.
//!
//! The primary dials. On every connection, and again at every new view, it says `sync`; the other
//! answers `have`; then entries flow from after what the other knows to be committed, so that a
//! conflicting tail meets its replacement (R4). A joiner whose state is too old gets a checkpoint
//! first (R8). One stream carries checkpoint and entries, so there is no gap between the two; what
//! the primary has not sent yet waits in its log, which is the (bounded) buffer of a slow joiner.
//!
//! Joining: streaming and nearly caught up -> *joint* (the primary requires its acknowledgements) ->
//! once it has all that was in the log before that, the RM is asked for a view with it. What was
//! committed is not enough: a new primary does not know yet which of its tail was committed in the
//! epochs before its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use node::mutant::{Mutant, is_off};
use node::{Conn, Event, Output, Time};
use wire::{
    ClusterId, Entry, Epoch, ErrorCode, Incarnation, Message, Mode, ReplicaName, Role, Sequence,
    Why, ports,
};

use super::leading::REPEAT;
use super::transfer::Outgoing;
use super::{Replica, Standing};
use crate::service::Service;

/// How far behind a joiner may be when the primary starts to require its acknowledgements.
const NEARLY: u64 = 1024;
/// How many entries may be on the way to one link.
const IN_FLIGHT: u64 = 16_384;
/// A joiner for which more than this would have to be kept is given up and begins anew.
const JOINER_LAG_ENTRIES: u64 = 1 << 20;
const JOINER_LAG_BYTES: usize = 512 << 20;
/// The time between two attempts to connect.
const REDIAL: Duration = Duration::from_millis(100);

/// Where a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not connected; dialled again at the next opportunity.
    Down,
    /// Dialled.
    Dialling,
    /// Open, `sync` is said, `have` is not heard.
    Syncing,
    /// Entries flow.
    Streaming,
}

/// The connection to one member or joiner.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) name: ReplicaName,
    pub(super) incarnation: Incarnation,
    address: SocketAddr,
    /// Whether it is a member of the view; otherwise it is being joined.
    pub(super) member: bool,
    pub(super) conn: Conn,
    pub(super) state: State,
    /// The earliest time of the next attempt to connect.
    dial_at: Time,
    /// Since when it is not streaming, for a member.
    down_since: Time,
    /// Whether a connection was refused or lost since it last streamed.
    failed: bool,
    /// The next entry to send.
    pub(super) next: Sequence,
    /// Where its stream began in this epoch: what it holds already, or its checkpoint.
    start: Sequence,
    /// Acknowledged in this epoch.
    pub(super) acked: Sequence,
    /// Whether it has acknowledged anything in this epoch.
    heard: bool,
    /// When it last acknowledged something, or had nothing to acknowledge.
    pub(super) progress_at: Time,
    pub(super) outgoing: Option<Outgoing>,
    /// A joiner whose acknowledgements are required: the last entry when that began. Any entry up to
    /// it may have been committed, in this epoch or an earlier one, without the joiner.
    joint: Option<Sequence>,
    asked_at: Option<Time>,
    pub(super) complained_at: Option<Time>,
}

impl Link {
    fn new(name: ReplicaName, at: (Incarnation, SocketAddr), member: bool, now: Time) -> Self {
        Self {
            name,
            incarnation: at.0,
            address: at.1,
            member,
            conn: Conn(0),
            state: State::Down,
            dial_at: now,
            down_since: now,
            failed: false,
            next: Sequence(1),
            start: Sequence(0),
            acked: Sequence(0),
            heard: false,
            progress_at: now,
            outgoing: None,
            joint: None,
            asked_at: None,
            complained_at: None,
        }
    }

    /// Whether nothing is committed without its acknowledgement.
    pub(super) fn required(&self) -> bool {
        self.member || (self.joint.is_some() && !is_off(Mutant::ForgetJoint))
    }

    /// The last entry that may be on its way now.
    fn limit(&self) -> Sequence {
        Sequence(self.start.max(self.acked).0 + IN_FLIGHT)
    }

    /// Whether this entry is the next one to send.
    fn sends(&self, entry: Sequence) -> bool {
        let streaming = self.state == State::Streaming && !self.recovering();
        streaming && self.next == entry && entry <= self.limit()
    }

    /// Whether a recovery is on its way: entries follow after it.
    fn recovering(&self) -> bool {
        self.outgoing.as_ref().is_some_and(|o| o.count.is_none())
    }

    /// What there is to complain of (R14).
    pub(super) fn complaint(
        &self,
        now: Time,
        last: Sequence,
        furthest: Option<Sequence>,
        ack_timeout: Duration,
        peer_timeout: Duration,
    ) -> Option<Why> {
        let why = |why| Some(if self.member { why } else { Why::Abandoned });
        if self.state != State::Streaming {
            let long = now.since(self.down_since) >= ack_timeout;
            return if long || (self.failed && self.state == State::Down) {
                why(Why::Unreachable)
            } else {
                None
            };
        }
        if self.acked >= last {
            return None;
        }
        let silent = now.since(self.progress_at);
        if silent >= peer_timeout {
            why(Why::Unreachable)
        } else if silent >= ack_timeout && furthest > Some(self.acked) {
            why(Why::Slow)
        } else {
            None
        }
    }

    /// When there will be something to complain of, if its peer stays as silent as it is.
    pub(super) fn complaint_due(
        &self,
        now: Time,
        ack_timeout: Duration,
        peer_timeout: Duration,
    ) -> Option<Time> {
        let due = match self.state {
            State::Streaming => [self.progress_at + ack_timeout, self.progress_at + peer_timeout],
            _ => [self.down_since + ack_timeout; 2],
        };
        due.into_iter().filter(|at| *at > now).min()
    }
}

/// The next run of entries that the links which are furthest behind are sent together: from the
/// first that any of them lacks to the last before another link joins in or a limit is reached.
fn next_run(links: &BTreeMap<ReplicaName, Link>, last: Sequence) -> Option<(Sequence, Sequence)> {
    let ready = || links.values().filter(|l| l.next <= last && l.sends(l.next));
    let first = ready().map(|l| l.next).min()?;
    let limit = |l: &Link| if l.next == first { l.limit() } else { Sequence(l.next.0 - 1) };
    let end = ready().map(limit).min()?.min(last);
    Some((first, end))
}

impl<S: Service> Replica<S> {
    /// Whether this connection was dialled as a link.
    pub(super) fn is_link(&self, conn: Conn) -> bool {
        let Standing::Primary(leading) = &self.standing else { return false };
        leading.links.values().any(|l| l.conn == conn)
    }

    fn link(&mut self, conn: Conn) -> Option<&mut Link> {
        self.leading()?.links.values_mut().find(|l| l.conn == conn)
    }

    /// Makes the links those of the new view: members are kept or dialled, joins in progress go on,
    /// everyone else is hung up on. `kept` are the links of the epoch before.
    pub(super) fn relink(&mut self, now: Time, kept: Vec<Link>, out: &mut Vec<Output>) {
        let Some(view) = self.view.clone() else { return };
        let own = self.config.name;
        let mut links = BTreeMap::new();
        for mut link in kept {
            let member = view.member(link.name);
            let other_run = member.is_some_and(|m| m.incarnation != link.incarnation);
            if link.state == State::Down {
                continue;
            }
            if other_run {
                out.push(Output::Close(link.conn));
                continue;
            }
            link.member = member.is_some();
            (link.joint, link.asked_at, link.complained_at) = (None, None, None);
            (link.acked, link.heard, link.outgoing) = (Sequence(0), false, None);
            (link.progress_at, link.down_since) = (now, now);
            links.insert(link.name, link);
        }
        for m in view.members.iter().filter(|m| m.name != own) {
            let fresh = || Link::new(m.name, (m.incarnation, m.address), true, now);
            links.entry(m.name).or_insert_with(fresh);
        }
        let open: Vec<ReplicaName> =
            links.values().filter(|l| l.state != State::Down).map(|l| l.name).collect();
        if let Some(leading) = self.leading() {
            leading.links = links;
        }
        for name in open {
            self.say_sync(name, out);
        }
        self.redial(now, out);
    }

    /// The RM orders a joiner to be brought up to date (R8).
    pub(super) fn join(
        &mut self,
        now: Time,
        joiner: ReplicaName,
        order: (Epoch, Incarnation, SocketAddr),
        out: &mut Vec<Output>,
    ) {
        let (epoch, incarnation, address) = order;
        if epoch != self.epoch || joiner == self.config.name {
            return;
        }
        let Some(leading) = self.leading() else { return };
        if let Some(link) = leading.links.get(&joiner) {
            let waits_for_a_view = link.required();
            if link.incarnation == incarnation || waits_for_a_view {
                return;
            }
            out.push(Output::Close(link.conn));
        }
        leading.links.insert(joiner, Link::new(joiner, (incarnation, address), false, now));
        self.redial(now, out);
    }

    /// Dials what is down.
    pub(super) fn redial(&mut self, now: Time, out: &mut Vec<Output>) {
        let Standing::Primary(leading) = &self.standing else { return };
        let due = |l: &&Link| l.state == State::Down && now >= l.dial_at;
        let names: Vec<ReplicaName> = leading.links.values().filter(due).map(|l| l.name).collect();
        for name in names {
            let door = self.door_of(name);
            let conn = self.fresh_conn();
            let Some(link) = self.leading().and_then(|l| l.links.get_mut(&name)) else { continue };
            (link.conn, link.state, link.dial_at) = (conn, State::Dialling, now + REDIAL);
            out.push(Output::Dial(conn, ports::door(link.address, door)));
            self.say_sync(name, out);
        }
    }

    /// A replica dials its first peer, in name order, on one door and the rest on the other.
    fn door_of(&self, name: ReplicaName) -> u16 {
        let Standing::Primary(leading) = &self.standing else { return ports::SERVER_PEERS[0] };
        let first = leading.links.keys().next() == Some(&name);
        ports::SERVER_PEERS[usize::from(!first)]
    }

    fn say_sync(&mut self, name: ReplicaName, out: &mut Vec<Output>) {
        let (from, committed, last) = (self.config.name, self.committed, self.log.last());
        let Some(view) = self.view.clone() else { return };
        let Some(link) = self.leading().and_then(|l| l.links.get_mut(&name)) else { return };
        if link.state == State::Streaming {
            link.state = State::Syncing;
        }
        let (to, incarnation) = (name, link.incarnation);
        let message = Message::Sync { from, to, incarnation, committed, last, view };
        out.push(Output::Send(link.conn, message));
    }

    pub(super) fn link_opened(&mut self, conn: Conn, _out: &mut Vec<Output>) {
        if let Some(link) = self.link(conn) {
            link.state = State::Syncing;
        }
    }

    /// A link is lost or was refused: dial once more at once, then complain (R14).
    pub(super) fn link_closed(&mut self, now: Time, conn: Conn, out: &mut Vec<Output>) {
        let Some(link) = self.link(conn) else { return };
        let (name, incarnation, was) = (link.name, link.incarnation, link.state);
        link.state = State::Down;
        link.outgoing = None;
        if was == State::Streaming {
            link.down_since = now;
        }
        let refused = was == State::Dialling || link.failed;
        link.failed = true;
        if !link.required() {
            if let Some(leading) = self.leading() {
                leading.links.remove(&name);
            }
            let why = "its connection is lost";
            out.push(Output::Note(Event::JoinAbandoned { joiner: name, why }));
        } else if refused {
            link.complained_at = Some(now);
            let why = if link.member { Why::Unreachable } else { Why::Abandoned };
            self.suspect(name, incarnation, why, out);
        } else {
            link.dial_at = now;
            self.redial(now, out);
        }
    }

    /// A member or joiner says what it holds: entries flow from there.
    pub(super) fn have(&mut self, now: Time, conn: Conn, have: &Message, out: &mut Vec<Output>) {
        let Message::Have { epoch, incarnation, cluster, committed, .. } = *have else { return };
        let (ours, base) = (self.cluster, self.log.base());
        if epoch != self.epoch {
            return;
        }
        let Some(link) = self.link(conn).filter(|l| l.incarnation == incarnation) else { return };
        let (joiner, member) = (link.name, link.member);
        link.state = State::Streaming;
        link.failed = false;
        link.progress_at = now;
        if member {
            if committed < base {
                let text = format!("a member that holds only what is before {base}");
                return self.reject(conn, ErrorCode::Unexpected, text, out);
            }
            (link.start, link.acked, link.next) = (committed, committed, committed.next());
            return;
        }
        let suffix = cluster == ours && cluster != ClusterId(0) && committed >= base;
        let from = if suffix { committed } else { self.machine.executed() };
        let outgoing = (!suffix).then(|| Outgoing::new(self.machine.checkpoint(), from, None));
        if let Some(link) = self.link(conn) {
            (link.start, link.acked) = (from, Sequence(0));
            link.next = from.next();
            (link.heard, link.outgoing) = (false, outgoing);
        }
        let (donor, checkpoint) = (self.config.name, !suffix);
        out.push(Output::Note(Event::JoinStarted { donor, joiner, checkpoint, from }));
    }

    pub(super) fn acknowledged(
        &mut self,
        now: Time,
        conn: Conn,
        (epoch, incarnation): (Epoch, Incarnation),
        sequence: Sequence,
    ) {
        let by_name = is_off(Mutant::AcksByName);
        if epoch != self.epoch && !by_name {
            return;
        }
        let Some(link) = self.link(conn) else { return };
        // Only what this run was sent in this epoch counts (schedule 12).
        let sent = link.state == State::Streaming && !link.recovering();
        let told = sequence >= link.start && sequence < link.next;
        if (link.incarnation == incarnation && sent && told) || by_name {
            link.acked = link.acked.max(sequence);
            (link.heard, link.progress_at) = (true, now);
        }
    }

    pub(super) fn chunk_received(
        &mut self,
        conn: Conn,
        (epoch, incarnation): (Epoch, Incarnation),
        offset: u64,
    ) {
        if epoch != self.epoch {
            return;
        }
        if let Some(link) = self.link(conn).filter(|l| l.incarnation == incarnation)
            && let Some(outgoing) = &mut link.outgoing
        {
            outgoing.received(offset);
        }
    }

    /// Sends what is new: chunks of checkpoints, and entries to everyone who streams. Whether there
    /// were entries.
    pub(super) fn stream(&mut self, now: Time, out: &mut Vec<Output>) -> bool {
        self.send_chunks(out);
        let last = self.log.last();
        let (from, epoch) = (self.config.name, self.epoch);
        let Standing::Primary(leading) = &mut self.standing else { return false };
        let mut streamed = false;
        while let Some((first, end)) = next_run(&leading.links, last) {
            streamed = true;
            let mut conns = Vec::with_capacity(leading.links.len());
            for link in leading.links.values_mut().filter(|l| l.sends(first)) {
                if link.acked.next() == link.next {
                    // It has nothing to acknowledge until now; its time starts here.
                    link.progress_at = now;
                }
                link.next = end.next();
                conns.push(link.conn);
            }
            let run = self.log.after(Sequence(first.0 - 1)).take((end.0 - first.0 + 1) as usize);
            let append = |entry: &Entry| Message::Append { from, epoch, entry: entry.clone() };
            out.push(Output::SendMany(conns, run.map(append).collect()));
        }
        streamed
    }

    fn send_chunks(&mut self, out: &mut Vec<Output>) {
        let (from, epoch) = (self.config.name, self.epoch);
        let mode = self.mode().unwrap_or(Mode::Passive);
        // Percent-encoding makes three bytes of one at worst; the rest is for the other fields.
        let length = (self.config.frame_limit.saturating_sub(512) / 3).max(64);
        let Standing::Primary(leading) = &mut self.standing else { return };
        for link in leading.links.values_mut().filter(|l| l.state == State::Streaming) {
            let Some(outgoing) = &mut link.outgoing else { continue };
            let to = link.name;
            while let Some((state, t)) = outgoing.chunk(epoch, length) {
                let (transfer, request, role) = (Some(t), t.sequence.0, Role::Primary);
                out.push(Output::Send(
                    link.conn,
                    match outgoing.count {
                        None => {
                            Message::Recovery { from, to, mode, role, request, state, transfer }
                        }
                        Some(count) => Message::Checkpoint { from, to, count, state, transfer },
                    },
                ));
            }
            if outgoing.sent() {
                link.outgoing = None;
            }
        }
    }

    /// Joiners: require those that are nearly caught up, ask the RM for those that are, give up
    /// those that are hopelessly behind.
    pub(super) fn ask_joins(&mut self, now: Time, out: &mut Vec<Output>) {
        let (committed, last, bytes) = (self.committed, self.log.last(), self.log.bytes());
        let (from, epoch) = (self.config.name, self.epoch);
        let Standing::Primary(leading) = &mut self.standing else { return };
        if leading.fenced {
            return;
        }
        let (mut asks, mut hopeless) = (Vec::new(), Vec::new());
        for link in leading.links.values_mut().filter(|l| !l.member) {
            let lag = last.0 - link.acked.0.max(link.next.0 - 1).min(last.0);
            if link.joint.is_none() && (lag > JOINER_LAG_ENTRIES || bytes > JOINER_LAG_BYTES) {
                hopeless.push(link.name);
            }
            if link.state != State::Streaming || link.recovering() || !link.heard {
                continue;
            }
            if link.joint.is_none() && link.acked.0 + NEARLY >= last.0 {
                let sooner = is_off(Mutant::JointAtCommit);
                link.joint = Some(if sooner { committed } else { last });
                link.progress_at = now;
                out.push(Output::Note(Event::Joint { joiner: link.name, epoch }));
            }
            let caught_up = link.joint.is_some_and(|joint| link.acked >= joint);
            if caught_up && link.asked_at.is_none_or(|at| now.since(at) >= REPEAT) {
                link.asked_at = Some(now);
                asks.push((link.name, link.incarnation));
            }
        }
        for name in hopeless {
            self.give_up_join(name, "it is too far behind", out);
        }
        for (joiner, incarnation) in asks {
            self.send_up(Message::Join { from, joiner, epoch, incarnation }, out);
        }
    }

    fn give_up_join(&mut self, joiner: ReplicaName, why: &'static str, out: &mut Vec<Output>) {
        if let Some(link) = self.leading().and_then(|l| l.links.remove(&joiner)) {
            out.push(Output::Close(link.conn));
            out.push(Output::Note(Event::JoinAbandoned { joiner, why }));
        }
    }
}
