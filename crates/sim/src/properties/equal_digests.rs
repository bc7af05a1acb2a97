//! I6: whoever has executed the same entries has the same state: service, sessions, replies.

use std::collections::BTreeMap;

use wire::Digest;

use crate::ledger::Place;
use crate::process::Pid;
use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct EqualDigests {
    digests: BTreeMap<Place, Digest>,
    compared: BTreeMap<Pid, Place>,
}

impl Watcher for EqualDigests {
    fn name(&self) -> &'static str {
        "I6 equal digests"
    }

    fn sights(&self) -> Sights {
        Sights::TURNED
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let Seen::Turned(Some(probe)) = sight.what else { return Ok(()) };
        let Some(replica) = world.server(sight.pid) else { return Ok(()) };
        let place = (probe.cluster, probe.executed);
        if !probe.whole || self.compared.insert(sight.pid, place) == Some(place) {
            return Ok(());
        }
        let found = replica.machine().digest();
        let known = *self.digests.entry(place).or_insert(found);
        if known == found {
            return Ok(());
        }
        Err(format!(
            "{} has {found} after entry {}, others have {known}",
            sight.who, probe.executed
        ))
    }
}
