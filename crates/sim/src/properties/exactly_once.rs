//! I9: a (session, number) takes effect at one place only, a body is asked once and so takes effect
//! once, and all replies to one number are the same. Left out: what a client of the documents that has
//! ended had still under way (`is_left_over`).

use std::collections::BTreeMap;

use bytes::Bytes;
use node::Event;
use wire::{ClientName, ClusterId, Message, RequestNumber, SessionId};

use crate::ledger::Place;
use crate::{Seen, Sight, Sights, Watcher, World};

type Question = (ClusterId, ClientName, SessionId, RequestNumber);

/// See the file.
#[derive(Debug, Default)]
pub(super) struct ExactlyOnce {
    effects: BTreeMap<Question, Place>,
    bodies: BTreeMap<Bytes, Place>,
    replies: BTreeMap<Question, Bytes>,
}

/// What a client of the documents asked before it ended. It names no session, so what is still under
/// way of it may be taken for the first request of its next start; nobody waits for its answer.
fn is_left_over(body: &Bytes, world: &World) -> bool {
    let Some(request) = world.ledger().requests.get(body) else { return false };
    let (name, pid) = request.client;
    world.plan.is_short(name) && world.process(name).is_none_or(|process| process.pid != pid)
}

impl ExactlyOnce {
    fn executed(
        &mut self,
        place: Place,
        asked: Question,
        body: &Bytes,
        world: &World,
    ) -> Result<(), String> {
        let known = *self.effects.entry(asked).or_insert(place);
        if known != place {
            return Err(format!("{asked:?} takes effect at {known:?} and at {place:?}"));
        }
        let known = *self.bodies.entry(body.clone()).or_insert(place);
        if known != place && known.0 == place.0 && !is_left_over(body, world) {
            return Err(format!("{body:?} takes effect at {known:?} and at {place:?}"));
        }
        Ok(())
    }
}

impl Watcher for ExactlyOnce {
    fn name(&self) -> &'static str {
        "I9 exactly once"
    }

    fn sights(&self) -> Sights {
        Sights::NOTED.and(Sights::SENT)
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let Some(replica) = world.server(sight.pid) else { return Ok(()) };
        let cluster = replica.cluster();
        match &sight.what {
            Seen::Noted(Event::Executed { sequence, client, session, number, effect, body }) => {
                if !*effect {
                    return Ok(());
                }
                let asked = (cluster, *client, *session, *number);
                self.executed((cluster, *sequence), asked, body, world)
            }
            Seen::Sent {
                message: Message::Reply { client, number, body, session: Some(session), .. },
                ..
            } => {
                let body = body.clone().unwrap_or_default();
                let asked = (cluster, *client, *session, *number);
                let known = self.replies.entry(asked).or_insert_with(|| body.clone());
                if *known == body {
                    return Ok(());
                }
                Err(format!("{asked:?} was answered {known:?} and {body:?}"))
            }
            _ => Ok(()),
        }
    }
}
