//! R2, R8: in active mode every backup answers its own clients: what a client asked on a connection
//! that is open still, and this server knows the answer to, is answered there soon, although the
//! client may have its answer from another member by now. That holds for what came while the server
//! was a joiner, too.
//!
//! Left out: what the session table has forgotten meanwhile, and the documents' short form, where an
//! answer cannot be told from that of a former life.

use std::collections::BTreeMap;
use std::time::Duration;

use node::{Conn, Time};
use server::Probe;
use server::sessions::Known;
use wire::{ClientName, Message, Mode, Phase, RequestNumber, SessionId};

use crate::process::Pid;
use crate::{Seen, Sight, Sights, Watcher, World};

/// How long a server that has its turns may take.
const SOON: Duration = Duration::from_secs(1);
/// How many turns it has in that time at least: one that is stopped or stalled is excused.
const TURNS: u32 = 10;

#[derive(Debug, Clone, Copy)]
struct Asked {
    client: ClientName,
    session: SessionId,
    /// Since when, and in how many turns, the server has known the answer as a member.
    known: Option<(Time, u32)>,
}

/// See the file.
#[derive(Debug, Default)]
pub(super) struct AnswersItsClients {
    /// What waits, by server and connection.
    waiting: BTreeMap<Pid, BTreeMap<(Conn, RequestNumber), Asked>>,
}

impl AnswersItsClients {
    fn turned(&mut self, sight: &Sight<'_>, probe: &Probe, world: &World) -> Result<(), String> {
        let Some(waiting) = self.waiting.get_mut(&sight.pid).filter(|w| !w.is_empty()) else {
            return Ok(());
        };
        let Some(process) = world.processes.get(sight.pid.into()) else { return Ok(()) };
        let Some(replica) = process.actor.server() else { return Ok(()) };
        waiting.retain(|(conn, _), _| process.conns.contains_key(conn));
        // Whoever has heard of a higher epoch waits for the view behind it, and so does a primary that
        // hands its role over.
        let current = replica.view().filter(|view| view.epoch == probe.epoch);
        let active = current.is_some_and(|view| view.mode == Mode::Active);
        if !active || probe.phase != Phase::Backup {
            waiting.values_mut().for_each(|asked| asked.known = None);
            return Ok(());
        }
        let sessions = &replica.machine().sessions;
        for ((conn, number), asked) in waiting {
            let known = sessions.known(asked.client, asked.session, *number);
            if !matches!(known, Known::Answered(_)) {
                asked.known = None;
                continue;
            }
            let (since, turns) = asked.known.get_or_insert((sight.at, 0));
            *turns += 1;
            if *turns > TURNS && sight.at.since(*since) > SOON {
                let (who, client) = (sight.who, asked.client);
                return Err(format!("{who} does not answer {number} of {client} on {conn}"));
            }
        }
        Ok(())
    }
}

impl Watcher for AnswersItsClients {
    fn name(&self) -> &'static str {
        "R8 members answer their own clients"
    }

    fn sights(&self) -> Sights {
        Sights::RECEIVED.and(Sights::SENT).and(Sights::TURNED).and(Sights::LIVES)
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        match &sight.what {
            Seen::Received {
                conn,
                message: Message::Request { client, session: Some(session), number, .. },
                ..
            } => {
                let asked = Asked { client: *client, session: *session, known: None };
                self.waiting.entry(sight.pid).or_default().insert((*conn, *number), asked);
                Ok(())
            }
            Seen::Sent { conn, message: Message::Reply { number, .. } } => {
                if let Some(waiting) = self.waiting.get_mut(&sight.pid) {
                    waiting.remove(&(*conn, *number));
                }
                Ok(())
            }
            Seen::Turned(Some(probe)) => self.turned(sight, probe, world),
            Seen::Ended(_) => {
                self.waiting.remove(&sight.pid);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
