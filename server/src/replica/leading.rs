//! Leading: the primary's half. It counts acknowledgements, commits, executes, and complains of who
//! holds it up.
//!
//! Guarantees: an entry is committed only when every other member of the view, and every joiner that
//! is already required (joint, R3), has acknowledged it in this epoch (R1, I7). The primary never
//! drops a member by itself (R3).
//!
//! Not here: the connections to the others; see `links`.

use std::collections::BTreeMap;
use std::time::Duration;

use node::mutant::{Mutant, is_off};
use node::{Conn, Event, Output, Time};
use wire::{Digest, Epoch, Message, Mode, ReplicaName, Sequence, Why};

use super::absences::Absences;
use super::links::{Link, State};
use super::ordering::Pending;
use super::transfer::Outgoing;
use super::{Replica, Standing};
use crate::service::Service;

/// How often an unanswered complaint or request to the RM is repeated.
pub(super) const REPEAT: Duration = Duration::from_millis(250);
/// How long a hand-over may keep requests waiting before it is given up (R11).
const DRAIN_LIMIT: Duration = Duration::from_millis(1000);
/// How many entries are kept for members that come back, beyond what is needed (R8).
pub(super) const KEPT_ENTRIES: u64 = 16_384;
pub(super) const KEPT_BYTES: usize = 16 << 20;
/// Backups get a checkpoint early when the log after the last one is longer than this.
const CHECKPOINT_ENTRIES: u64 = 65_536;
const CHECKPOINT_BYTES: usize = 32 << 20;
/// How many marks may be open; an older one is given up.
const OPEN_MARKS: usize = 4;

/// A hand-over to the preferred primary that is under way (R11).
#[derive(Debug, Clone, Copy)]
pub(super) struct Drain {
    pub(super) to: ReplicaName,
    pub(super) until: Time,
    pub(super) said_at: Option<Time>,
}

/// The periodic checkpoints, or marks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checkpoints {
    /// When the next one is due.
    pub(super) at: Time,
    /// How many there were.
    pub(super) count: u64,
    /// Where the last one stands.
    pub(super) sequence: Sequence,
}

/// What a primary knows.
#[derive(Debug, Clone)]
pub(super) struct Leading {
    pub(super) links: BTreeMap<ReplicaName, Link>,
    pub(super) pending: Pending,
    /// A higher epoch was heard of: nothing is ordered until its view is known (R6).
    pub(super) fenced: bool,
    pub(super) drain: Option<Drain>,
    pub(super) paused: bool,
    /// What was known to be committed at the promotion.
    replayed: Sequence,
    /// The last entry at the promotion, until it is committed.
    tail: Option<Sequence>,
    /// What the others were last told to be committed.
    told: Sequence,
    checkpoints: Checkpoints,
    marks: BTreeMap<Sequence, BTreeMap<ReplicaName, Digest>>,
    pub(super) absences: Absences,
}

impl Leading {
    /// The beginning of an epoch. A primary that was the primary before goes on with its
    /// checkpoints where it was.
    pub(super) fn new(
        (replayed, tail): (Sequence, Sequence),
        before: Option<Self>,
        fresh: Checkpoints,
    ) -> Self {
        let (checkpoints, mut pending) = match before {
            Some(before) => (before.checkpoints, before.pending),
            None => (fresh, Pending::default()),
        };
        pending.clear();
        Self {
            links: BTreeMap::new(),
            pending,
            fenced: false,
            drain: None,
            paused: false,
            replayed,
            tail: Some(tail),
            told: Sequence(0),
            checkpoints,
            marks: BTreeMap::new(),
            absences: Absences::default(),
        }
    }

    /// Whether the last primary has executed this, too: it was known to be committed.
    pub(super) fn replays(&self, sequence: Sequence) -> bool {
        sequence <= self.replayed
    }

    /// A connection is closed by this side: it is dialled again at the next opportunity.
    pub(super) fn link_forgotten(&mut self, conn: Conn) {
        if let Some(link) = self.links.values_mut().find(|l| l.conn == conn) {
            link.state = State::Down;
            link.outgoing = None;
        }
    }

    /// When there will be somebody to complain of, if everyone stays as silent as they are.
    pub(super) fn complaint_due(
        &self,
        now: Time,
        ack_timeout: Duration,
        peer_timeout: Duration,
    ) -> Option<Time> {
        let required = self.links.values().filter(|link| link.required());
        required.filter_map(|link| link.complaint_due(now, ack_timeout, peer_timeout)).min()
    }

    /// Up to where everyone who is required has acknowledged in this epoch.
    fn acknowledged(&self, last: Sequence) -> Sequence {
        if is_off(Mutant::AnswerBeforeAcks) {
            return last;
        }
        let silent = |link: &&Link| is_off(Mutant::DropByItself) && link.state == State::Down;
        let required = self.links.values().filter(|link| link.required() && !silent(link));
        required.map(|link| link.acked).min().unwrap_or(last).min(last)
    }
}

impl<S: Service> Replica<S> {
    /// All inputs of this turn are in: commit, answer, and send what is new.
    pub(super) fn settle_leading(&mut self, now: Time, out: &mut Vec<Output>) {
        self.advance(out);
        let streamed = self.stream(now, out);
        if self.leading().is_some_and(|l| l.links.values().any(|link| !link.member)) {
            self.ask_joins(now, out);
        }
        // Passive backups do nothing with it until they are promoted, and then what they do not know
        // to be committed is committed anew: it goes with the next entries, or at the next tick.
        if streamed || self.mode() == Some(Mode::Active) {
            self.tell_committed(out);
        }
        self.say_drained(now, out);
    }

    /// Tells the others what is committed, if that is news.
    fn tell_committed(&mut self, out: &mut Vec<Output>) {
        let (from, epoch, sequence) = (self.config.name, self.epoch, self.committed);
        let Standing::Primary(leading) = &mut self.standing else { return };
        if sequence <= leading.told {
            return;
        }
        leading.told = sequence;
        let streaming = leading.links.values().filter(|l| l.state == State::Streaming);
        let conns: Vec<Conn> = streaming.map(|l| l.conn).collect();
        if !conns.is_empty() {
            out.push(Output::SendMany(conns, vec![Message::Commit { from, epoch, sequence }]));
        }
    }

    /// Commits what everyone required has acknowledged, and executes it.
    fn advance(&mut self, out: &mut Vec<Output>) {
        let last = self.log.last();
        let Standing::Primary(leading) = &mut self.standing else { return };
        if leading.fenced && !is_off(Mutant::IgnoreFence) {
            return;
        }
        let acknowledged = leading.acknowledged(last);
        let tail = leading.tail.take_if(|tail| acknowledged >= *tail);
        if acknowledged > self.committed {
            self.committed = acknowledged;
        }
        self.execute_to(self.committed, out);
        if let Some(tail) = tail {
            let (epoch, sequence) = (self.epoch, tail);
            out.push(Output::Note(Event::TailCommitted { epoch, sequence }));
            self.resume_service(out);
        }
        if self.leading().is_some_and(|l| l.paused) {
            self.let_go(out);
        }
    }

    /// What takes too long is looked at, what is due is done.
    pub(super) fn tick_leading(&mut self, now: Time, late: Duration, out: &mut Vec<Output>) {
        self.redial(now, out);
        self.miss_clients(now, late);
        self.complain(now, late, out);
        self.checkpoint_if_due(now, out);
        self.tell_committed(out);
        self.trim();
        let given_up = self.leading().and_then(|l| l.drain.take_if(|d| now >= d.until));
        if given_up.is_some() {
            let text = "the hand-over was not taken up in time; ordering goes on".to_owned();
            out.push(Output::Note(Event::Warning(text)));
            self.pause_clients(false, out);
            self.order_waiting(now, out);
        }
    }

    // ---- complaints (R3, R14) ----

    fn complain(&mut self, now: Time, late: Duration, out: &mut Vec<Output>) {
        let last = self.log.last();
        let (ack_timeout, peer_timeout) = (self.config.ack_timeout, self.config.peer_timeout);
        let own_fault = late >= ack_timeout / 2;
        let Standing::Primary(leading) = &mut self.standing else { return };
        let furthest = leading.links.values().filter(|l| l.member).map(|l| l.acked).max();
        let mut complaints = Vec::new();
        for link in leading.links.values_mut().filter(|l| l.required()) {
            if own_fault {
                // This process did not run; nobody else is to blame for it.
                link.progress_at = link.progress_at + late;
            }
            let Some(why) = link.complaint(now, last, furthest, ack_timeout, peer_timeout) else {
                link.complained_at = None;
                continue;
            };
            if link.complained_at.is_none_or(|at| now.since(at) >= REPEAT) {
                link.complained_at = Some(now);
                complaints.push((link.name, link.incarnation, why));
            }
        }
        for (name, incarnation, why) in complaints {
            self.suspect(name, incarnation, why, out);
        }
    }

    // ---- fail-back (R11) ----

    /// The RM wants the role to move: stop ordering, wait for full acknowledgement.
    pub(super) fn hand_over(
        &mut self,
        now: Time,
        to: ReplicaName,
        epoch: Epoch,
        out: &mut Vec<Output>,
    ) {
        if epoch != self.epoch || !self.ordering() {
            return;
        }
        if let Some(leading) = self.leading() {
            leading.drain = Some(Drain { to, until: now + DRAIN_LIMIT, said_at: None });
        }
        self.pause_clients(true, out);
    }

    fn say_drained(&mut self, now: Time, out: &mut Vec<Output>) {
        let drained = self.committed == self.log.last();
        let (from, epoch) = (self.config.name, self.epoch);
        let Standing::Primary(leading) = &mut self.standing else { return };
        let Some(drain) = leading.drain.as_mut().filter(|_| drained) else { return };
        if drain.said_at.is_none_or(|at| now.since(at) >= REPEAT) {
            drain.said_at = Some(now);
            let to = drain.to;
            self.send_up(Message::Drained { from, to, epoch }, out);
        }
    }

    // ---- checkpoints and digests (R9) ----

    /// The period has changed.
    pub(super) fn retime_checkpoint(&mut self, now: Time) {
        let at = now + self.config.checkpoint_period;
        if let Some(leading) = self.leading() {
            leading.checkpoints.at = leading.checkpoints.at.min(at);
        }
    }

    fn checkpoint_if_due(&mut self, now: Time, out: &mut Vec<Output>) {
        let (executed, bytes) = (self.machine.executed(), self.log.bytes());
        let period = self.config.checkpoint_period;
        let Standing::Primary(leading) = &mut self.standing else { return };
        let after = executed.0.saturating_sub(leading.checkpoints.sequence.0);
        let long = after >= CHECKPOINT_ENTRIES || (after > 0 && bytes >= CHECKPOINT_BYTES);
        if now < leading.checkpoints.at && !long {
            return;
        }
        leading.checkpoints.at = now + period;
        if leading.links.values().any(|l| l.member) {
            match self.mode() {
                Some(Mode::Passive) => self.send_checkpoints(out),
                Some(Mode::Active) | None => self.append_mark(),
            }
        }
    }

    fn send_checkpoints(&mut self, out: &mut Vec<Output>) {
        let (sequence, from) = (self.machine.executed(), self.config.name);
        let state = self.machine.service.summary();
        let bytes = self.machine.checkpoint();
        let Standing::Primary(leading) = &mut self.standing else { return };
        leading.checkpoints.count += 1;
        leading.checkpoints.sequence = sequence;
        let count = leading.checkpoints.count;
        let outgoing = Outgoing::new(bytes, sequence, Some(count));
        let free = |l: &&mut Link| l.member && l.state == State::Streaming && l.outgoing.is_none();
        for link in leading.links.values_mut().filter(free) {
            let (state, to) = (state.clone(), link.name);
            out.push(Output::Note(Event::CheckpointSent { count, state, from, to }));
            link.outgoing = Some(outgoing.clone());
        }
        if self.config.audit {
            let digest = outgoing.digest;
            out.push(Output::Note(Event::DigestAt { sequence, digest }));
        }
    }

    /// This member has executed a mark.
    pub(super) fn at_mark(&mut self, sequence: Sequence, digest: Digest, out: &mut Vec<Output>) {
        if self.config.audit {
            out.push(Output::Note(Event::DigestAt { sequence, digest }));
        }
        let (from, epoch) = (self.config.name, self.epoch);
        match &self.standing {
            Standing::Primary(_) => self.collect_digest(from, (sequence, digest), out),
            Standing::Backup(following) => {
                let to = self.view.as_ref().map(|v| v.primary);
                if let (Some(leader), Some(to)) = (following.leader(), to) {
                    let message = Message::Digest { from, to, epoch, sequence, digest };
                    out.push(Output::Send(leader, message));
                }
            }
            Standing::Joiner(_) => {}
        }
    }

    pub(super) fn digest_reported(
        &mut self,
        from: ReplicaName,
        epoch: Epoch,
        at: (Sequence, Digest),
        out: &mut Vec<Output>,
    ) {
        let member = self.view.as_ref().is_some_and(|v| v.member(from).is_some());
        if epoch == self.epoch && member {
            self.collect_digest(from, at, out);
        }
    }

    /// Compares once all members have said theirs; the odd one out is complained of. Where there is
    /// no majority, the primary's digest counts.
    fn collect_digest(
        &mut self,
        from: ReplicaName,
        (sequence, digest): (Sequence, Digest),
        out: &mut Vec<Output>,
    ) {
        let own = self.config.name;
        let Some(view) = self.view.clone() else { return };
        let Standing::Primary(leading) = &mut self.standing else { return };
        leading.marks.entry(sequence).or_default().insert(from, digest);
        while leading.marks.len() > OPEN_MARKS {
            leading.marks.pop_first();
        }
        let Some(said) = leading.marks.get(&sequence) else { return };
        if view.members.iter().any(|m| !said.contains_key(&m.name)) {
            return;
        }
        let said = leading.marks.remove(&sequence).unwrap_or_default();
        let votes = |d: Digest| said.values().filter(|v| **v == d).count();
        let Some(expected) =
            said.values().copied().max_by_key(|d| (votes(*d), said.get(&own) == Some(d)))
        else {
            return;
        };
        let odd = |d: &Digest| *d != expected && !is_off(Mutant::SkipDigest);
        for (server, found) in said.into_iter().filter(|(_, d)| odd(d)) {
            out.push(Output::Note(Event::Diverged { server, sequence, expected, found }));
            if let Some(member) = view.member(server) {
                self.suspect(server, member.incarnation, Why::Diverged, out);
            }
        }
    }

    /// Forgets the log that nobody needs: what is executed here, sent to every link that streams,
    /// and beyond what is kept for members that come back.
    fn trim(&mut self) {
        let executed = self.machine.executed();
        let Standing::Primary(leading) = &self.standing else { return };
        let streaming = leading.links.values().filter(|l| l.state == State::Streaming);
        let needed = streaming.map(|l| Sequence(l.next.0 - 1)).min().unwrap_or(executed);
        self.log.trim(needed.min(executed), KEPT_ENTRIES, KEPT_BYTES);
    }
}
