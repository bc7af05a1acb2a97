//! I5: what is committed at a place is the same everywhere, for ever.

use std::collections::BTreeMap;

use wire::{Entry, Sequence};

use crate::ledger::Place;
use crate::process::Pid;
use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct CommittedPrefix {
    entries: BTreeMap<Place, Entry>,
    compared: BTreeMap<Pid, Place>,
}

impl Watcher for CommittedPrefix {
    fn name(&self) -> &'static str {
        "I5 committed prefixes agree"
    }

    fn sights(&self) -> Sights {
        Sights::TURNED
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let Seen::Turned(Some(probe)) = sight.what else { return Ok(()) };
        let Some(replica) = world.server(sight.pid) else { return Ok(()) };
        if !probe.whole {
            return Ok(());
        }
        let before = self.compared.insert(sight.pid, (probe.cluster, probe.committed));
        let from = before.filter(|(cluster, _)| *cluster == probe.cluster).map_or(0, |(_, s)| s.0);
        for sequence in from + 1..=probe.committed.0 {
            let Some(entry) = replica.log().entry(Sequence(sequence)) else { continue };
            let place = (probe.cluster, entry.sequence);
            let known = self.entries.entry(place).or_insert_with(|| entry.clone());
            if known != entry {
                return Err(format!("{} has committed {entry:?}, others {known:?}", sight.who));
            }
        }
        Ok(())
    }
}
