//! The copyset covers everyone: whoever has access to a page is its owner, in its copyset, or the one
//! whose operation is in flight; so an invalidation reaches every copy that there is.

use super::{Shared, pages, with_access};
use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug)]
pub(super) struct Copyset(pub(super) Shared);

impl Watcher for Copyset {
    fn name(&self) -> &'static str {
        "the copyset covers everyone with access"
    }

    fn sights(&self) -> Sights {
        Sights::TURNED
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let Seen::Turned(_) = sight.what else { return Ok(()) };
        let agreed = self.0.borrow();
        for page in pages(world) {
            let known = agreed.manager().holders(page);
            let holders = with_access(world, &agreed, page);
            if let Some((name, access)) = holders.iter().find(|(name, _)| !known.contains(name)) {
                return Err(format!("{name} has {access:?} of page {page}, known are {known:?}"));
            }
        }
        Ok(())
    }
}
