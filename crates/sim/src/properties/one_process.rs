//! Schedule 17: nobody launches a server while one of its name runs and can be reached. The lock would
//! stop the second one; that it is needed is a fault already, except in the moments in which a
//! process has just been launched by an LFD that is gone, or while nothing gets from the LFD to it.

use std::collections::BTreeMap;
use std::time::Duration;

use node::Time;
use wire::NodeName;

use crate::plan::Kind;
use crate::{Seen, Sight, Sights, Watcher, World};

/// A process that has run for so long could have been found.
const FOUND: Duration = Duration::from_secs(1);

/// Whether a server and its LFD can talk.
fn reaches(world: &World, sight: &Sight<'_>) -> bool {
    let Some(Kind::Server(n)) = Kind::of(sight.who) else { return true };
    let (lfd, server) = (Kind::Local(n), Kind::Server(n));
    !world.network().is_cut(lfd, server) && !world.network().is_cut(server, lfd)
}

/// After a cut between the two, so long may the LFD go on trying.
const TRYING: Duration = Duration::from_secs(10);

/// See the file.
#[derive(Debug, Default)]
pub(super) struct OneProcess {
    /// When each server was last launched while its LFD could not reach it.
    unreachable: BTreeMap<NodeName, Time>,
}

impl Watcher for OneProcess {
    fn name(&self) -> &'static str {
        "one process of a server"
    }

    fn sights(&self) -> Sights {
        Sights::LIVES
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        match sight.what {
            Seen::LaunchedTwice { .. } if !reaches(world, sight) => {
                self.unreachable.insert(sight.who, sight.at);
                Ok(())
            }
            Seen::LaunchedTwice { running } if running > FOUND => {
                match self.unreachable.get(&sight.who) {
                    Some(at) if sight.at.since(*at) < TRYING => Ok(()),
                    _ => Err(format!("{} is launched although it runs for {running:?}", sight.who)),
                }
            }
            _ => Ok(()),
        }
    }
}
