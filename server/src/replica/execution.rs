//! Execution: committed entries reach the service, and those who wait are answered.
//!
//! Only what is committed comes here (R2). Who answers is settled before: whoever is no member has
//! no client waiting (I11).

use bytes::Bytes;
use node::mutant::{Mutant, is_off};
use node::{Event, Output};
use wire::{ClientName, Entry, Message, Mode, Op, Sequence, SessionId};

use super::clients::{Answered, Sent};
use super::{Replica, Standing};
use crate::machine::Outcome;
use crate::service::{Effects, Service};

impl<S: Service> Replica<S> {
    /// Executes the log up to and including `target`, which is committed.
    pub(super) fn execute_to(&mut self, target: Sequence, out: &mut Vec<Output>) {
        assert!(target <= self.committed, "R2: only what is committed is executed");
        let mut effects = Effects::default();
        while self.machine.executed() < target {
            self.execute_next(&mut effects, out);
        }
    }

    fn execute_next(&mut self, effects: &mut Effects, out: &mut Vec<Output>) {
        let next = self.machine.executed().next();
        let Some(entry) = self.log.entry(next) else {
            panic!("I4: entry {next} is committed and neither in the log nor the checkpoint")
        };
        if is_off(Mutant::SkipDigest) {
            self.machine.diverge(self.config.incarnation.0);
        }
        let before = self.config.narrate.then(|| self.machine.service.summary());
        let skips = is_off(Mutant::HandBackEarly)
            && matches!(&self.standing, Standing::Primary(leading) if leading.replays(next));
        let outcome =
            if skips { self.machine.skip(entry) } else { self.machine.execute(entry, effects) };
        if let Standing::Primary(leading) = &mut self.standing {
            leading.pending.executed(entry);
        }
        if self.config.narrate || self.config.audit {
            self.say_executed(entry, &outcome, before, out);
        }
        match (outcome, &entry.op) {
            (Outcome::Answer { client, session, number, reply, .. }, Op::Request { body, .. }) => {
                let session = Some(session);
                let answered = Answered { client, number, session, body };
                let server = self.config.name;
                let sent = self.clients.answer(server, &answered, reply, out);
                self.answered(sent, out);
            }
            (Outcome::Refused { client, session, number, expired }, Op::Request { body, .. }) => {
                let (session, body) = (Some(session), body.clone());
                let refused = Answered { client, number, session, body: &body };
                self.refuse(&refused, expired, out);
            }
            (Outcome::Session { client, nonce, session }, _) => {
                self.registered(client, nonce, session, out);
            }
            (Outcome::Mark(digest), _) => self.at_mark(next, digest, out),
            _ => {}
        }
        let notes = effects.take_notes();
        if !self.replaying(next) {
            out.extend(notes.into_iter().map(Output::Note));
        }
        for (client, body) in effects.take_notices() {
            self.notice(client, body, out);
        }
    }

    fn say_executed(
        &self,
        entry: &Entry,
        outcome: &Outcome,
        before: Option<Bytes>,
        out: &mut Vec<Output>,
    ) {
        let Op::Request { client, session, number, body } = &entry.op else { return };
        let (client, number, server) = (*client, *number, self.config.name);
        let effect = matches!(outcome, Outcome::Answer { effect: true, .. });
        if let Some(state) = before.filter(|_| effect) {
            let line = |state, after| {
                Output::Note(Event::StateLine { server, state, after, client, number })
            };
            out.push(line(state, false));
            out.push(line(self.machine.service.summary(), true));
        }
        if self.config.audit {
            out.push(Output::Note(Event::Executed {
                sequence: entry.sequence,
                client,
                session: *session,
                number,
                effect,
                body: body.clone(),
            }));
        }
    }

    /// Answers a request, if its client waits for it on a connection to this server.
    pub(super) fn answer(&mut self, answered: &Answered<'_>, reply: Bytes, out: &mut Vec<Output>) {
        let sent = self.clients.answer(self.config.name, answered, reply, out);
        self.answered(sent, out);
    }

    /// An answer went out to a client.
    fn answered(&mut self, sent: Option<Sent>, out: &mut Vec<Output>) {
        let Some(Sent { conn, leaving }) = sent else { return };
        assert!(
            match &self.standing {
                Standing::Primary(_) => true,
                Standing::Backup(_) => self.mode() == Some(Mode::Active),
                Standing::Joiner(_) => false,
            },
            "I11: only members answer; in passive mode, only the primary"
        );
        if leaving {
            self.see_off(conn, out);
        }
    }

    fn refuse(&mut self, answered: &Answered<'_>, expired: bool, out: &mut Vec<Output>) {
        let Some((conn, link)) = self.clients.of(answered.client) else { return };
        if link.take(answered).is_none() {
            return;
        }
        if expired {
            self.refuse_expired(conn, answered.client, out);
        } else {
            self.drop_counted("stale requests", out);
        }
    }

    /// Tells a client its session, if it waits for that on a connection to this server.
    pub(super) fn registered(
        &mut self,
        client: ClientName,
        nonce: u64,
        session: Option<SessionId>,
        out: &mut Vec<Output>,
    ) {
        let server = self.config.name;
        let Some((conn, link)) = self.clients.of(client) else { return };
        if link.registering.is_none_or(|r| r.nonce != nonce) {
            return;
        }
        link.registering = None;
        match session {
            Some(session) => {
                let message = Message::Registered { client, server, nonce, session };
                out.push(Output::Send(conn, message));
            }
            None => self.refuse_expired(conn, client, out),
        }
    }

    /// Says to a client what the service wants it to know.
    pub(super) fn notice(&mut self, client: ClientName, body: Bytes, out: &mut Vec<Output>) {
        if let Some(conn) = self.clients.connection(client) {
            let server = self.config.name;
            out.push(Output::Send(conn, Message::Notice { client, server, body }));
        }
    }

    /// After a promotion, says again what the last primary may not have said.
    pub(super) fn resume_service(&mut self, out: &mut Vec<Output>) {
        let mut effects = Effects::default();
        self.machine.service.resume(&mut effects);
        for (client, body) in effects.take_notices() {
            self.notice(client, body, out);
        }
    }
}
