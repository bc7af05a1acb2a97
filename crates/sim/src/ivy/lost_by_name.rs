//! What is lost is said by name: a page that was written and has nobody left is reported lost with a
//! process that had it, by a server and to whoever asks for it; and only of a page that was never
//! written since the cluster began is that said.
//!
//! Who had a page is counted here, from the operations that took effect.

use std::collections::{BTreeMap, BTreeSet};

use node::Event;
use node::ivy::Ivy;
use wire::ClientName;
use wire::ivy::{PageNumber, Want};

use super::Shared;
use super::agreed::{News, SIGHTS};
use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug)]
pub(super) struct LostByName {
    agreed: Shared,
    /// Who has had the page since it was written last.
    had: BTreeMap<PageNumber, BTreeSet<ClientName>>,
    gone: BTreeSet<ClientName>,
    /// How often each loss is in the log, and how often a server said it.
    losses: BTreeMap<(PageNumber, ClientName), (u64, u64)>,
}

impl LostByName {
    pub(super) fn new(agreed: Shared) -> Self {
        let (had, gone, losses) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { agreed, had, gone, losses }
    }

    fn check(&self, page: PageNumber, with: Option<ClientName>) -> Result<(), String> {
        let had = self.had.get(&page);
        match with {
            None if had.is_some() => Err(format!("page {page} was written, and is called new")),
            Some(name) if had.is_none_or(|had| !had.contains(&name)) => {
                Err(format!("page {page} is called lost with {name}, which never had it"))
            }
            Some(name) if !self.gone.contains(&name) => {
                Err(format!("page {page} is called lost with {name}, which was never given up"))
            }
            _ => Ok(()),
        }
    }
}

impl Watcher for LostByName {
    fn name(&self) -> &'static str {
        "what is lost is said by name"
    }

    fn sights(&self) -> Sights {
        SIGHTS
    }

    fn see(&mut self, sight: &Sight<'_>, _world: &World) -> Result<(), String> {
        if let Seen::Noted(Event::Ivy(Ivy::Lost { page, with })) = &sight.what {
            self.losses.entry((*page, *with)).or_default().1 += 1;
        }
        let agreed = std::rc::Rc::clone(&self.agreed);
        for news in &agreed.borrow().news {
            match news {
                News::Afresh => (self.had, self.gone) = (BTreeMap::new(), BTreeSet::new()),
                News::Gone(process) => {
                    self.gone.insert(*process);
                }
                News::Done { client, want, page, .. } => {
                    let had = self.had.entry(*page).or_default();
                    if *want == Want::Write {
                        had.clear();
                    }
                    had.insert(*client);
                }
                News::Lost { page, with } => {
                    self.losses.entry((*page, *with)).or_default().0 += 1;
                    self.check(*page, Some(*with))?;
                }
                News::Told { page, with, .. } => self.check(*page, *with)?,
            }
        }
        Ok(())
    }

    fn end(&mut self, _world: &World) -> Result<(), String> {
        let silent = self.losses.iter().find(|(_, (happened, said))| said < happened);
        silent.map_or(Ok(()), |((page, with), (happened, said))| {
            let what = format!("page {page} was lost with {with}");
            Err(format!("{what} {happened} times in the log, and servers said it {said} times"))
        })
    }
}
