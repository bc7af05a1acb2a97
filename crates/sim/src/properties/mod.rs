//! The properties: one file each, checked at everything that happens.
//!
//! Each is a [`Watcher`](crate::Watcher) with a header that says what it proves. I1 to I15 are the
//! invariants of DESIGN section 5.
//!
//! Not here: what a run does; see `swarm` and the scripts.

mod answers_its_clients;
mod black_box;
mod bounded;
mod commit_needs_acks;
mod committed_prefix;
mod epochs_grow;
mod equal_digests;
mod exactly_once;
mod held_by_members;
mod linearizable;
mod one_content;
mod one_process;
mod only_members_answer;
mod order_of_progress;
mod persisted_first;
mod view_succession;

use crate::world::World;

/// Lets every property watch a world whose clients ask for what only they ask for.
pub fn watch_all(world: &mut World) {
    watch_replication(world);
    world.watch(Box::<exactly_once::ExactlyOnce>::default());
    world.watch(Box::<linearizable::Linearizable>::default());
    world.watch(Box::<black_box::BlackBox>::default());
}

/// Lets those watch that hold whatever is replicated.
pub fn watch_replication(world: &mut World) {
    world.watch(Box::<epochs_grow::EpochsGrow>::default());
    world.watch(Box::<one_content::OneContent>::default());
    world.watch(Box::<view_succession::ViewSuccession>::default());
    world.watch(Box::<held_by_members::HeldByMembers>::default());
    world.watch(Box::<committed_prefix::CommittedPrefix>::default());
    world.watch(Box::<equal_digests::EqualDigests>::default());
    world.watch(Box::<commit_needs_acks::CommitNeedsAcks>::default());
    world.watch(Box::<order_of_progress::OrderOfProgress>::default());
    world.watch(Box::<only_members_answer::OnlyMembersAnswer>::default());
    world.watch(Box::<answers_its_clients::AnswersItsClients>::default());
    world.watch(Box::<persisted_first::PersistedFirst>::default());
    world.watch(Box::<bounded::Bounded>::default());
    world.watch(Box::<one_process::OneProcess>::default());
}

/// The view that a message carries.
fn view_in(message: &wire::Message) -> Option<&wire::View> {
    use wire::Message;
    match message {
        Message::Ready { view, .. } | Message::ClientReady { view, .. } => view.as_ref(),
        Message::View { view, .. } | Message::Sync { view, .. } => Some(view),
        _ => None,
    }
}
