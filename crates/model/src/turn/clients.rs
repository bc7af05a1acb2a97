//! Clients: they ask, repeat themselves elsewhere, and get their replies.

use wire::{Message, SessionId};

use super::Turn;
use crate::access::Stop;
use crate::library::{Cause, ItemId, Usual};
use crate::local::client_slot;
use crate::properties;
use crate::scope;
use crate::world::{Client, Talk};

/// The number of a client's first request, and the mark of every client.
const FIRST: u64 = 1;
const NONCE: u64 = 5;

impl Turn<'_, '_> {
    /// A client leaves whomever it was waiting for, if it asks one at a time, and connects.
    pub(super) fn ask(&mut self, request: usize, server: usize) -> Result<(), Stop> {
        let slot = client_slot(request);
        if !self.world.clients[request].begun {
            let done =
                |seen, (other, client): (usize, &Client)| seen | u8::from(client.done) << other;
            let seen = self.world.clients.iter().enumerate().fold(0, done);
            let client = &mut self.world.clients[request];
            (client.begun, client.seen) = (true, seen);
        }
        if self.library.scope.mode == wire::Mode::Passive {
            for other in 0..self.world.servers.len() {
                self.leave(request, other)?;
            }
        }
        self.step(server, Cause::Accepted(slot))?;
        // A client that has its session may use it on any connection.
        if self.library.scope.sessions && self.library.scope.newcomers {
            return self.register(request, server);
        }
        self.request(request, server)
    }

    pub(super) fn leave(&mut self, request: usize, server: usize) -> Result<(), Stop> {
        let talk = std::mem::take(&mut self.world.clients[request].talks[server]);
        let slot = client_slot(request);
        let local = self.world.servers[server].local;
        if talk != Talk::Apart && local != 0 && self.library.local(local).has(slot) {
            self.step(server, Cause::Closed(slot))?;
        }
        Ok(())
    }

    /// A client sends the request that counts.
    pub(super) fn request(&mut self, request: usize, server: usize) -> Result<(), Stop> {
        self.send_request(request, server, true)
    }

    pub(super) fn send_request(
        &mut self,
        request: usize,
        server: usize,
        counts: bool,
    ) -> Result<(), Stop> {
        let session = self.world.clients[request].session;
        let usual = Usual::Request(request, server, session, counts);
        let message = self.library.usual(usual, |library| {
            let explicit = library.scope.sessions;
            let first = library.scope.newcomers || !counts || explicit;
            Message::Request {
                client: scope::client(request),
                server: scope::replica(server),
                number: if first { FIRST } else { FIRST + 1 }.into(),
                body: if counts {
                    vec![scope::letter(request)]
                } else {
                    scope::greeting(request).into()
                }
                .into(),
                session: Some(SessionId(session.into())).filter(|_| explicit),
            }
        })?;
        self.world.clients[request].talks[server] = Talk::Asked;
        self.step(server, Cause::Received(client_slot(request), message))
    }

    pub(super) fn register(&mut self, request: usize, server: usize) -> Result<(), Stop> {
        let register = self.library.usual(Usual::Register(request, server), |_| {
            let (client, server) = (scope::client(request), scope::replica(server));
            Message::Register { client, server, nonce: NONCE, window: 1 }
        })?;
        self.world.clients[request].talks[server] = Talk::Registering;
        self.step(server, Cause::Received(client_slot(request), register))
    }

    /// A server says something to a client.
    pub(super) fn answer(
        &mut self,
        request: usize,
        server: usize,
        item: ItemId,
    ) -> Result<(), Stop> {
        match self.library.frame(item) {
            Message::Registered { session, .. } => {
                properties::check_session(&self.world, request, *session)?;
                let session = session.0 as u32;
                let client = &mut self.world.clients[request];
                client.talks[server] = Talk::Registered;
                client.session = session;
            }
            Message::Reply { body: Some(body), .. }
                if body.ends_with(&scope::greeting(request)) => {}
            Message::Reply { .. } => {
                properties::check_reply(self.library, &self.world, (request, server), item)?;
                let cluster = self.world.servers[server].local;
                let cluster = self.library.summary(cluster).map_or(0, |s| s.cluster as u32);
                // A reply can only be lost by a server that dies.
                let budget = self.world.budget;
                let lossy = budget.crashes + budget.replacements > 0;
                let client = &mut self.world.clients[request];
                if client.reply == 0 {
                    (client.reply, client.cluster) =
                        (properties::told(self.library, item)?, cluster);
                }
                client.talks[server] = if lossy { Talk::Replied } else { Talk::Asked };
                client.done |= !lossy;
            }
            _ => {}
        }
        Ok(())
    }
}
