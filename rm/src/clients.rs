//! Whom clients are told to ask, and whoever else wants to know the view.
//!
//! Guarantees: only the current view is told (I12); a client that asks before there is one is
//! answered as soon as there is; one that spoke the short form is answered in it, once.

use std::collections::BTreeMap;

use node::{Conn, Event, Output};
use wire::{ClientName, Epoch, Message, Mode, NodeName, ReplicaName, View};

/// The connections of clients and operators.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clients {
    /// Short form, not answered yet.
    waiting: BTreeMap<Conn, ClientName>,
    /// Extended form: told of every view.
    subscribed: BTreeMap<Conn, ClientName>,
    /// Asked for a mode, and told once a view has it.
    switching: BTreeMap<Conn, (NodeName, Mode)>,
}

impl Clients {
    /// A client asks.
    pub(crate) fn ask(
        &mut self,
        conn: Conn,
        client: ClientName,
        known: Option<Epoch>,
        view: Option<&View>,
        out: &mut Vec<Output>,
    ) {
        if known.is_some() {
            self.subscribed.insert(conn, client);
        }
        match view {
            Some(view) => tell(conn, client, view, known.is_some(), out),
            None if known.is_none() => {
                self.waiting.insert(conn, client);
            }
            None => {}
        }
    }

    /// An operator asks for a mode.
    pub(crate) fn switch(
        &mut self,
        conn: Conn,
        who: NodeName,
        mode: Mode,
        view: Option<&View>,
        out: &mut Vec<Output>,
    ) {
        self.switching.insert(conn, (who, mode));
        if let Some(view) = view {
            self.tell_operators(view, out);
        }
    }

    /// A connection is closed.
    pub(crate) fn closed(&mut self, conn: Conn) {
        self.waiting.remove(&conn);
        self.subscribed.remove(&conn);
        self.switching.remove(&conn);
    }

    /// There is a new view.
    pub(crate) fn announce(&mut self, view: &View, out: &mut Vec<Output>) {
        for (conn, client) in &self.subscribed {
            tell(*conn, *client, view, true, out);
        }
        for (conn, client) in std::mem::take(&mut self.waiting) {
            tell(conn, client, view, false, out);
        }
        self.tell_operators(view, out);
    }

    fn tell_operators(&mut self, view: &View, out: &mut Vec<Output>) {
        self.switching.retain(|conn, (who, mode)| {
            if *mode == view.mode {
                out.push(Output::Send(*conn, Message::View { to: *who, view: view.clone() }));
            }
            *mode != view.mode
        });
    }
}

fn tell(conn: Conn, client: ClientName, view: &View, extended: bool, out: &mut Vec<Output>) {
    let servers: Vec<ReplicaName> = match view.mode {
        Mode::Active => view.members.iter().map(|m| m.name).collect(),
        Mode::Passive => vec![view.primary],
    };
    let told = extended.then(|| view.clone());
    let message = Message::ClientReady { client, mode: view.mode, servers, view: told };
    out.push(Output::Send(conn, message));
    out.push(Output::Note(Event::ClientTold { client, epoch: view.epoch }));
}
