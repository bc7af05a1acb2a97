//! Sequential consistency (Lamport 1979): there is one order of all operations of all processes that
//! agrees with the order of each process, and in which every read returns what was written last.
//!
//! To decide that for a history alone is NP-complete (Gibbons and Korach, *Testing Shared Memories*,
//! 1997). When the order of the writes of each page is known, as here from the log, it is linear: the
//! history is sequentially consistent if and only if the graph of program order, write order, each
//! write before its readers and each reader before the next write has no cycle. What Ivy promises is
//! that very order, not any; so a cycle is a violation, even if another order of the writes would do.
//!
//! Every process that ever ran counts, the given-up ones, too: what they did without a message has
//! its place before they were given up. A write over the manager counts from its confirmation in the
//! log, whether or not its process lived to know. The loss of a page is a write of nothing.
//!
//! When all state is lost, a process that does not know whether its write took effect in the lost
//! cluster writes again in the next one; that is another write of the same contents. Who reads them
//! reads those of the cluster that it belongs to.

use std::collections::BTreeMap;

use bytes::Bytes;
use drill::ivy::history::{Did, History};
use node::Event;
use node::ivy::{Ivy, Outcome};
use wire::ivy::{PageNumber, Want};

use super::Shared;
use super::agreed::{News, SIGHTS};
use crate::process::Pid;
use crate::{Seen, Sight, Sights, Watcher, World};

/// What a process is at.
#[derive(Debug, Clone)]
struct Hand {
    operation: u64,
    want: Want,
    page: PageNumber,
    contents: Bytes,
    effect: Effect,
}

/// Whether the operation in hand is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    /// Its confirmation is.
    Logged,
    /// It was, in a log that is lost.
    Lost,
}

/// See the file.
#[derive(Debug)]
pub(super) struct Sequential {
    agreed: Shared,
    history: History,
    hands: BTreeMap<Pid, Hand>,
    /// Which loss of a page a process was told of since it began its operation.
    told: BTreeMap<(Pid, PageNumber), Option<usize>>,
    /// How often contents were written again in the cluster after the one that was lost.
    again: BTreeMap<Bytes, u64>,
}

impl Sequential {
    pub(super) fn new(agreed: Shared) -> Self {
        let (hands, told, again) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { agreed, history: History::default(), hands, told, again }
    }

    /// The name of contents in the history, as that process knows them.
    fn value(&self, run: Pid, contents: &Bytes) -> String {
        let text = String::from_utf8_lossy(contents);
        let times = self.again.get(contents).copied().unwrap_or_default();
        match times - u64::from(times > 0 && !self.agreed.borrow().knows(run)) {
            0 => text.into_owned(),
            times => format!("{text} again {times}"),
        }
    }

    fn happened(&mut self, news: &News, world: &World) -> Result<(), String> {
        match news {
            News::Afresh => {
                super::pages(world).for_each(|page| self.history.lost(page.0));
                let logged = self.hands.values_mut().filter(|hand| hand.effect == Effect::Logged);
                logged.for_each(|hand| hand.effect = Effect::Lost);
            }
            News::Lost { page, .. } => self.history.lost(page.0),
            News::Told { run: Some(run), page, .. } => {
                let last = self.history.losses(page.0).checked_sub(1);
                self.told.insert((*run, *page), last);
            }
            News::Done { run: Some(run), want: Want::Write, page, .. } => {
                let Some(hand) = self.hands.get_mut(run) else { return Ok(()) };
                if hand.want != Want::Write || hand.page != *page {
                    return Ok(());
                }
                let (before, contents) = (hand.effect, hand.contents.clone());
                hand.effect = Effect::Logged;
                match before {
                    Effect::None => {}
                    Effect::Lost => *self.again.entry(contents.clone()).or_default() += 1,
                    Effect::Logged => return Err(format!("{run} writes page {page} twice")),
                }
                let wrote = Did::Wrote(self.value(*run, &contents));
                self.history.owned(*run as usize, page.0);
                self.history.did(*run as usize, page.0, wrote)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn said(&mut self, run: Pid, said: &Ivy) -> Result<(), String> {
        match said {
            Ivy::Began { operation, want, page, contents } => {
                let (operation, want, page) = (*operation, *want, *page);
                let (contents, effect) = (contents.clone(), Effect::None);
                let hand = Hand { operation, want, page, contents, effect };
                self.told.remove(&(run, page));
                self.hands.insert(run, hand);
                Ok(())
            }
            Ivy::Ended { operation, page, outcome, .. } => {
                let Some(hand) = self.hands.remove(&run) else {
                    return Err(format!("operation {operation} ended and never began"));
                };
                if (hand.operation, hand.page) != (*operation, *page) {
                    return Err(format!("operation {operation} ended instead of {hand:?}"));
                }
                self.ended(run, &hand, outcome)
            }
            _ => Ok(()),
        }
    }

    fn ended(&mut self, run: Pid, hand: &Hand, outcome: &Outcome) -> Result<(), String> {
        let did = match (hand.want, outcome) {
            // It has its place since the log had it.
            (Want::Write, Outcome::Written) if hand.effect != Effect::None => return Ok(()),
            (Want::Write, Outcome::Written) => Did::Wrote(self.value(run, &hand.contents)),
            (Want::Read, Outcome::Read(contents)) => Did::Read(self.value(run, contents)),
            (Want::Read, Outcome::NeverWritten | Outcome::LostWith(_)) => {
                match self.told.get(&(run, hand.page)) {
                    Some(Some(loss)) => Did::FoundLost(*loss),
                    Some(None) => Did::FoundNothing,
                    None => {
                        return Err(format!("{hand:?} found nothing, and the log knows nothing"));
                    }
                }
            }
            (want, outcome) => return Err(format!("{want:?} ended in {outcome:?}")),
        };
        self.history.did(run as usize, hand.page.0, did)
    }
}

impl Watcher for Sequential {
    fn name(&self) -> &'static str {
        "sequential consistency"
    }

    fn sights(&self) -> Sights {
        SIGHTS
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let agreed = std::rc::Rc::clone(&self.agreed);
        for news in &agreed.borrow().news {
            self.happened(news, world)?;
        }
        match &sight.what {
            Seen::Noted(Event::Ivy(said))
                if world.process(sight.who).is_some_and(|process| {
                    process.pid == sight.pid && process.actor.ivy().is_some()
                }) =>
            {
                self.said(sight.pid, said)
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, _world: &World) -> Result<(), String> {
        self.history.check()
    }
}
