//! Ordering at the primary: is a request new, and which place in the log does it get?
//!
//! [`Pending`] is what is in the log and not executed yet; the session table knows the rest. Both
//! together make a retried request find its first place, so that nothing is ordered twice; the
//! session table would give a second place no effect anyway (R7).
//!
//! A client of the documents has no session of its own. Its implicit one ends when, on a new
//! connection, it counts from 0 or 1 again: that is a restart, and its numbers mean new requests.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use node::{Output, Time};
use wire::{ClientName, Entry, Mode, Op, RequestNumber, Sequence, SessionId};
use xxhash_rust::xxh3::xxh3_64;

use super::requests::{Asked, Opening};
use super::{Replica, Standing};
use crate::service::Service;
use crate::sessions::{CAPACITY, Known};

/// A short-form client that was served so lately has not restarted: a "1" that arrives now is a late
/// copy of its first request, not a new life.
const RESTART_TAKES: Duration = Duration::from_secs(1);
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
    fn has_question(&self, asked: &Asked) -> bool {
        let Some(pending) = self.clients.get(&asked.client) else { return false };
        let mut same = pending.requests.iter().filter(|r| r.number == asked.number);
        let question = xxh3_64(&asked.body);
        same.any(|r| r.asked == question)
    }

    /// Whether a request of that number is in the log and not executed.
    fn has_number(&self, client: ClientName, number: RequestNumber) -> bool {
        self.clients.get(&client).is_some_and(|p| p.requests.iter().any(|r| r.number == number))
    }

    /// The highest number of a client that is in the log and not executed.
    fn highest(&self, client: ClientName) -> Option<RequestNumber> {
        self.clients.get(&client)?.requests.iter().map(|r| r.number).max()
    }

    /// The same, of one session.
    fn highest_in(&self, client: ClientName, session: SessionId) -> Option<RequestNumber> {
        let requests = self.clients.get(&client)?.requests.iter();
        requests.filter(|r| r.session == session).map(|r| r.number).max()
    }

    fn registration(&self, client: ClientName) -> Option<(u64, SessionId)> {
        self.clients.get(&client)?.registration
    }

    fn serve(&mut self, client: ClientName, now: Time) {
        if self.served.len() >= CAPACITY {
            self.served.clear();
        }
        self.served.insert(client, now);
    }

    fn served_lately(&self, client: ClientName, now: Time) -> bool {
        self.served.get(&client).is_some_and(|at| now.since(*at) < RESTART_TAKES)
    }
}

impl<S: Service> Replica<S> {
    /// Whether this replica gives requests their place now.
    pub(super) fn ordering(&self) -> bool {
        matches!(&self.standing, Standing::Primary(l) if !l.fenced && l.drain.is_none())
    }

    /// Finds or gives a request its place in the log.
    pub(super) fn place(&mut self, now: Time, asked: &Asked, fresh: bool) -> Place {
        match asked.session {
            Some(session) => self.place_in(session, asked),
            None => self.place_implicit(now, asked, fresh),
        }
    }

    fn place_in(&mut self, session: SessionId, asked: &Asked) -> Place {
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

    fn place_implicit(&mut self, now: Time, asked: &Asked, fresh: bool) -> Place {
        let client = asked.client;
        let Standing::Primary(leading) = &self.standing else { return Place::InLog };
        if leading.pending.has_question(asked) {
            return Place::InLog;
        }
        let restarted = fresh && self.has_restarted(now, asked);
        let opening = leading.pending.registration(client).filter(|(nonce, _)| *nonce == 0);
        let executed = self.machine.sessions.session(client).filter(|s| s.implicit());
        // Something else was answered under this number: a request of a former life came in between.
        let taken = executed.is_some_and(|s| {
            let answered = matches!(s.known(asked.number), Known::Answered(_));
            answered && !s.asked(asked.number, &asked.body)
        });
        let session = match (opening, executed) {
            (Some((_, id)), _) if !restarted => id,
            (None, Some(session)) if !restarted && !taken => session.id,
            _ => {
                let opening = Op::Register { client, nonce: 0, window: 1 };
                SessionId(self.append_op(opening).0)
            }
        };
        if let Some(leading) = self.leading() {
            leading.pending.serve(client, now);
        }
        self.place_in(session, asked)
    }

    /// Whether a short-form request that counts from the start again, and is not in the log, comes from
    /// a restarted client.
    fn has_restarted(&self, now: Time, asked: &Asked) -> bool {
        let Standing::Primary(leading) = &self.standing else { return false };
        if asked.number.0 > 1 {
            return false;
        }
        if leading.pending.has_number(asked.client, asked.number) {
            return true;
        }
        let went_on = leading.pending.highest(asked.client) > Some(asked.number);
        let session = self.machine.sessions.session(asked.client);
        let last = session.and_then(|s| s.last());
        if !went_on && last < Some(asked.number) {
            return false;
        }
        // The very question again: late, handed over by a member that has not heard of its answer.
        let same = session.is_some_and(|s| s.asked(asked.number, &asked.body));
        let repeats_last = !went_on && last == Some(asked.number);
        !same || !(repeats_last || leading.pending.served_lately(asked.client, now))
    }

    /// Whether a short-form request that a member hands over does not follow on what is known of its
    /// client's life, which counts one by one: it is of a former life of the client, that ended while
    /// the request waited there. Nor does another start than that of a life whose requests come to this
    /// very server, on a connection that is open still: that one was only held up on its way.
    pub(super) fn is_astray(&self, asked: &Asked) -> bool {
        let Standing::Primary(leading) = &self.standing else { return false };
        let (client, number) = (asked.client, asked.number);
        let session = self.machine.sessions.session(client).filter(|s| s.implicit());
        let opening = leading.pending.registration(client).filter(|(nonce, _)| *nonce == 0);
        let known = match opening {
            Some((_, id)) => leading.pending.highest_in(client, id),
            None => leading.pending.highest(client).max(session.and_then(|s| s.last())),
        };
        let Some(last) = known else { return false };
        if number.0 <= 1 {
            let repeated = leading.pending.has_question(asked)
                || session.is_some_and(|s| s.asked(number, &asked.body));
            let started_already = number < last || number == last && !repeated;
            return started_already && self.clients.has_asked(client);
        }
        let in_place = leading.pending.has_number(client, number)
            || session.is_some_and(|s| s.known(number) != Known::New);
        number > last.next() || number < last && !in_place
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
