//! Schedule 17: nobody launches a server while one of its name runs. The lock would stop the second
//! one; that it is needed is a fault already.

use crate::{Seen, Sight, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct OneProcess;

impl Watcher for OneProcess {
    fn name(&self) -> &'static str {
        "one process of a server"
    }

    fn see(&mut self, sight: &Sight<'_>, _world: &World) -> Result<(), String> {
        match sight.what {
            Seen::Locked => Err(format!("{} was launched although it runs", sight.who)),
            _ => Ok(()),
        }
    }
}
