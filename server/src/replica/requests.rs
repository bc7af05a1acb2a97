//! What clients ask: a request or a registration arrives, and is answered, ordered, kept or refused.
//!
//! Who may answer (I11): the primary; in active mode every member. A joiner in active mode keeps
//! requests until it is a member (R8), and a passive backup whose primary is gone until it hears from
//! the next one, which is perhaps itself: its clients may hear of that before it does. Everyone else
//! refuses with a word that sends the client back to the RM.

use bytes::Bytes;
use node::mutant::{Mutant, is_off};
use node::{Conn, Event, Output, Time};
use wire::{ClientName, ErrorCode, Message, Mode, RequestNumber, SessionId};

use super::clients::{Answered, ClientLink, Registering, Taken, Waiting};
use super::ordering::Place;
use super::{Replica, Standing};
use crate::service::Service;
use crate::sessions::{Known, WIDEST_WINDOW};

/// How many requests may wait on one connection; more than the widest window is an overrun.
const WAITING_LIMIT: usize = WIDEST_WINDOW as usize + 64;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) client: ClientName,
    pub(super) number: RequestNumber,
    pub(super) body: Bytes,
    pub(super) session: Option<SessionId>,
}

impl Asked {
    fn answered(&self) -> Answered<'_> {
        let Self { client, number, session, .. } = *self;
        Answered { client, number, session, body: &self.body }
    }
}

/// A registration as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening {
    pub(super) client: ClientName,
    pub(super) nonce: u64,
    pub(super) window: u32,
}

impl<S: Service> Replica<S> {
    pub(super) fn request(&mut self, now: Time, conn: Conn, asked: Asked, out: &mut Vec<Output>) {
        let known = self.clients.links.get(&conn).is_some_and(|l| l.name == asked.client);
        if !known && !self.admit(conn, asked.client, None, out) {
            return;
        }
        let Some(link) = self.clients.links.get_mut(&conn) else { return };
        let fresh = !std::mem::replace(&mut link.asked, true);
        if link.waits_for(asked.number) {
            return;
        }
        if link.waiting.len() >= WAITING_LIMIT {
            let text = format!("more than {WAITING_LIMIT} requests are unanswered");
            return self.reject(conn, ErrorCode::Overrun, text, out);
        }
        link.wait(Waiting {
            number: asked.number,
            session: asked.session,
            body: asked.body.clone(),
            since: now,
            fresh,
            forwards: 0,
        });
        if is_off(Mutant::LocalRead) && matches!(self.standing, Standing::Primary(_)) {
            let state = self.machine.service.summary();
            return self.answer(&asked.answered(), state, out);
        }
        if self.ordering() {
            self.order_request(now, conn, &asked, fresh, out);
        } else if self.answers_as_backup() {
            self.answer_if_known(conn, &asked, fresh, out);
        }
    }

    /// Whether this is a member that does not order and answers all the same.
    fn answers_as_backup(&self) -> bool {
        matches!(self.standing, Standing::Backup(_)) && self.mode() == Some(Mode::Active)
    }

    /// A member that does not order answers what it has executed; the rest shows up in the log.
    fn answer_if_known(&mut self, conn: Conn, asked: &Asked, fresh: bool, out: &mut Vec<Output>) {
        let (client, number) = (asked.client, asked.number);
        let fresh = fresh && self.may_start(conn, asked);
        let Some(session) = self.machine.sessions.session(client) else { return };
        let known = match asked.session {
            Some(id) => self.machine.sessions.known(client, id, number),
            // A short-form client that counts from its start again may have restarted; only the
            // primary can tell, so this waits for the log.
            None if fresh && number.0 <= 1 && session.last() > Some(number) => return,
            None => match session.known(number) {
                // The same number of another life of the client; its own shows up in the log.
                Known::Answered(_) if !session.asked(number, &asked.body) => return,
                known => known,
            },
        };
        match known {
            Known::Answered(reply) => self.answer(&asked.answered(), reply, out),
            // A session that was opened later than what is executed here shows up in the log.
            Known::Expired if asked.session > Some(SessionId(self.machine.executed().0)) => {}
            Known::Expired => self.refuse_expired(conn, client, out),
            Known::Stale => self.drop_stale(conn, asked, fresh, out),
            Known::New => {}
        }
    }

    /// Whether the first request of a connection may be the first of its client's life.
    fn may_start(&self, conn: Conn, asked: &Asked) -> bool {
        asked.session.is_some() || !self.clients.lives.precedes(conn, asked.client)
    }

    /// Orders a request at the primary, or answers it at once if it was executed before.
    fn order_request(
        &mut self,
        now: Time,
        conn: Conn,
        asked: &Asked,
        fresh: bool,
        out: &mut Vec<Output>,
    ) {
        let fresh = fresh && self.may_start(conn, asked);
        let place = match asked.session {
            Some(session) => self.place_in(session, asked),
            None => self.place_implicit(now, asked, fresh),
        };
        match place {
            Place::Answered(reply) => self.answer(&asked.answered(), reply, out),
            Place::Expired => self.refuse_expired(conn, asked.client, out),
            Place::Stale => self.drop_stale(conn, asked, fresh, out),
            Place::InLog => {}
            Place::Appended => self.hold_back(out),
        }
    }

    pub(super) fn register(
        &mut self,
        now: Time,
        conn: Conn,
        opening: Opening,
        out: &mut Vec<Output>,
    ) {
        if opening.nonce == 0 {
            let text = "a registration's nonce is greater than 0".to_owned();
            return self.reject(conn, ErrorCode::Malformed, text, out);
        }
        if !self.admit(conn, opening.client, Some(opening.nonce), out) {
            return;
        }
        let Some(link) = self.clients.links.get_mut(&conn) else { return };
        let Opening { nonce, window, .. } = opening;
        link.registering = Some(Registering { nonce, window, since: now });
        if self.ordering() {
            self.order_registration(conn, opening, out);
        } else if self.answers_as_backup() {
            self.confirm_if_known(conn, opening, out);
        }
    }

    /// Answers a registration whose session is open; says whether it did.
    pub(super) fn confirm_if_known(
        &mut self,
        conn: Conn,
        opening: Opening,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(session) = self.machine.sessions.session(opening.client) else { return false };
        if session.nonce > opening.nonce {
            self.refuse_expired(conn, opening.client, out);
            return true;
        }
        if session.nonce != opening.nonce {
            return false;
        }
        let session = Some(session.id);
        self.registered(opening.client, opening.nonce, session, out);
        true
    }

    fn order_registration(&mut self, conn: Conn, opening: Opening, out: &mut Vec<Output>) {
        if !self.confirm_if_known(conn, opening, out) {
            self.append_registration(opening);
            self.hold_back(out);
        }
    }

    /// Whether this server takes requests of that client on that connection; refuses otherwise.
    fn admit(
        &mut self,
        conn: Conn,
        client: ClientName,
        nonce: Option<u64>,
        out: &mut Vec<Output>,
    ) -> bool {
        if let Some((code, text)) = self.closed_to_clients() {
            self.reject(conn, code, text, out);
            return false;
        }
        match self.clients.identify(conn, client, nonce) {
            Ok(None) => true,
            Ok(Some(older)) => {
                out.push(Output::Close(older));
                true
            }
            Err(taken) => {
                let text = match taken {
                    Taken::Other(other) => format!("this connection speaks for {other}"),
                    Taken::Older => format!("{client} has spoken on a newer connection since"),
                    Taken::Connected => format!("{client} is connected already; close that first"),
                };
                self.reject(conn, ErrorCode::Taken, text, out);
                false
            }
        }
    }

    /// A client sends nothing more: it leaves when it has its answers.
    pub(super) fn client_ended(&mut self, conn: Conn, out: &mut Vec<Output>) {
        if let Some(link) = self.clients.links.get_mut(&conn) {
            link.leaving = true;
        }
        self.see_off(conn, out);
    }

    /// Closes the connection of a client that is leaving and waits for nothing more.
    pub(super) fn see_off(&mut self, conn: Conn, out: &mut Vec<Output>) {
        let done = |l: &ClientLink| l.leaving && l.waiting.is_empty() && l.registering.is_none();
        if self.clients.links.get(&conn).is_some_and(done) {
            self.hang_up(conn, out);
        }
    }

    /// Why clients are not served here, if they are not (I11).
    fn closed_to_clients(&self) -> Option<(ErrorCode, String)> {
        let view = self.view.as_ref();
        let primary = view.map_or_else(|| "not known".to_owned(), |v| v.primary.to_string());
        let passive = view.is_none_or(|v| v.mode == Mode::Passive);
        match &self.standing {
            Standing::Primary(_) => None,
            Standing::Backup(following) if passive && following.leader().is_some() => {
                Some((ErrorCode::NotPrimary, format!("the primary is {primary}")))
            }
            Standing::Joiner(_) if passive => {
                let text = format!("this server is not a member yet; the primary is {primary}");
                Some((ErrorCode::NotReady, text))
            }
            Standing::Backup(_) | Standing::Joiner(_) => None,
        }
    }

    /// Sends away the clients of a server that no longer serves them.
    pub(super) fn dismiss_clients(&mut self, out: &mut Vec<Output>) {
        let Some((code, text)) = self.closed_to_clients() else { return };
        for conn in self.clients.conns() {
            let error = Message::Error { from: self.name().into(), code, text: text.clone() };
            out.push(Output::Send(conn, error));
            self.hang_up(conn, out);
        }
    }

    pub(super) fn refuse_expired(&mut self, conn: Conn, client: ClientName, out: &mut Vec<Output>) {
        let text = format!("the session of {client} is over: it was evicted or a newer one opened");
        self.reject(conn, ErrorCode::Expired, text, out);
    }

    /// A number whose answer is forgotten: told to whoever begins with it, and dropped otherwise,
    /// because it is a copy of what the client has long been answered by another member.
    fn drop_stale(&mut self, conn: Conn, asked: &Asked, fresh: bool, out: &mut Vec<Output>) {
        if fresh {
            let number = asked.number;
            let text = format!("request {number} is older than what the session remembers");
            return self.reject(conn, ErrorCode::Stale, text, out);
        }
        if let Some(link) = self.clients.links.get_mut(&conn) {
            link.take(&asked.answered());
        }
        self.drop_counted("stale requests", out);
    }

    /// Orders everything that waits: after a promotion, and when a hand-over was given up.
    pub(super) fn order_waiting(&mut self, now: Time, out: &mut Vec<Output>) {
        for conn in self.clients.conns() {
            let Some(link) = self.clients.links.get(&conn) else { continue };
            let client = link.name;
            if let Some(r) = link.registering {
                let opening = Opening { client, nonce: r.nonce, window: r.window };
                self.order_registration(conn, opening, out);
            }
            let Some(link) = self.clients.links.get(&conn) else { continue };
            for w in link.waiting.clone() {
                let asked = Asked { client, number: w.number, body: w.body, session: w.session };
                self.order_request(now, conn, &asked, w.fresh, out);
            }
        }
    }

    /// A new member answers what the checkpoint that it was given covers already (R8).
    pub(super) fn answer_waiting(&mut self, out: &mut Vec<Output>) {
        for conn in self.clients.conns() {
            let Some(link) = self.clients.links.get(&conn) else { continue };
            let (client, registering) = (link.name, link.registering);
            if let Some(r) = registering {
                let opening = Opening { client, nonce: r.nonce, window: r.window };
                self.confirm_if_known(conn, opening, out);
            }
            self.answer_known_of(conn, |_| true, out);
        }
    }

    fn answer_known_of(
        &mut self,
        conn: Conn,
        which: impl Fn(&Waiting) -> bool,
        out: &mut Vec<Output>,
    ) {
        let Some(link) = self.clients.links.get(&conn) else { return };
        let client = link.name;
        let asked = |w: &Waiting| Asked {
            client,
            number: w.number,
            body: w.body.clone(),
            session: w.session,
        };
        let all: Vec<Asked> = link.waiting.iter().filter(|w| which(w)).map(asked).collect();
        for asked in all {
            self.answer_if_known(conn, &asked, false, out);
        }
    }

    /// Active mode: hands to the primary what does not show up in the log (R2).
    pub(super) fn forward_waiting(&mut self, now: Time, out: &mut Vec<Output>) {
        // A joiner keeps what waits until it is a member, even where its checkpoint has the answer (I11).
        if !matches!(self.standing, Standing::Backup(_)) {
            return;
        }
        // What was handed over twice was perhaps executed long ago.
        for conn in self.clients.conns() {
            self.answer_known_of(conn, |w| w.forwards >= 2, out);
        }
        let (name, epoch, mode) = (self.name(), self.epoch, self.mode());
        let Standing::Backup(following) = &self.standing else { return };
        let (Some(leader), Some(Mode::Active)) = (following.leader(), mode) else { return };
        let Some(to) = self.view.as_ref().map(|v| v.primary) else { return };
        let patience = super::TICK * 2;
        for (conn, link) in &mut self.clients.links {
            let client = link.name;
            if let Some(r) = link.registering.as_mut().filter(|r| now.since(r.since) >= patience) {
                r.since = now;
                let (nonce, window) = (r.nonce, r.window);
                let forward =
                    Message::ForwardRegister { from: name, to, epoch, client, nonce, window };
                out.push(Output::Send(leader, forward));
            }
            for w in link.waiting.iter_mut() {
                if now.since(w.since) < patience * (1 << w.forwards.min(4)) {
                    continue;
                }
                (w.since, w.forwards) = (now, w.forwards + 1);
                out.push(Output::Send(
                    leader,
                    Message::Forward {
                        from: name,
                        to,
                        epoch,
                        client,
                        session: w.session.unwrap_or_default(),
                        number: w.number,
                        body: w.body.clone(),
                        fresh: w.fresh && !self.clients.lives.precedes(*conn, client),
                    },
                ));
            }
        }
    }

    /// The primary orders what a member handed to it; the member answers its client from the log.
    pub(super) fn forwarded(
        &mut self,
        now: Time,
        conn: Conn,
        message: Message,
        out: &mut Vec<Output>,
    ) {
        let current = self.epoch;
        if !self.is_link(conn) || !self.ordering() {
            return self.drop_counted("forwarded requests", out);
        }
        match message {
            Message::Forward { epoch, client, session, number, body, fresh, .. }
                if epoch == current =>
            {
                let session = (session != SessionId(0)).then_some(session);
                let asked = Asked { client, number, body, session };
                match session {
                    Some(session) => self.place_in(session, &asked),
                    None if self.is_astray(&asked) => {
                        return self.drop_counted("requests of a client's former life", out);
                    }
                    None => self.place_implicit(now, &asked, fresh),
                };
            }
            Message::ForwardRegister { epoch, client, nonce, window, .. } if epoch == current => {
                let known = self.machine.sessions.session(client);
                if known.is_none_or(|s| s.nonce < nonce) {
                    self.append_registration(Opening { client, nonce, window });
                }
            }
            other => {
                out.push(Output::Note(Event::Debug(format!("late: {other:?}"))));
            }
        }
        self.hold_back(out);
    }
}
