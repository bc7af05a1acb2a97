//! I8: executed <= committed <= appended; and what is executed is never taken back in one run of a
//! server and one cluster.

use std::collections::BTreeMap;

use wire::{ClusterId, Sequence};

use crate::process::Pid;
use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct OrderOfProgress {
    executed: BTreeMap<(Pid, ClusterId), Sequence>,
}

impl Watcher for OrderOfProgress {
    fn name(&self) -> &'static str {
        "I8 executed <= committed <= appended"
    }

    fn sights(&self) -> Sights {
        Sights::TURNED
    }

    fn see(&mut self, sight: &Sight<'_>, _world: &World) -> Result<(), String> {
        let Seen::Turned(Some(probe)) = sight.what else { return Ok(()) };
        if probe.executed > probe.committed || probe.committed > probe.last {
            return Err(format!("{}: {probe:?}", sight.who));
        }
        let key = (sight.pid, probe.cluster);
        let before = self.executed.insert(key, probe.executed).unwrap_or_default();
        if probe.executed < before {
            return Err(format!("{} had executed {before}: {probe:?}", sight.who));
        }
        Ok(())
    }
}
