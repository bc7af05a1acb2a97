//! Schedule 17: of each name one process runs; and nobody launches a server while one of its name runs and can be reached. The lock would
//! stop the second one; that it is needed is a fault already, except in the moments in which a
//! process has just been launched by an LFD that is gone, or while nothing gets from the LFD to it.

use std::time::Duration;

use crate::plan::Kind;
use crate::{Seen, Sight, Sights, Watcher, World};

/// A process that has run for so long could have been found.
const FOUND: Duration = Duration::from_secs(1);

/// Whether a server and its LFD can talk, and could for a while.
fn reaches(world: &World, sight: &Sight<'_>) -> bool {
    let Some(Kind::Server(n)) = Kind::of(sight.who) else { return true };
    let (lfd, server) = (Kind::Local(n), Kind::Server(n));
    let network = world.network();
    [(lfd, server), (server, lfd)].into_iter().all(|(from, to)| {
        let mended = network.mended(from, to);
        !network.is_cut(from, to) && mended.is_none_or(|at| sight.at.since(at) > TRYING)
    })
}

/// After a cut between the two, so long may the LFD go on trying; it may be stopped meanwhile.
const TRYING: Duration = Duration::from_secs(30);

/// See the file.
#[derive(Debug, Default)]
pub(super) struct OneProcess;

impl Watcher for OneProcess {
    fn name(&self) -> &'static str {
        "one process of a server"
    }

    fn sights(&self) -> Sights {
        Sights::LIVES
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        match sight.what {
            Seen::Started => match world.running().filter(|p| p.name == sight.who).count() {
                1 => Ok(()),
                many => Err(format!("{many} processes of {} run", sight.who)),
            },
            Seen::LaunchedTwice { running } if running > FOUND && reaches(world, sight) => {
                Err(format!("{} is launched although it runs for {running:?}", sight.who))
            }
            _ => Ok(()),
        }
    }
}
