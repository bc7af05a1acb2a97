//! I12: no process says a view that is not on the RM's disk.

use super::view_in;
use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct PersistedFirst;

impl Watcher for PersistedFirst {
    fn name(&self) -> &'static str {
        "I12 persisted before announced"
    }

    fn sights(&self) -> Sights {
        Sights::SENT
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let Seen::Sent { message, .. } = sight.what else { return Ok(()) };
        let Some(view) = view_in(message) else { return Ok(()) };
        if world.ledger().views.get(&view.epoch) == Some(view) {
            return Ok(());
        }
        Err(format!("{} says {view}, which is not on the disk", sight.who))
    }
}
