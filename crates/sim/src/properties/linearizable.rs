//! I10: the clients' history is linearizable, and the log is the order that shows it: each answered
//! request has its place there, after every request that was answered before it was sent, and its
//! reply is what a register would say at that place.
//!
//! The status before a place is that of the last place before it in the same cluster; a new cluster
//! begins with `?`, because its predecessor's state was lost and loudly so (R12).

use bytes::Bytes;
use node::Event;

use crate::ledger::Place;
use crate::register::swapped;
use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct Linearizable;

/// The status that stood before a place.
fn status_before(world: &World, place: Place) -> Bytes {
    let earlier = world.ledger().order.range(..place).next_back();
    let same = earlier.filter(|((cluster, _), _)| *cluster == place.0);
    same.map_or_else(|| Bytes::from_static(b"?"), |(_, body)| body.clone())
}

impl Watcher for Linearizable {
    fn name(&self) -> &'static str {
        "I10 linearizable"
    }

    fn sights(&self) -> Sights {
        Sights::NOTED
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
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
        let Some(place) = world.ledger().effects.get(after).copied() else {
            return Err(format!("{who} was answered {body:?}, which nobody executed"));
        };
        if request.floor.is_some_and(|floor| floor >= place) {
            let floor = request.floor;
            return Err(format!("{after:?} stands at {place:?}, but began after {floor:?}"));
        }
        let expected = status_before(world, place);
        if expected[..] != *before {
            return Err(format!("{who} was answered {body:?}, but before it stood {expected:?}"));
        }
        Ok(())
    }
}
