//! I3 and I13: the members of a view are members of the one before it and at most one joiner, which
//! is not its primary; a new cluster begins with one member, and only when no member of the last
//! view is left that still holds its state.

use wire::{Member, View};

use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct ViewSuccession {
    last: Option<View>,
}

impl Watcher for ViewSuccession {
    fn name(&self) -> &'static str {
        "I3 I13 views grow out of each other"
    }

    fn sights(&self) -> Sights {
        Sights::PERSISTED
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let Seen::Persisted(record) = sight.what else { return Ok(()) };
        let view = rm::Record::from_text(record).map_err(|e| e.to_string())?.view;
        let Some(last) = self.last.replace(view.clone()) else { return Ok(()) };
        if view.member(view.primary).is_none() {
            return Err(format!("the primary of {view} is no member"));
        }
        if view.cluster != last.cluster {
            let alive = |member: &&Member| {
                let process = world.process(member.name.into());
                let server = process.and_then(|p| p.actor.server());
                server.is_some_and(|server| server.incarnation() == member.incarnation)
            };
            return match last.members.iter().find(alive) {
                Some(member) => Err(format!("{view} gives up {}, which lives", member.name)),
                None if view.members.len() == 1 => Ok(()),
                None => Err(format!("{view} is new and has more than one member")),
            };
        }
        let joins = |m: &&Member| !last.contains(m.name, m.incarnation);
        let joiners: Vec<&Member> = view.members.iter().filter(joins).collect();
        if joiners.len() > 1 || joiners.iter().any(|m| m.name == view.primary) {
            return Err(format!("{view:?} after {last:?}"));
        }
        Ok(())
    }
}
