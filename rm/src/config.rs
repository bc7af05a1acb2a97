//! What the Replication Manager is told at its start.

use std::time::Duration;

use wire::{ClusterId, Mode, NodeName, ReplicaName};

/// What to do once every member of the last view is proven dead, and the state with them (R12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTotalLoss {
    /// Say loudly that the state was lost, and start afresh under a new epoch.
    Restart,
    /// Wait for an operator.
    Wait,
}

/// The settings of the Replication Manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its own name.
    pub name: NodeName,
    /// The mode wanted; another one than that of the last view is switched to (R10).
    pub mode: Mode,
    /// Give up the state of every cluster before, and start a new one.
    pub fresh: bool,
    /// The id of the cluster that is started, if one is: never used before.
    pub fresh_cluster: ClusterId,
    /// Who gets the role of primary back (R11); `None` for no fail-back.
    pub prefer: Option<ReplicaName>,
    /// What to do once the state is provably lost.
    pub on_total_loss: OnTotalLoss,
    /// Let exactly this live server lead although it is not a member of the last view.
    pub force_unclean: Option<ReplicaName>,
    /// How long the GFD may be silent, and how long a complaint between two members must stand.
    pub heartbeat_timeout: Duration,
    /// How long after the GFD came absence means nothing (R13).
    pub grace: Duration,
    /// The least time between two fail-backs, and between two removals of one server on complaint.
    pub hold_down: Duration,
    /// How long the preferred primary must have been an alive member before it gets its role back.
    pub stable_before_failback: Duration,
}
