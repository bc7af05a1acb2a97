//! I1: epochs never decrease, per incarnation of a server and in the RM's record ever.

use std::collections::BTreeMap;

use wire::Epoch;

use crate::process::Pid;
use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct EpochsGrow {
    servers: BTreeMap<Pid, Epoch>,
    recorded: Epoch,
}

impl Watcher for EpochsGrow {
    fn name(&self) -> &'static str {
        "I1 epochs never decrease"
    }

    fn sights(&self) -> Sights {
        Sights::TURNED.and(Sights::PERSISTED)
    }

    fn see(&mut self, sight: &Sight<'_>, _world: &World) -> Result<(), String> {
        match sight.what {
            Seen::Turned(Some(probe)) => {
                let epoch = probe.epoch;
                let before = self.servers.insert(sight.pid, epoch).unwrap_or_default();
                if epoch < before {
                    return Err(format!("{} went from epoch {before} to {epoch}", sight.who));
                }
            }
            Seen::Persisted(record) => {
                let record = rm::Record::from_text(record).map_err(|e| e.to_string())?;
                let epoch = record.view.epoch;
                let before = std::mem::replace(&mut self.recorded, epoch);
                if epoch <= before {
                    return Err(format!("epoch {epoch} was recorded after {before}"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
