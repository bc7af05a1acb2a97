//! Clients that the service watches and that are not connected: the primary says so in the log, so that
//! the service, which has no clock, learns of it at the same place at every member.
//!
//! Guarantees: a primary that was itself held up, or has just been promoted, accuses nobody of it.
//!
//! Not here: what a service does with an absent client.

use std::collections::BTreeMap;
use std::time::Duration;

use node::{Event, Output, Time};
use wire::{ClientName, Op, Sequence};

use super::{Replica, Standing};
use crate::service::Service;

/// How long a watched client may have no connection.
const AWAY: Duration = Duration::from_millis(750);

/// Since when which watched client has had no connection.
pub(super) type Absences = BTreeMap<ClientName, Time>;

impl<S: Service> Replica<S> {
    /// Whether the last primary has executed this, too, and has said what there was to say.
    pub(super) fn replaying(&self, sequence: Sequence) -> bool {
        matches!(&self.standing, Standing::Primary(leading) if leading.replays(sequence))
    }

    /// Looks who is missing, and says so in the log of whoever is missing for too long.
    pub(super) fn miss_clients(&mut self, now: Time, late: Duration) {
        let watched = self.machine.service.watched();
        let missing: Vec<ClientName> =
            watched.into_iter().filter(|name| self.clients.connection(*name).is_none()).collect();
        let Standing::Primary(leading) = &mut self.standing else { return };
        leading.absences.retain(|name, _| missing.contains(name));
        for since in leading.absences.values_mut() {
            *since = (*since + late).min(now);
        }
        let mut away = Vec::new();
        for name in missing {
            let since = leading.absences.entry(name).or_insert(now);
            if now.since(*since) >= AWAY {
                *since = now;
                away.push(name);
            }
        }
        for client in away {
            let session = self.machine.sessions.session(client).map(|session| session.id);
            if let Some(session) = session.filter(|_| self.ordering()) {
                self.append_op(Op::Absent { client, session });
            }
        }
    }

    /// A line was typed at the server: `print` shows the state.
    pub(super) fn line(&self, line: &str, out: &mut Vec<Output>) {
        if line.trim() != "print" {
            let text = "a server knows one command: print".to_owned();
            return out.push(Output::Note(Event::Info(text)));
        }
        let primary = matches!(self.standing, Standing::Primary(_));
        out.extend(self.machine.service.table(primary).into_iter().map(Output::Note));
    }
}
