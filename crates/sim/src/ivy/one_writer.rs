//! A single writer or many readers, at every instant: of the processes that the manager has not given
//! up, at most one has write access to a page, and while it has, no other one has any access (the
//! coherence that Li and Hudak prove of their write-invalidate protocols).

use node::ivy::Access;

use super::{Shared, pages, with_access};
use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug)]
pub(super) struct OneWriter(pub(super) Shared);

impl Watcher for OneWriter {
    fn name(&self) -> &'static str {
        "one writer or many readers"
    }

    fn sights(&self) -> Sights {
        Sights::TURNED
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let Seen::Turned(_) = sight.what else { return Ok(()) };
        let agreed = self.0.borrow();
        for page in pages(world) {
            let holders = with_access(world, &agreed, page);
            let writes = holders.iter().any(|(_, access)| *access == Access::ReadWrite);
            if writes && holders.len() > 1 {
                return Err(format!("page {page}: {holders:?}"));
            }
        }
        Ok(())
    }
}
