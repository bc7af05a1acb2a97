//! I11: only a member answers a request, and in passive mode only the primary.

use wire::{Message, Mode, ReplicaName};

use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct OnlyMembersAnswer;

impl Watcher for OnlyMembersAnswer {
    fn name(&self) -> &'static str {
        "I11 only members answer"
    }

    fn sights(&self) -> Sights {
        Sights::SENT
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let Seen::Sent { message: Message::Reply { .. }, .. } = sight.what else { return Ok(()) };
        let Some(replica) = world.server(sight.pid) else { return Ok(()) };
        let (own, run) = (ReplicaName::from(sight.who), replica.incarnation());
        let may = replica.view().is_some_and(|view| {
            view.contains(own, run) && (view.mode == Mode::Active || view.primary == own)
        });
        if may { Ok(()) } else { Err(format!("{own} answers in {:?}", replica.view())) }
    }
}
