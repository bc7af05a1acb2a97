//! The connections on which this process sends pages: one to each process, opened when needed.
//!
//! Not here: making sure that a page arrives. Whoever waits for it asks again, and it is sent again.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use node::{Conn, Output};
use wire::Message;
use wire::ivy::Page;

use crate::links::Numbering;

#[derive(Debug, Default)]
pub(super) struct Transfers(BTreeMap<SocketAddr, Conn>);

impl Transfers {
    /// Sends a page to the process that takes pages there.
    pub(super) fn send(
        &mut self,
        address: SocketAddr,
        page: Page,
        numbering: &mut Numbering,
        out: &mut Vec<Output>,
    ) {
        let conn = *self.0.entry(address).or_insert_with(|| {
            let conn = numbering.next();
            out.push(Output::Dial(conn, address));
            conn
        });
        out.push(Output::Send(conn, Message::Page(page)));
    }

    /// A connection is gone, whoever's it was.
    pub(super) fn closed(&mut self, conn: Conn) {
        self.0.retain(|_, ours| *ours != conn);
    }
}
