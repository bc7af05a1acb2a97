//! What servers say to a user, and what follows: replies, sessions, errors, lost connections.

use node::{Conn, Event, Output, Time};
use wire::{ErrorCode, Message, Mode, NodeName, RequestNumber};

use super::Bench;
use crate::session::{Opening, Verdict};

/// Which user, on which of its connections.
type At = (usize, Conn);

impl Bench {
    pub(super) fn server_says(
        &mut self,
        now: Time,
        (place, conn): At,
        message: Message,
        out: &mut Vec<Output>,
    ) {
        let user = &mut self.users[place];
        let Some(link) = user.links.server(conn) else { return };
        match message {
            Message::Reply { number, session, .. } => {
                if session == user.session.id() {
                    self.reply(now, place, number, out);
                }
            }
            Message::Registered { nonce, session, .. } => {
                let was_open = user.session.is_open();
                match user.session.registered(nonce, session) {
                    Opening::Ours => {
                        self.open += usize::from(!was_open);
                        user.registered();
                        user.links.ready(conn);
                        user.send_unanswered(link, conn, &self.body, out);
                        self.rounds.answered();
                        self.refill(place, now, out);
                    }
                    Opening::Old => {}
                    Opening::Forgotten => {
                        let why = "the servers know it no longer and opened another one";
                        self.renew(now, place, why, out);
                    }
                }
            }
            Message::Error { from, code, text } => {
                self.error(now, (place, conn), from, (code, text), out);
            }
            other => {
                let from = self.users[place].name.into();
                let text = format!("`{}` has no place on this connection", other.kind());
                let code = ErrorCode::Unexpected;
                out.push(Output::Note(Event::Rejected { conn, code, text: text.clone() }));
                out.push(Output::Send(conn, Message::Error { from, code, text }));
                out.push(Output::Close(conn));
                self.lost(now, (place, conn), out);
            }
        }
    }

    /// The first reply to a request counts.
    fn reply(&mut self, now: Time, place: usize, number: RequestNumber, out: &mut Vec<Output>) {
        match self.users[place].session.answer(number) {
            Verdict::First(since) => {
                self.in_flight -= 1;
                self.tally.answered(now, since);
                self.rounds.answered();
                self.pace.reset();
                self.refill(place, now, out);
            }
            Verdict::Duplicate => self.tally.duplicates += 1,
            Verdict::Unknown => {}
        }
    }

    fn error(
        &mut self,
        now: Time,
        (place, conn): At,
        from: NodeName,
        (code, text): (ErrorCode, String),
        out: &mut Vec<Output>,
    ) {
        self.tally.refused += 1;
        if !std::mem::replace(&mut self.complained, true) {
            out.push(Output::Note(Event::ErrorReceived { from, code, text: text.clone() }));
        }
        match code {
            // A slower server got a request that others had answered: the reply is here already.
            ErrorCode::Stale => {}
            ErrorCode::Expired => self.renew(now, place, &text, out),
            _ => {
                out.push(Output::Close(conn));
                self.lost(now, (place, conn), out);
            }
        }
    }

    /// A user's session is lost, and with it what was unanswered.
    pub(super) fn renew(&mut self, now: Time, place: usize, why: &str, out: &mut Vec<Output>) {
        let user = &mut self.users[place];
        self.open -= usize::from(user.session.is_open());
        if let Some(doubt) = user.renew(now, out) {
            self.in_flight -= doubt.count;
            self.tally.lost += doubt.count;
            let name = user.name;
            let text = format!("the session of {name} is lost ({why}): {doubt} in doubt");
            out.push(Output::Note(Event::Warning(text)));
        }
        let due = user.links.due();
        self.sooner(due);
    }

    pub(super) fn server_closed(&mut self, now: Time, at: At, out: &mut Vec<Output>) {
        if self.lost(now, at, out) {
            self.tally.disconnected += 1;
        }
    }

    /// The connection to a server is gone. Returns whether it was open before.
    fn lost(&mut self, now: Time, (place, conn): At, out: &mut Vec<Output>) -> bool {
        let target = self.directory.target();
        let (mode, told) = target.map_or((Mode::Passive, true), |t| (t.mode, t.version.is_some()));
        if mode == Mode::Passive {
            // One question serves all users who have lost the same server.
            if self.seek_at.is_none() {
                self.seek_at = Some(now + self.pace.pause());
                self.sooner(self.seek_at);
            }
            return self.users[place].links.lost(conn, None);
        }
        // An RM that does not tell of views by itself may have another server to name.
        if !told {
            self.directory.ask(now, out);
            self.sooner(self.directory.due());
        }
        let dial_at = Some(now + self.retry);
        self.sooner(dial_at);
        self.users[place].links.lost(conn, dial_at)
    }
}
