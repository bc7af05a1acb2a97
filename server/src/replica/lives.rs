//! The lives of clients that name no session.
//!
//! A client of the documents counts from 0 or 1 when it starts, and has no session of its own. It gets
//! an implicit one, which lasts for one life: when it counts from the start again, that is a restart,
//! and its numbers mean new requests. But bytes can also come late, over a member or on a connection
//! that was held up, and then a number from the start is only a copy. What tells them apart is here:
//! when a connection was opened, what is known of the newest life, and how lately it was served.
//!
//! Guarantees: as long as a client waits for its answers, nothing that it has asked takes effect twice
//! in one cluster (I9), if no copy is held up on a connection that was opened after its life had gone
//! on. Whoever wants more than a guess registers.
//!
//! Not here: sessions that are named (R7), which leave nothing to guess; see `ordering`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use node::{Conn, Time};
use wire::{ClientName, Entry, Op, RequestNumber, Sequence, SessionId};

use super::clients::Clients;
use super::ordering::{Pending, Place};
use super::requests::Asked;
use super::{Replica, Standing};
use crate::service::Service;
use crate::sessions::{CAPACITY, Known, Session, Sessions};

/// A client that was served so lately has not restarted: a "1" that arrives now is a late copy of its
/// first request, not a new life.
const RESTART_TAKES: Duration = Duration::from_secs(1);

/// Which life of its client a connection can speak for.
#[derive(Debug, Clone, Default)]
pub(super) struct Lives {
    /// The accepted connections on which nobody has spoken yet.
    silent: BTreeSet<Conn>,
    /// The newest life of a client in this server's log and state: its session, and the newest
    /// connection that was open when this server heard of it and may speak for that client later.
    /// Connections are numbered as they are accepted.
    newest: BTreeMap<ClientName, (SessionId, Conn)>,
}

impl Lives {
    /// A connection was opened.
    pub(super) fn opened(&mut self, conn: Conn) {
        // Those that this server dials have even numbers.
        if conn.0 % 2 == 1 {
            self.silent.insert(conn);
        }
    }

    /// Somebody has spoken on a connection, or it is closed.
    pub(super) fn no_longer_silent(&mut self, conn: Conn) {
        if !self.silent.is_empty() {
            self.silent.remove(&conn);
        }
    }

    /// Whether a connection was open before this server heard of its client's newest life: it is not
    /// of a later one, however late its bytes arrive.
    pub(super) fn precedes(&self, conn: Conn, client: ClientName) -> bool {
        self.newest.get(&client).is_some_and(|(_, since)| conn <= *since)
    }
}

impl Clients {
    /// An entry was appended.
    pub(super) fn appended(&mut self, entry: &Entry) {
        if let Op::Register { client, nonce: 0, .. } = &entry.op {
            self.heard_of_life(*client, SessionId(entry.sequence.0));
        }
    }

    /// The state was replaced: these are the sessions now, and there is no log after them.
    pub(super) fn restored(&mut self, sessions: &Sessions) {
        let same =
            |client, id| sessions.session(client).is_some_and(|s| s.implicit() && s.id == id);
        self.lives.newest.retain(|client, (id, _)| same(*client, *id));
        for (client, session) in sessions.all().filter(|(_, s)| s.implicit()) {
            self.heard_of_life(client, session.id);
        }
    }

    /// The log ends with this entry now; what came after it is not true.
    pub(super) fn cut_after(&mut self, last: Sequence) {
        self.lives.newest.retain(|_, (session, _)| session.0 <= last.0);
    }

    fn heard_of_life(&mut self, client: ClientName, session: SessionId) {
        if self.lives.newest.get(&client).is_some_and(|(known, _)| *known == session) {
            return;
        }
        let silent = self.lives.silent.last().copied();
        if self.lives.newest.len() >= CAPACITY {
            self.lives.newest.clear();
        }
        match silent.max(self.connection(client)) {
            Some(since) => self.lives.newest.insert(client, (session, since)),
            None => self.lives.newest.remove(&client),
        };
    }
}

/// What the primary knows of the newest life of a client.
struct Life<'a> {
    client: ClientName,
    session: SessionId,
    pending: &'a Pending,
    /// What of it was executed; nothing while its registration is not.
    executed: Option<&'a Session>,
    /// The life before it, while that is the last of which something was executed.
    former: Option<&'a Session>,
}

impl Life<'_> {
    /// The highest number that has its place.
    fn last(&self) -> Option<RequestNumber> {
        let pending = self.pending.highest(self.client, self.session);
        pending.max(self.executed.and_then(Session::last))
    }

    /// Whether a number is in the log and not executed.
    fn is_pending(&self, number: RequestNumber) -> bool {
        self.pending.holds(self.client, self.session, number)
    }

    /// Whether a number has its place, or had it.
    fn holds(&self, number: RequestNumber) -> bool {
        self.is_pending(number) || self.executed.is_some_and(|s| s.known(number) != Known::New)
    }

    /// Whether this very question was executed in it.
    fn has_executed(&self, asked: &Asked) -> bool {
        self.executed.is_some_and(|s| s.asked(asked.number, &asked.body))
    }

    /// Whether this very question was executed in the life before it.
    fn is_former(&self, asked: &Asked) -> bool {
        self.former.is_some_and(|s| s.asked(asked.number, &asked.body))
    }

    /// Whether something else has its place under this number, in the log or executed: a request of
    /// another life came in between. The question itself is known not to be in the log.
    fn is_taken(&self, asked: &Asked) -> bool {
        let answered = |s: &Session| matches!(s.known(asked.number), Known::Answered(_));
        self.is_pending(asked.number)
            || self.executed.is_some_and(answered) && !self.has_executed(asked)
    }
}

impl<S: Service> Replica<S> {
    /// The newest life of a client, if it has one.
    fn life(&self, client: ClientName) -> Option<Life<'_>> {
        let Standing::Primary(leading) = &self.standing else { return None };
        let pending = &leading.pending;
        let executed = self.machine.sessions.session(client).filter(|s| s.implicit());
        match pending.registration(client) {
            Some((0, session)) => {
                Some(Life { client, session, pending, executed: None, former: executed })
            }
            _ => {
                let session = executed?.id;
                Some(Life { client, session, pending, executed, former: None })
            }
        }
    }

    /// Finds or gives a request its place. `starts` is whether it may be the first of a life: the first
    /// of its connection, which is newer than what is known of the client.
    pub(super) fn place_implicit(&mut self, now: Time, asked: &Asked, starts: bool) -> Place {
        let client = asked.client;
        let Standing::Primary(leading) = &self.standing else { return Place::InLog };
        if leading.pending.has_question(asked) {
            return Place::InLog;
        }
        let goes_on = |life: &Life<'_>| {
            !(life.is_taken(asked) || starts && self.has_restarted(now, life, asked))
        };
        let session = match self.life(client).filter(goes_on) {
            Some(life) => life.session,
            None => SessionId(self.append_op(Op::Register { client, nonce: 0, window: 1 }).0),
        };
        if let Some(leading) = self.leading() {
            leading.pending.serve(client, now);
        }
        self.place_in(session, asked)
    }

    /// Whether a request that may be the first of a life, and is not in the log, comes from a
    /// restarted client.
    fn has_restarted(&self, now: Time, life: &Life<'_>, asked: &Asked) -> bool {
        let Some(last) = life.last().filter(|last| asked.number.0 <= 1 && *last >= asked.number)
        else {
            return false;
        };
        // The very question again: late, handed over by a member that has not heard of its answer.
        let served = life.pending.served(asked.client);
        let lately = served.is_some_and(|at| now.since(at) < RESTART_TAKES);
        !life.has_executed(asked) || !(last == asked.number || lately)
    }

    /// Whether a request that a member hands over does not follow on what is known of its client's
    /// life, which counts one by one: it is of a former life of the client, that ended while the
    /// request waited there. Nor does another start than that of a life whose requests come to this
    /// very server, on a connection that is open still: that one was only held up on its way.
    pub(super) fn is_astray(&self, asked: &Asked) -> bool {
        let Some(life) = self.life(asked.client) else { return false };
        let (number, repeated) = (asked.number, life.pending.has_question(asked));
        if life.is_former(asked) && !repeated {
            return true;
        }
        let Some(last) = life.last() else { return false };
        if number.0 <= 1 {
            let repeated = repeated || life.has_executed(asked);
            let started_already = number < last || number == last && !repeated;
            return started_already && self.clients.has_asked(asked.client);
        }
        // Under the last number, something else waits in the log.
        let another = number == last && !repeated && life.is_pending(number);
        number > last.next() || number < last && !life.holds(number) || another
    }
}
