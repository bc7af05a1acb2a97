//! What the detectors carry between the RM and the servers, and whose it is.

use wire::{Message, ReplicaName};

/// The server that an order is for: RM -> GFD -> LFD -> server (a launch order ends at the LFD).
/// `None` for a frame that is no order.
#[must_use]
pub fn ordered(message: &Message) -> Option<ReplicaName> {
    match message {
        Message::Ready { server, .. } | Message::Launch { server, .. } => Some(*server),
        Message::View { to, .. } => Some(ReplicaName::from(*to)),
        Message::SendCheckpoint { donor, .. } => Some(*donor),
        Message::Handover { from, .. } => Some(*from),
        _ => None,
    }
}

/// The server that says this to the RM: server -> LFD -> GFD -> RM, untouched. `None` for a frame
/// that does not go up.
#[must_use]
pub fn reported(message: &Message) -> Option<ReplicaName> {
    match message {
        Message::Suspect { from, .. }
        | Message::Join { from, .. }
        | Message::Drained { from, .. } => Some(*from),
        _ => None,
    }
}
