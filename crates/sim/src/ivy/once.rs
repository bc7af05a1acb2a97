//! An operation over the manager takes effect once, and in the log before its process goes on: the
//! manager answers one confirmation of a grant with `Done`, and a write has ended only if its
//! confirmation is in the agreed order.

use std::collections::{BTreeMap, BTreeSet};

use node::Event;
use node::ivy::{Ivy, Outcome};
use wire::ivy::{PageNumber, Want};

use super::Shared;
use super::agreed::{News, SIGHTS};
use crate::process::Pid;
use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug)]
pub(super) struct Once {
    agreed: Shared,
    grants: BTreeSet<u64>,
    /// How many operations of a process on a page took effect and are not over for it.
    open: BTreeMap<(Pid, PageNumber), u64>,
}

impl Once {
    pub(super) fn new(agreed: Shared) -> Self {
        Self { agreed, grants: BTreeSet::new(), open: BTreeMap::new() }
    }

    fn happened(&mut self, news: &News) -> Result<(), String> {
        match news {
            News::Afresh => self.grants.clear(),
            News::Done { run, client, want, page, grant } => {
                if !self.grants.insert(*grant) {
                    return Err(format!(
                        "{client}: {want:?} of page {page} by {grant} is done twice"
                    ));
                }
                if let Some(run) = run {
                    *self.open.entry((*run, *page)).or_default() += 1;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn ended(&mut self, run: Pid, page: PageNumber, want: Want) -> Result<(), String> {
        match self.open.get_mut(&(run, page)) {
            Some(open) if *open > 0 => {
                *open -= 1;
                Ok(())
            }
            _ => Err(format!("{want:?} of page {page} has ended and is not in the log")),
        }
    }
}

impl Watcher for Once {
    fn name(&self) -> &'static str {
        "an operation takes effect once"
    }

    fn sights(&self) -> Sights {
        SIGHTS
    }

    fn see(&mut self, sight: &Sight<'_>, _world: &World) -> Result<(), String> {
        let agreed = std::rc::Rc::clone(&self.agreed);
        for news in &agreed.borrow().news {
            self.happened(news)?;
        }
        match &sight.what {
            Seen::Noted(Event::Ivy(Ivy::Ended { page, outcome, local: false, .. })) => {
                match outcome {
                    Outcome::Read(_) => self.ended(sight.pid, *page, Want::Read),
                    Outcome::Written => self.ended(sight.pid, *page, Want::Write),
                    Outcome::NeverWritten | Outcome::LostWith(_) => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}
