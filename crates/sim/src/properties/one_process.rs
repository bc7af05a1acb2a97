//! Schedule 17: nobody launches a server while one of its name runs and can be reached. The lock would
//! stop the second one; that it is needed is a fault already, except in the moments in which a
//! process has just been launched by an LFD that is gone.

use std::time::Duration;

use crate::{Seen, Sight, Sights, Watcher, World};

/// A process that has run for so long could have been found.
const FOUND: Duration = Duration::from_secs(1);

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

    fn see(&mut self, sight: &Sight<'_>, _world: &World) -> Result<(), String> {
        match sight.what {
            Seen::LaunchedTwice { running } if running > FOUND => {
                Err(format!("{} is launched although it runs for {running:?}", sight.who))
            }
            _ => Ok(()),
        }
    }
}
