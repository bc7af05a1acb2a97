//! I2: an epoch has one content, whoever says it.

use std::collections::BTreeMap;

use node::Event;
use wire::{Epoch, View};

use super::view_in;
use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct OneContent {
    views: BTreeMap<Epoch, View>,
}

impl OneContent {
    fn compare(&mut self, view: &View) -> Result<(), String> {
        let known = self.views.entry(view.epoch).or_insert_with(|| view.clone());
        if known == view { Ok(()) } else { Err(format!("there are {known:?} and {view:?}")) }
    }
}

impl Watcher for OneContent {
    fn name(&self) -> &'static str {
        "I2 one content per epoch"
    }

    fn sights(&self) -> Sights {
        Sights::NOTED.and(Sights::SENT)
    }

    fn see(&mut self, sight: &Sight<'_>, _world: &World) -> Result<(), String> {
        match &sight.what {
            Seen::Sent { message, .. } => view_in(message).map_or(Ok(()), |v| self.compare(v)),
            Seen::Noted(Event::ViewMade { view, .. } | Event::ViewAdopted { view, .. }) => {
                self.compare(view)
            }
            _ => Ok(()),
        }
    }
}
