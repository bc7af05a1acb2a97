//! I7: what a primary commits in an epoch, every run that it requires has acknowledged in that
//! epoch, seen from the frames that reached it. A joiner is required for what is committed after the
//! turn in which the primary began to require it.

use std::collections::BTreeMap;

use server::Probe;
use wire::{Epoch, Incarnation, Message, Phase, ReplicaName, Sequence};

use crate::process::Pid;
use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct CommitNeedsAcks {
    /// What reached a process in an epoch, from which run, up to where.
    acks: BTreeMap<(Pid, Epoch, ReplicaName, Incarnation), Sequence>,
    /// Where each process stood after its last turn.
    before: BTreeMap<Pid, (Probe, Epoch)>,
}

impl CommitNeedsAcks {
    fn turned(&mut self, sight: &Sight<'_>, probe: &Probe, world: &World) -> Result<(), String> {
        let view = world.server(sight.pid).and_then(server::Replica::view);
        let Some(view) = view.filter(|_| probe.phase == Phase::Primary) else {
            self.before.remove(&sight.pid);
            return Ok(());
        };
        let now = (probe.clone(), view.epoch);
        let Some((before, led)) = self.before.insert(sight.pid, now) else { return Ok(()) };
        let both = before.phase == Phase::Primary && probe.phase == Phase::Primary;
        // In another view than before, it may have learnt what others had committed.
        if led != view.epoch || !both || before.committed >= probe.committed {
            return Ok(());
        }
        let own = ReplicaName::from(sight.who);
        let members = view.members.iter().map(|m| (m.name, m.incarnation));
        for (name, run) in members.filter(|(name, _)| *name != own).chain(before.required) {
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

    fn sights(&self) -> Sights {
        Sights::RECEIVED.and(Sights::TURNED).and(Sights::LIVES)
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
            Seen::Turned(Some(probe)) => self.turned(sight, probe, world),
            Seen::Ended(_) => {
                self.acks.retain(|(pid, ..), _| *pid != sight.pid);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
