//! No page is lost while somebody holds it: when the log says that a page is lost, or tells a process
//! that nobody ever wrote it, no process that the manager knows has access to it.

use super::agreed::{News, SIGHTS};
use super::{Shared, with_access};
use crate::{Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug)]
pub(super) struct NoLostPage(pub(super) Shared);

impl Watcher for NoLostPage {
    fn name(&self) -> &'static str {
        "no page is lost that somebody holds"
    }

    fn sights(&self) -> Sights {
        SIGHTS
    }

    fn see(&mut self, _sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let agreed = self.0.borrow();
        for news in &agreed.news {
            let (News::Lost { page, .. } | News::Told { page, .. }) = news else { continue };
            let holders = with_access(world, &agreed, *page);
            if !holders.is_empty() {
                return Err(format!("{news:?}, and there are {holders:?}"));
            }
        }
        Ok(())
    }
}
