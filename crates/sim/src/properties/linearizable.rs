//! I10: the clients' history is linearizable, and the log is the order that shows it: each answered
//! request has its place there, after every request that was answered before it was sent, and its
//! reply is what a register would say at that place.
//!
//! A new cluster begins with `?`, because its predecessor's state was lost and loudly so (R12). A request
//! that was executed in both has a place in each, and one of them explains its answer.

use bytes::Bytes;
use node::Event;
use server::Replica;
use wire::Message;

use crate::ledger::Place;
use crate::register::swapped;
use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct Linearizable;

/// A server answers what stood at the place in its own cluster, whatever another one has executed.
fn says_what_stood(sight: &Sight<'_>, world: &World, reply: &Bytes) -> Result<(), String> {
    let Some(cluster) = world.server(sight.pid).map(Replica::cluster) else { return Ok(()) };
    let Some((before, after)) = swapped(reply) else { return Ok(()) };
    let ledger = world.ledger();
    let here = ledger.places(after).find(|(of, _)| *of == cluster);
    let stood = here.map(|place| ledger.status_before(place));
    if stood.is_none_or(|stood| stood == before) {
        return Ok(());
    }
    let (who, stood) = (sight.who, Bytes::copy_from_slice(stood.unwrap_or_default()));
    Err(format!("{who} answers {reply:?}, but before it stood {stood:?}"))
}

impl Watcher for Linearizable {
    fn name(&self) -> &'static str {
        "I10 linearizable"
    }

    fn sights(&self) -> Sights {
        Sights::NOTED.and(Sights::SENT)
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        if let Seen::Sent { message: Message::Reply { body: Some(reply), .. }, .. } = &sight.what {
            return says_what_stood(sight, world, reply);
        }
        let Seen::Noted(Event::Answered { number, body, .. }) = &sight.what else { return Ok(()) };
        let who = sight.who;
        let Some((before, after)) = swapped(body) else {
            return Err(format!("{who} was answered {body:?} to {number}"));
        };
        let Some(request) = world.ledger().requests.get(after) else {
            return Err(format!("{who} was answered {body:?}, which nobody asked"));
        };
        if request.client != (who, sight.pid) {
            return Err(format!("{who} was answered {body:?}, which {:?} asked", request.client));
        }
        let ledger = world.ledger();
        let Some(newest) = ledger.places(after).next() else {
            return Err(format!("{who} was answered {body:?}, which nobody executed"));
        };
        // A late answer may be that of a cluster whose state was lost since.
        let explains = |place: &Place| ledger.status_before(*place) == before;
        let Some(place) = ledger.places(after).find(explains) else {
            let stood = Bytes::copy_from_slice(ledger.status_before(newest));
            return Err(format!("{who} was answered {body:?}, but before it stood {stood:?}"));
        };
        if request.floor.is_some_and(|floor| floor >= place) {
            let floor = request.floor;
            return Err(format!("{after:?} stands at {place:?}, but began after {floor:?}"));
        }
        Ok(())
    }
}
