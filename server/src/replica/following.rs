//! Following: what a backup and a joiner do with what the primary sends.
//!
//! Guarantees: what is acknowledged in an epoch equals the primary's log of that epoch, because each
//! entry was compared or replaced on the way (R4); an entry is cut only where the primary's differs
//! or has none, and never one that is known to be committed; nothing of a lower epoch is accepted
//! (R6).
//!
//! Not here: becoming a member; that is a view of the RM (see `views`).

use std::time::Duration;

use node::mutant::{Mutant, is_off};
use node::{Conn, Event, Output, Time};
use wire::{
    ClusterId, Entry, Epoch, ErrorCode, Message, Mode, ReplicaName, Sequence, Transfer, View, Why,
};

use super::leading::{KEPT_BYTES, KEPT_ENTRIES, REPEAT};
use super::transfer::{Incoming, Progress};
use super::{Replica, Standing};
use crate::service::Service;

/// What a backup or joiner knows of its primary.
#[derive(Debug, Clone, Default)]
pub(super) struct Following {
    leader: Option<Conn>,
    /// The epoch of the last `sync`.
    synced: Epoch,
    /// In that epoch, the log equals the primary's up to here.
    verified: Sequence,
    /// What was last acknowledged.
    said: Option<Sequence>,
    incoming: Option<Incoming>,
    /// Since when nobody leads.
    alone_since: Time,
    complained_at: Option<Time>,
    /// The last stale sender that was told so; once is enough.
    refused: Option<(Conn, Epoch)>,
}

impl Following {
    pub(super) fn new(now: Time, leader: Option<Conn>) -> Self {
        Self { leader, alone_since: now, ..Self::default() }
    }

    /// A connection is closed by this side.
    pub(super) fn leader_forgotten(&mut self, conn: Conn) {
        if self.leader == Some(conn) {
            self.leader = None;
            self.incoming = None;
        }
    }

    pub(super) fn leader(&self) -> Option<Conn> {
        self.leader
    }

    /// When the primary will be complained of first, if nobody leads until then.
    pub(super) fn complaint_due(&self, now: Time, ack_timeout: Duration) -> Option<Time> {
        let due = self.alone_since + ack_timeout;
        (self.leader.is_none() && due > now).then_some(due)
    }
}

/// Where a message of a primary came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Came {
    pub(super) conn: Conn,
    pub(super) from: ReplicaName,
    pub(super) epoch: Epoch,
}

/// Whether what came belongs to the stream of the current primary.
enum Source {
    Leader,
    Stale,
    Stranger,
}

impl<S: Service> Replica<S> {
    fn source(&self, conn: Conn, epoch: Epoch) -> Source {
        if epoch < self.epoch {
            return Source::Stale;
        }
        match &self.standing {
            Standing::Joiner(f) | Standing::Backup(f)
                if f.leader == Some(conn) && f.synced == epoch && epoch == self.epoch =>
            {
                Source::Leader
            }
            _ => Source::Stranger,
        }
    }

    /// Whether a message is the current primary's; if not, its sender is told why.
    fn leads(&mut self, came: Came, what: &str, out: &mut Vec<Output>) -> bool {
        let Came { conn, epoch, .. } = came;
        match self.source(conn, epoch) {
            Source::Leader => true,
            Source::Stale => {
                self.refuse_stale(came, out);
                false
            }
            Source::Stranger => {
                let text = format!("`{what}` of epoch {epoch} without a `sync` of that epoch");
                self.reject(conn, ErrorCode::Unexpected, text, out);
                false
            }
        }
    }

    /// Tells a sender of a lower epoch the current one (R6).
    fn refuse_stale(&mut self, came: Came, out: &mut Vec<Output>) {
        let Came { conn, from: to, epoch } = came;
        let (from, cluster, ours) = (self.config.name, self.cluster, self.epoch);
        if let Some(following) = self.following()
            && following.refused.replace((conn, epoch)) == Some((conn, epoch))
        {
            return;
        }
        out.push(Output::Note(Event::Refused { from: to, epoch, ours }));
        let message = Message::Fenced { from, to, cluster, epoch: ours };
        out.push(Output::Send(conn, message));
    }

    /// The primary of a view opens (or opens anew) its stream.
    pub(super) fn sync(&mut self, now: Time, conn: Conn, sync: Message, out: &mut Vec<Output>) {
        let Message::Sync { from, to, incarnation, committed, last, view } = sync else { return };
        if (to, incarnation) != (self.config.name, self.config.incarnation) {
            let text = format!("this is {} in run {}", self.name(), self.config.incarnation);
            return self.reject(conn, ErrorCode::Unexpected, text, out);
        }
        if from != view.primary || from == self.config.name {
            let text = format!("{from} is not the primary of the view that it sends");
            return self.reject(conn, ErrorCode::Unexpected, text, out);
        }
        if view.epoch < self.epoch && !is_off(Mutant::AcceptLower) {
            return self.refuse_stale(Came { conn, from, epoch: view.epoch }, out);
        }
        let known = self.view.as_ref().is_some_and(|v| *v == view);
        if !known && !self.adopt(now, &view, out) {
            let text = format!("the view of epoch {} cannot be adopted here", view.epoch);
            return self.reject(conn, ErrorCode::Unexpected, text, out);
        }
        self.follow(conn, &view, committed, last, out);
    }

    fn follow(
        &mut self,
        conn: Conn,
        view: &View,
        committed: Sequence,
        last: Sequence,
        out: &mut Vec<Output>,
    ) {
        if matches!(self.standing, Standing::Backup(_)) {
            if self.log.last() < committed {
                let text = format!("entry {committed} cannot be committed: this member lacks it");
                return self.reject(conn, ErrorCode::Unexpected, text, out);
            }
            self.committed = self.committed.max(committed);
            if view.mode == Mode::Active {
                self.execute_to(self.committed, out);
            }
        }
        let same = self.whole && self.cluster == view.cluster;
        if same && is_off(Mutant::CutAtView) {
            self.log.cut_after(self.committed);
        }
        if same && self.log.last() > last && last >= self.committed {
            // What a member of the last view does not have was never committed.
            self.cut(last, out);
        }
        let (own, own_last) = (self.committed, self.log.last());
        let Some(following) = self.following() else { return };
        let before = following.leader.replace(conn).filter(|old| *old != conn);
        (following.synced, following.verified) = (view.epoch, own);
        (following.said, following.incoming, following.complained_at) = (None, None, None);
        if let Some(old) = before {
            out.push(Output::Close(old));
        }
        out.push(Output::Send(
            conn,
            Message::Have {
                from: self.config.name,
                to: view.primary,
                epoch: view.epoch,
                incarnation: self.config.incarnation,
                cluster: if same { self.cluster } else { ClusterId(0) },
                committed: own,
                last: own_last,
            },
        ));
        self.dismiss_clients(out);
    }

    /// An entry: compared with what is held, or appended; where it differs, it replaces what is
    /// there and everything after it (R4).
    pub(super) fn append(&mut self, came: Came, entry: Entry, out: &mut Vec<Output>) {
        let conn = came.conn;
        if !self.leads(came, "append", out) {
            return;
        }
        let (place, whole) = (entry.sequence, self.whole);
        let Some(following) = self.following() else { return };
        if place <= following.verified {
            return;
        }
        if place != following.verified.next() || !whole {
            let text = format!("entry {place} follows {} with a gap", following.verified);
            return self.reject(conn, ErrorCode::Unexpected, text, out);
        }
        following.verified = place;
        match self.log.entry(place) {
            Some(held) if held.epoch == entry.epoch => return,
            Some(_) if is_off(Mutant::KeepConflict) => return,
            Some(_) => self.cut(Sequence(place.0 - 1), out),
            None => {}
        }
        self.clients.appended(&entry);
        self.log.append(entry);
        let member = matches!(self.standing, Standing::Backup(_));
        if is_off(Mutant::ExecuteOnReceipt) && member && self.mode() == Some(Mode::Active) {
            self.committed = self.committed.max(place);
            self.execute_to(place, out);
        }
    }

    fn cut(&mut self, last: Sequence, out: &mut Vec<Output>) {
        assert!(last >= self.committed, "what is committed is never cut");
        let entries = self.log.cut_after(last);
        self.clients.cut_after(last);
        out.push(Output::Note(Event::TailCut { last, entries }));
    }

    /// The primary says what is committed; in active mode it is executed.
    pub(super) fn commit_told(&mut self, came: Came, sequence: Sequence, out: &mut Vec<Output>) {
        if !self.leads(came, "commit", out) {
            return;
        }
        let Some(following) = self.following() else { return };
        let sequence = sequence.min(following.verified);
        if sequence <= self.committed {
            return;
        }
        self.committed = sequence;
        let member = matches!(self.standing, Standing::Backup(_));
        if member && self.mode() == Some(Mode::Active) {
            self.execute_to(self.committed, out);
        }
    }

    /// A chunk of the checkpoint that makes a joiner whole (R8).
    pub(super) fn recovery_chunk(
        &mut self,
        (conn, from): (Conn, ReplicaName),
        chunk: &[u8],
        transfer: Option<Transfer>,
        out: &mut Vec<Output>,
    ) {
        let Some(t) = self.checked((conn, from), "recovery", transfer, out) else { return };
        if !matches!(self.standing, Standing::Joiner(_)) {
            let text = "this server is a member and needs no recovery".to_owned();
            return self.reject(conn, ErrorCode::Unexpected, text, out);
        }
        self.whole = false;
        let Some(bytes) = self.collect(conn, chunk, t, out) else { return };
        if let Err(error) = self.machine.restore(t.sequence, &bytes) {
            self.cluster = ClusterId(0);
            let text = format!("recovery at {}: {error}", t.sequence);
            return self.reject(conn, ErrorCode::Malformed, text, out);
        }
        if is_off(Mutant::SkipEntry) {
            self.machine.pass_over(t.sequence.next());
        }
        let stands = self.machine.executed();
        self.log.reset(stands);
        self.clients.restored(&self.machine.sessions);
        self.committed = stands;
        self.cluster = self.view.as_ref().map_or(ClusterId(0), |v| v.cluster);
        self.whole = true;
        let (by, from) = (self.name(), self.view.as_ref().map_or(self.name(), |v| v.primary));
        if let Some(following) = self.following() {
            (following.verified, following.said) = (stands, None);
        }
        out.push(Output::Note(Event::Recovered { by, from, sequence: t.sequence }));
    }

    /// A chunk of a periodic checkpoint: a passive backup takes the state over, so that a promotion
    /// has little to replay (R2), and compares its digest (R9).
    pub(super) fn checkpoint_chunk(
        &mut self,
        (conn, from): (Conn, ReplicaName),
        count: u64,
        chunk: &[u8],
        transfer: Option<Transfer>,
        out: &mut Vec<Output>,
    ) {
        let Some(t) = self.checked((conn, from), "checkpoint", transfer, out) else { return };
        let Some(bytes) = self.collect(conn, chunk, t, out) else { return };
        let Standing::Backup(following) = &self.standing else { return };
        if t.sequence > following.verified {
            let text = format!("a checkpoint at {}, ahead of its entries", t.sequence);
            return self.reject(conn, ErrorCode::Unexpected, text, out);
        }
        if t.sequence >= self.machine.executed() {
            let (at, kept) = (self.machine.executed(), self.machine.checkpoint());
            if let Err(error) = self.machine.restore(t.sequence, &bytes) {
                self.machine.restore(at, &kept).expect("its own checkpoint");
                let text = format!("checkpoint at {}: {error}", t.sequence);
                return self.reject(conn, ErrorCode::Malformed, text, out);
            }
            self.committed = self.committed.max(t.sequence);
            self.say_taken_over(count, t, out);
        }
    }

    fn say_taken_over(&mut self, count: u64, t: Transfer, out: &mut Vec<Output>) {
        let found = self.machine.digest();
        let (by, sequence, expected) = (self.name(), t.sequence, t.digest);
        let Some(view) = self.view.clone() else { return };
        let state = self.machine.service.summary();
        let from = view.primary;
        out.push(Output::Note(Event::CheckpointReceived { count, state, by, from }));
        if self.config.audit {
            out.push(Output::Note(Event::DigestAt { sequence, digest: found }));
        }
        if found != expected {
            out.push(Output::Note(Event::Diverged { server: by, sequence, expected, found }));
            self.suspect(by, self.config.incarnation, Why::Diverged, out);
        }
    }

    fn checked(
        &mut self,
        (conn, from): (Conn, ReplicaName),
        what: &str,
        transfer: Option<Transfer>,
        out: &mut Vec<Output>,
    ) -> Option<Transfer> {
        let Some(t) = transfer else {
            let text = format!("`{what}` without an epoch (R6); use the extended form");
            self.reject(conn, ErrorCode::Unexpected, text, out);
            return None;
        };
        self.leads(Came { conn, from, epoch: t.epoch }, what, out).then_some(t)
    }

    /// Takes in a chunk; the whole checkpoint once it is there.
    fn collect(
        &mut self,
        conn: Conn,
        chunk: &[u8],
        t: Transfer,
        out: &mut Vec<Output>,
    ) -> Option<bytes::Bytes> {
        let (from, epoch, incarnation) = (self.config.name, self.epoch, self.config.incarnation);
        let to = self.view.as_ref().map_or(from, |v| v.primary);
        let following = self.following()?;
        match Incoming::take(&mut following.incoming, chunk, t) {
            Progress::Part(offset) => {
                let message = Message::Received { from, to, epoch, incarnation, offset };
                out.push(Output::Send(conn, message));
                None
            }
            Progress::Whole(bytes) => Some(bytes),
            Progress::Broken => {
                let text = format!("the chunk at {} does not fit, or the digest", t.offset);
                self.reject(conn, ErrorCode::Malformed, text, out);
                None
            }
        }
    }

    /// All inputs of this turn are in: acknowledge them with one message.
    pub(super) fn settle_following(&mut self, out: &mut Vec<Output>) {
        let (from, epoch, incarnation) = (self.config.name, self.epoch, self.config.incarnation);
        let Some((to, cluster)) = self.view.as_ref().map(|v| (v.primary, v.cluster)) else {
            return;
        };
        if !self.whole || self.cluster != cluster {
            return;
        }
        let Some(following) = self.following() else { return };
        let Some(leader) = following.leader.filter(|_| following.synced == epoch) else { return };
        if following.said != Some(following.verified) {
            following.said = Some(following.verified);
            let sequence = following.verified;
            out.push(Output::Send(leader, Message::Ack { from, to, epoch, incarnation, sequence }));
        }
    }

    /// The primary's connection is gone: said at once, because a detector may be gone with it (R15).
    pub(super) fn leader_closed(&mut self, now: Time, conn: Conn, out: &mut Vec<Output>) {
        let member = matches!(self.standing, Standing::Backup(_));
        let Some(following) = self.following().filter(|f| f.leader == Some(conn)) else { return };
        (following.leader, following.alone_since) = (None, now);
        following.incoming = None;
        if member {
            following.complained_at = Some(now);
            self.suspect_primary(out);
        }
    }

    fn suspect_primary(&mut self, out: &mut Vec<Output>) {
        let Some(view) = &self.view else { return };
        if let Some(primary) = view.member(view.primary).copied() {
            self.suspect(primary.name, primary.incarnation, Why::Unreachable, out);
        }
    }

    pub(super) fn tick_following(&mut self, now: Time, out: &mut Vec<Output>) {
        let ack_timeout = self.config.ack_timeout;
        if matches!(self.standing, Standing::Backup(_))
            && let Some(following) = self.following()
            && following.leader.is_none()
        {
            let due = match following.complained_at {
                Some(at) => now.since(at) >= REPEAT,
                None => now.since(following.alone_since) >= ack_timeout,
            };
            if due {
                following.complained_at = Some(now);
                self.suspect_primary(out);
            }
        }
        self.forward_waiting(now, out);
        self.log.trim(self.machine.executed(), KEPT_ENTRIES, KEPT_BYTES);
    }
}
