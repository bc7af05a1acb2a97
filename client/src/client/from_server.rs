//! What servers say, and what follows: replies, sessions, errors, lost connections.
//!
//! Not here: which reply is the first; see [`crate::session`].

use std::net::SocketAddr;

use bytes::Bytes;
use node::{Conn, Event, Output, Time};
use wire::{ErrorCode, Message, Mode, ReplicaName, RequestNumber, SessionId};

use super::Client;
use crate::session::{Opening, Verdict};

impl Client {
    pub(super) fn server_opened(&mut self, conn: Conn, address: SocketAddr, out: &mut Vec<Output>) {
        let Some(server) = self.links.server(conn) else { return };
        self.links.opened(conn);
        out.push(Output::Note(Event::Connected { to: server.into(), address }));
        if self.short_form {
            self.session.open_implicitly();
            self.server_ready(server, conn, out);
        }
    }

    /// Requests may be sent; the unanswered ones go first, in number order.
    fn server_ready(&mut self, server: ReplicaName, conn: Conn, out: &mut Vec<Output>) {
        self.links.ready(conn);
        self.send_unanswered(server, conn, out);
    }

    pub(super) fn server_closed(&mut self, now: Time, conn: Conn, out: &mut Vec<Output>) {
        let Some(server) = self.links.server(conn) else { return };
        if self.lost(now, conn, out) {
            out.push(Output::Note(Event::Disconnected { from: server.into() }));
        }
    }

    pub(super) fn server_says(
        &mut self,
        now: Time,
        conn: Conn,
        message: Message,
        out: &mut Vec<Output>,
    ) {
        let Some(link) = self.links.server(conn) else {
            self.drop_frame("frame of a connection that is over", out);
            return;
        };
        match message {
            Message::Reply { client, server, number, body, session } => {
                if client == self.name && session == self.session.id() {
                    self.reply(server, number, body, out);
                } else {
                    self.drop_frame("reply to another session", out);
                }
            }
            Message::Registered { client, nonce, session, .. } if client == self.name => {
                self.registered(now, link, conn, nonce, session, out);
            }
            Message::Error { from, code, text } => {
                out.push(Output::Note(Event::ErrorReceived { from, code, text: text.clone() }));
                self.error(now, conn, code, &text, out);
            }
            _ => {
                self.reject(conn, "a server sends a client replies and nothing else", out);
                self.lost(now, conn, out);
            }
        }
    }

    fn reply(
        &mut self,
        server: ReplicaName,
        number: RequestNumber,
        body: Option<Bytes>,
        out: &mut Vec<Output>,
    ) {
        let verdict = self.session.answer(number);
        if verdict == Verdict::Unknown {
            self.drop_frame("reply to a request that was never sent", out);
            return;
        }
        self.rounds.answered();
        self.pace.reset();
        let client = self.name;
        out.push(Output::Note(Event::ReplyReceived { client, server, number }));
        out.push(Output::Note(if matches!(verdict, Verdict::First(_)) {
            Event::Answered { number, server, body: body.unwrap_or_default() }
        } else {
            Event::DuplicateDiscarded { number, server }
        }));
    }

    fn registered(
        &mut self,
        now: Time,
        server: ReplicaName,
        conn: Conn,
        nonce: u64,
        session: SessionId,
        out: &mut Vec<Output>,
    ) {
        match self.session.registered(nonce, session) {
            Opening::Ours => {
                self.rounds.answered();
                self.server_ready(server, conn, out);
            }
            Opening::Old => self.drop_frame("answer to another registration", out),
            Opening::Forgotten => {
                self.renew(now, "the servers know it no longer and opened another one", out);
            }
        }
    }

    fn error(&mut self, now: Time, conn: Conn, code: ErrorCode, text: &str, out: &mut Vec<Output>) {
        match code {
            // A slower server got a request that others had answered, and as many after it as the
            // session remembers: the reply is here already.
            ErrorCode::Stale => {}
            ErrorCode::Expired => self.renew(now, text, out),
            _ => {
                out.push(Output::Close(conn));
                self.lost(now, conn, out);
            }
        }
    }

    /// The session is lost. What is unanswered in it is in doubt and is not sent again, because in a
    /// new session it would be executed a second time.
    pub(super) fn renew(&mut self, now: Time, why: &str, out: &mut Vec<Output>) {
        let was_open = self.session.is_open();
        let doubt = self.session.renew();
        let warning = match doubt {
            Some(doubt) => format!(
                "the session is lost ({why}): {doubt}, sent and not answered, may or may not have \
                 been executed, and will not be sent again; a new session begins with number 1"
            ),
            None if was_open => format!(
                "the session is lost ({why}): nothing was unanswered; a new session begins with \
                 number 1"
            ),
            None => format!(
                "the session was refused ({why}): is another client called {} running, or was the \
                 clock set back? It is tried with a later mark",
                self.name
            ),
        };
        out.push(Output::Note(Event::Warning(warning)));
        self.feed.give_up(doubt.map_or(0, |doubt| doubt.count));
        // On new connections, so that nothing that still comes on the old ones can be taken for an
        // answer to the new session.
        self.seek_at = None;
        self.links.restart(now + self.pace.pause(), out);
    }

    /// The connection to a server is gone. Returns whether it was open before.
    fn lost(&mut self, now: Time, conn: Conn, out: &mut Vec<Output>) -> bool {
        let target = self.directory.target();
        let (mode, told) = target.map_or((Mode::Passive, true), |t| (t.mode, t.version.is_some()));
        if mode == Mode::Passive {
            self.seek_at = Some(now + self.pace.pause());
            return self.links.lost(conn, None);
        }
        // An RM that does not tell of views by itself may have another server to name.
        if !told {
            self.directory.ask(now, out);
        }
        self.links.lost(conn, Some(now + self.retry))
    }
}
