//! What a replica shows to those who check it: the simulator's properties and scripts.
//!
//! Not here: anything that changes a replica, or that a role decides from.

use wire::{ClusterId, Epoch, Incarnation, Phase, ReplicaName, Sequence, View};

use super::{Replica, Standing};
use crate::log::Log;
use crate::machine::Machine;
use crate::service::Service;

/// Where a replica stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Which run of the server.
    pub incarnation: Incarnation,
    /// The cluster whose state it holds; 0 for none.
    pub cluster: ClusterId,
    /// Whether that state is complete.
    pub whole: bool,
    /// The highest epoch that it heard of.
    pub epoch: Epoch,
    /// What it is.
    pub phase: Phase,
    /// Its last entry.
    pub last: Sequence,
    /// The last one that it knows to be committed.
    pub committed: Sequence,
    /// The last one that it has executed.
    pub executed: Sequence,
    /// At the primary: whose acknowledgements are required.
    pub required: Vec<(ReplicaName, Incarnation)>,
}

impl<S: Service> Replica<S> {
    /// Where it stands.
    #[must_use]
    pub fn probe(&self) -> Probe {
        let (phase, required) = match &self.standing {
            Standing::Joiner(_) => (Phase::Joiner, Vec::new()),
            Standing::Backup(_) => (Phase::Backup, Vec::new()),
            Standing::Primary(leading) => {
                let required = leading.links.values().filter(|link| link.required());
                (Phase::Primary, required.map(|link| (link.name, link.incarnation)).collect())
            }
        };
        Probe {
            incarnation: self.config.incarnation,
            cluster: self.cluster,
            whole: self.whole,
            epoch: self.epoch,
            phase,
            last: self.log.last(),
            committed: self.committed,
            executed: self.machine.executed(),
            required,
        }
    }

    /// Which run of the server this is.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.config.incarnation
    }

    /// The cluster whose state it holds; 0 for none.
    #[must_use]
    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// The newest view that it adopted.
    #[must_use]
    pub fn view(&self) -> Option<&View> {
        self.view.as_ref()
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Its service, with the sessions.
    #[must_use]
    pub fn machine(&self) -> &Machine<S> {
        &self.machine
    }
}
