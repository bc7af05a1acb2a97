//! I7: what a primary commits in an epoch, every run that it requires has acknowledged in that
//! epoch, seen from the frames that reached it.

use std::collections::BTreeMap;

use wire::{Epoch, Incarnation, Message, Phase, ReplicaName, Sequence};

use super::replica;
use crate::process::Pid;
use crate::{Seen, Sight, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct CommitNeedsAcks {
    /// What reached a process in an epoch, from which run, up to where.
    acks: BTreeMap<(Pid, Epoch, ReplicaName, Incarnation), Sequence>,
    /// Where each process stood after its last turn.
    before: BTreeMap<Pid, (Epoch, Phase, Sequence)>,
}

impl CommitNeedsAcks {
    fn turned(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let Some(replica) = replica(sight, world) else { return Ok(()) };
        let probe = replica.probe();
        let now = (probe.epoch, probe.phase, probe.committed);
        let before = self.before.insert(sight.pid, now);
        let grew = before.is_some_and(|(epoch, phase, committed)| {
            (epoch, phase) == (probe.epoch, Phase::Primary) && committed < probe.committed
        });
        let Some(view) = replica.view().filter(|_| grew && probe.phase == Phase::Primary) else {
            return Ok(());
        };
        let own = ReplicaName::from(sight.who);
        let members = view.members.iter().map(|m| (m.name, m.incarnation));
        for (name, run) in members.filter(|(name, _)| *name != own).chain(probe.required) {
            let acked = self.acks.get(&(sight.pid, probe.epoch, name, run)).copied();
            if acked.is_none_or(|acked| acked < probe.committed) {
                let (committed, epoch) = (probe.committed, probe.epoch);
                return Err(format!(
                    "{own} committed {committed} in epoch {epoch}, {name} acknowledged {acked:?}"
                ));
            }
        }
        Ok(())
    }
}

impl Watcher for CommitNeedsAcks {
    fn name(&self) -> &'static str {
        "I7 commits need all acks of the epoch"
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        match sight.what {
            Seen::Received { message, .. } => {
                let (epoch, name, run, to) = match message {
                    Message::Ack { from, epoch, incarnation, sequence, .. } => {
                        (*epoch, *from, *incarnation, *sequence)
                    }
                    // Where the answer to `sync` says it is known to be committed, it is held.
                    Message::Have { from, epoch, incarnation, committed, .. } => {
                        (*epoch, *from, *incarnation, *committed)
                    }
                    _ => return Ok(()),
                };
                let acked = self.acks.entry((sight.pid, epoch, name, run)).or_default();
                *acked = (*acked).max(to);
                Ok(())
            }
            Seen::Turned => self.turned(sight, world),
            Seen::Ended(_) => {
                self.acks.retain(|(pid, ..), _| *pid != sight.pid);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
