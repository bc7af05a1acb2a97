//! The ledger: what is true of a run as a whole, whoever lives or dies.
//!
//! It is written from what is seen, before any property looks: which views were persisted, what was
//! committed and executed where in which log, what clients asked and were told.
//!
//! Not here: any judgement. Where two sources disagree, the ledger keeps the first, and a property
//! finds the second.

use std::collections::BTreeMap;

use bytes::Bytes;
use node::ivy::Ivy;
use node::{Event, Time};
use wire::{ClusterId, Epoch, Message, NodeName, Sequence, View};

use crate::observe::{Seen, Sight, Sights};
use crate::process::Pid;
use crate::register::swapped;

/// A place in the history of the whole installation. A later cluster has a greater id.
pub type Place = (ClusterId, Sequence);

/// What became of a request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which process asked.
    pub client: (NodeName, Pid),
    /// When it was sent first.
    pub invoked: Time,
    /// The highest place of a request that was answered before this one was sent.
    pub floor: Option<Place>,
    /// When it was answered, and how.
    pub answered: Option<(Time, Bytes)>,
    /// Its session was lost before that: it is in doubt, and will not be answered.
    pub given_up: bool,
}

/// What is known.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Every persisted view.
    pub views: BTreeMap<Epoch, View>,
    /// Where each effective request stands, by its body; the driver makes bodies unique. What a lost
    /// cluster has executed may be executed again in the next one, so there is a place for each.
    effects: BTreeMap<Bytes, BTreeMap<ClusterId, Sequence>>,
    /// The bodies of effective requests by their place.
    pub order: BTreeMap<Place, Bytes>,
    /// The requests that were sent, by their body.
    pub requests: BTreeMap<Bytes, Request>,
    /// The highest place that anybody has executed.
    pub executed: BTreeMap<ClusterId, Sequence>,
    /// The highest place of a request that was answered.
    answered: Option<Place>,
    /// The mark of the session that each client process has or wants.
    marks: BTreeMap<Pid, u64>,
    done: BTreeMap<Pid, u64>,
    /// How many operations Ivy's processes have ended.
    ended: u64,
}

impl Ledger {
    /// What it is written from.
    pub(crate) const SIGHTS: Sights = Sights::PERSISTED.and(Sights::NOTED).and(Sights::SENT);

    /// The newest persisted view.
    #[must_use]
    pub fn current(&self) -> Option<&View> {
        self.views.last_key_value().map(|(_, view)| view)
    }

    /// Where a request stands, by its body; the newest cluster first.
    pub fn places(&self, body: &[u8]) -> impl Iterator<Item = Place> {
        let places = self.effects.get(body).into_iter().flatten();
        places.map(|(cluster, sequence)| (*cluster, *sequence)).rev()
    }

    /// The status that stood before a place: that of the last place before it in the same cluster; a
    /// new cluster begins with `?`.
    #[must_use]
    pub fn status_before(&self, place: Place) -> &[u8] {
        let earlier = self.order.range(..place).next_back();
        earlier.filter(|((cluster, _), _)| *cluster == place.0).map_or(b"?", |(_, body)| body)
    }

    /// How many requests of a client process are answered, or given up.
    #[must_use]
    pub fn done(&self, client: Pid) -> u64 {
        self.done.get(&client).copied().unwrap_or_default()
    }

    /// How many requests are answered.
    #[must_use]
    pub fn answered(&self) -> u64 {
        let requests = self.requests.values().filter(|request| request.answered.is_some());
        self.ended + requests.count() as u64
    }

    /// Takes note of what is seen of a process that holds the state of `cluster`.
    pub(crate) fn note(&mut self, sight: &Sight<'_>, cluster: ClusterId) {
        match &sight.what {
            Seen::Persisted(record) => {
                if let Ok(record) = rm::Record::from_text(record) {
                    self.views.entry(record.view.epoch).or_insert(record.view);
                }
            }
            Seen::Noted(event) => self.event(sight, event, cluster),
            Seen::Sent { message: Message::Register { nonce, .. }, .. } => {
                self.registers(sight.pid, *nonce);
            }
            _ => {}
        }
    }

    /// A client that begins another session gives up what is unanswered in the one before.
    fn registers(&mut self, client: Pid, nonce: u64) {
        if self.marks.insert(client, nonce).is_some_and(|before| before != nonce) {
            for request in self.requests.values_mut().filter(|r| r.client.1 == client) {
                if request.answered.is_none() && !std::mem::replace(&mut request.given_up, true) {
                    *self.done.entry(client).or_default() += 1;
                }
            }
        }
    }

    fn event(&mut self, sight: &Sight<'_>, event: &Event, cluster: ClusterId) {
        match event {
            Event::Executed { sequence, effect, body, .. } => {
                let highest = self.executed.entry(cluster).or_default();
                *highest = (*highest).max(*sequence);
                if *effect {
                    let place = (cluster, *sequence);
                    let places = self.effects.entry(body.clone()).or_default();
                    places.entry(cluster).or_insert(*sequence);
                    self.order.entry(place).or_insert_with(|| body.clone());
                }
            }
            Event::Invoked { body, .. } => {
                let request = Request {
                    client: (sight.who, sight.pid),
                    invoked: sight.at,
                    floor: self.answered,
                    answered: None,
                    given_up: false,
                };
                self.requests.entry(body.clone()).or_insert(request);
            }
            Event::Ivy(Ivy::Ended { .. }) => {
                self.ended += 1;
                *self.done.entry(sight.pid).or_default() += 1;
            }
            Event::Answered { body, .. } => {
                let (before, asked) = swapped(body).unwrap_or((&[], &body[..]));
                let place = self.places(asked).find(|place| self.status_before(*place) == before);
                let Some(request) = self.requests.get_mut(asked) else { return };
                if request.answered.is_none() && !request.given_up {
                    *self.done.entry(sight.pid).or_default() += 1;
                }
                request.answered.get_or_insert_with(|| (sight.at, body.clone()));
                self.answered = self.answered.max(place);
            }
            _ => {}
        }
    }
}
