//! Ordering at the primary: is a request new, and which place in the log does it get?
//!
//! [`Pending`] is what is in the log and not executed yet; the session table knows the rest. Both
//! together make a retried request find its first place, so that nothing is ordered twice; the
//! session table would give a second place no effect anyway (R7).
//!
//! Not here: the sessions of clients that name none; see `lives`.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use node::{Output, Time};
use wire::{ClientName, Entry, Mode, Op, RequestNumber, Sequence, SessionId};
use xxhash_rust::xxh3::xxh3_64;

use super::requests::{Asked, Opening};
use super::{Replica, Standing};
use crate::service::Service;
use crate::sessions::{CAPACITY, Known};

/// How much may be ordered and not committed before clients are not read any more.
const UNCOMMITTED_ENTRIES: u64 = 65_536;
const UNCOMMITTED_BYTES: usize = 64 << 20;

/// So many clients are kept in the table although nothing of theirs is in the log, because they will
/// ask again in a moment.
const IDLE_CLIENTS: usize = 1024;

/// What became of a request.
#[derive(Debug)]
pub(super) enum Place {
    /// It was executed before; this was the answer.
    Answered(Bytes),
    /// Its session is over.
    Expired,
    /// Its answer is forgotten.
    Stale,
    /// It is in the log already.
    InLog,
    /// It is in the log now.
    Appended,
}

/// What is in the log and not executed.
#[derive(Debug, Clone, Default)]
pub(super) struct Pending {
    clients: BTreeMap<ClientName, PendingClient>,
    /// When each short-form client was last given a place.
    served: BTreeMap<ClientName, Time>,
}

#[derive(Debug, Clone, Default)]
struct PendingClient {
    registration: Option<(u64, SessionId)>,
    requests: VecDeque<Ordered>,
    /// Whether (session, number) has only grown since there was nothing in the log.
    in_order: bool,
}

/// A request that has its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ordered {
    session: SessionId,
    number: RequestNumber,
    /// A hash of what is asked: two lives of a short-form client use the same numbers.
    asked: u64,
}

impl PendingClient {
    fn holds(&self, session: SessionId, number: RequestNumber) -> bool {
        // The common question is about a number after all others of the session.
        let after_all = |r: &Ordered| self.in_order && r.session == session && r.number < number;
        !self.requests.back().is_none_or(after_all)
            && self.requests.iter().any(|r| r.session == session && r.number == number)
    }

    fn push(&mut self, ordered: Ordered) {
        let follows = |r: &Ordered| (r.session, r.number) < (ordered.session, ordered.number);
        self.in_order = self.requests.back().is_none_or(|r| self.in_order && follows(r));
        self.requests.push_back(ordered);
    }
}

impl Ordered {
    fn new(session: SessionId, number: RequestNumber, body: &Bytes) -> Self {
        Self { session, number, asked: xxh3_64(body) }
    }
}

impl Pending {
    /// Forgets what is in the log; what it still holds is told again.
    pub(super) fn clear(&mut self) {
        self.clients.clear();
    }

    /// An entry was appended.
    pub(super) fn appended(&mut self, entry: &Entry) {
        match &entry.op {
            Op::Request { client, session, number, body } => {
                let ordered = Ordered::new(*session, *number, body);
                self.clients.entry(*client).or_default().push(ordered);
            }
            Op::Register { client, nonce, .. } => {
                let session = SessionId(entry.sequence.0);
                self.clients.entry(*client).or_default().registration = Some((*nonce, session));
            }
            Op::Mark | Op::Absent { .. } => {}
        }
    }

    /// An entry was executed.
    pub(super) fn executed(&mut self, entry: &Entry) {
        let client = match &entry.op {
            Op::Request { client, .. } | Op::Register { client, .. } => *client,
            Op::Mark | Op::Absent { .. } => return,
        };
        let Some(pending) = self.clients.get_mut(&client) else { return };
        match &entry.op {
            Op::Request { session, number, body, .. } => {
                let this = Ordered::new(*session, *number, body);
                if pending.requests.front() == Some(&this) {
                    pending.requests.pop_front();
                } else {
                    pending.requests.retain(|r| *r != this);
                }
            }
            Op::Register { .. } => {
                let this = SessionId(entry.sequence.0);
                pending.registration = pending.registration.filter(|(_, id)| *id != this);
            }
            Op::Mark | Op::Absent { .. } => {}
        }
        let idle = pending.requests.is_empty() && pending.registration.is_none();
        if idle && self.clients.len() > IDLE_CLIENTS {
            self.clients.remove(&client);
        }
    }

    fn of(&self, client: ClientName) -> Option<&PendingClient> {
        self.clients.get(&client)
    }

    /// Whether this very question of a short-form client is in the log and not executed, whichever of
    /// the client's lives it was asked in.
    pub(super) fn has_question(&self, asked: &Asked) -> bool {
        let Some(pending) = self.clients.get(&asked.client) else { return false };
        let mut same = pending.requests.iter().filter(|r| r.number == asked.number);
        let question = xxh3_64(&asked.body);
        same.any(|r| r.asked == question)
    }

    /// Whether a request is in the log and not executed.
    pub(super) fn holds(&self, client: ClientName, session: SessionId, n: RequestNumber) -> bool {
        self.clients.get(&client).is_some_and(|p| p.holds(session, n))
    }

    /// The highest number of a session that is in the log and not executed.
    pub(super) fn highest(&self, client: ClientName, session: SessionId) -> Option<RequestNumber> {
        let requests = self.clients.get(&client)?.requests.iter();
        requests.filter(|r| r.session == session).map(|r| r.number).max()
    }

    pub(super) fn registration(&self, client: ClientName) -> Option<(u64, SessionId)> {
        self.clients.get(&client)?.registration
    }

    pub(super) fn serve(&mut self, client: ClientName, now: Time) {
        if self.served.len() >= CAPACITY {
            self.served.clear();
        }
        self.served.insert(client, now);
    }

    /// When a short-form client was last given a place.
    pub(super) fn served(&self, client: ClientName) -> Option<Time> {
        self.served.get(&client).copied()
    }
}

impl<S: Service> Replica<S> {
    /// Whether this replica gives requests their place now.
    pub(super) fn ordering(&self) -> bool {
        matches!(&self.standing, Standing::Primary(l) if !l.fenced && l.drain.is_none())
    }

    /// Finds or gives a request its place in the log.
    pub(super) fn place_in(&mut self, session: SessionId, asked: &Asked) -> Place {
        let (client, number) = (asked.client, asked.number);
        let Standing::Primary(leading) = &self.standing else { return Place::InLog };
        let pending = leading.pending.of(client);
        if pending.is_some_and(|p| p.holds(session, number)) {
            return Place::InLog;
        }
        let opening = pending.is_some_and(|p| p.registration.is_some_and(|(_, id)| id == session));
        match self.machine.sessions.known(client, session, number) {
            Known::Answered(reply) => return Place::Answered(reply),
            Known::Stale => return Place::Stale,
            Known::Expired if !opening => return Place::Expired,
            Known::Expired | Known::New => {}
        }
        self.append_op(Op::Request { client, session, number, body: asked.body.clone() });
        Place::Appended
    }

    /// Logs the opening of a session; a repeated registration is logged once.
    pub(super) fn append_registration(&mut self, opening: Opening) -> Sequence {
        let Opening { client, nonce, window } = opening;
        if let Standing::Primary(leading) = &self.standing
            && let Some((pending, id)) = leading.pending.registration(client)
            && pending == nonce
        {
            return Sequence(id.0);
        }
        self.append_op(Op::Register { client, nonce, window })
    }

    /// Appends an entry of this epoch.
    pub(super) fn append_op(&mut self, op: Op) -> Sequence {
        let entry = Entry { sequence: self.log.last().next(), epoch: self.epoch, op };
        let sequence = entry.sequence;
        self.clients.appended(&entry);
        if let Standing::Primary(leading) = &mut self.standing {
            leading.pending.appended(&entry);
        }
        self.log.append(entry);
        sequence
    }

    /// Every member that executes says its digest at a mark (R9).
    pub(super) fn append_mark(&mut self) {
        if self.mode() == Some(Mode::Active) && self.ordering() {
            self.append_op(Op::Mark);
        }
    }

    /// Stops reading from clients while too much is ordered and not committed (I15).
    pub(super) fn hold_back(&mut self, out: &mut Vec<Output>) {
        let uncommitted = self.log.last().0 - self.committed.0;
        let full = uncommitted >= UNCOMMITTED_ENTRIES
            || (uncommitted > 0 && self.log.bytes() >= 2 * UNCOMMITTED_BYTES);
        self.pause_clients(full, out);
    }

    /// Reads from clients again once the half of it is committed.
    pub(super) fn let_go(&mut self, out: &mut Vec<Output>) {
        if self.log.last().0 - self.committed.0 < UNCOMMITTED_ENTRIES / 2 && self.ordering() {
            self.pause_clients(false, out);
        }
    }

    pub(super) fn pause_clients(&mut self, pause: bool, out: &mut Vec<Output>) {
        let Some(leading) = self.leading() else { return };
        if std::mem::replace(&mut leading.paused, pause) == pause {
            return;
        }
        for conn in self.clients.conns() {
            out.push(if pause { Output::Pause(conn) } else { Output::Resume(conn) });
        }
    }
}
