//! I10 once more, from the outside: an order of the requests exists that explains every answer and
//! keeps the order of time. It is searched for when the run is over ([`history::check`]), from what
//! the clients know alone; the log, which the other check follows, is not looked at.
//!
//! A cluster that has lost its state (R12) says so before it answers anybody: the status may then be
//! `?` again, once. What took effect in both clusters is the one thing that is taken from the log.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use history::models::{Replies, Status};
use history::{Model, Operation};
use wire::ClusterId;

use crate::ledger::Ledger;
use crate::{Seen, Sight, Watcher, World};

/// How many steps the search of one run may take. The swarm's runs need little more than one for each
/// request.
const BUDGET: u64 = 2_000_000;
/// The request of nobody: all is forgotten. No client's request has a zero byte.
const FORGET: &[u8] = b"\0";

/// A swap register that may lose its state.
#[derive(Debug)]
struct Forgetful(Status);

impl Model for Forgetful {
    type State = Bytes;

    fn initial(&self) -> Bytes {
        self.0.initial()
    }

    fn step(&self, state: &Bytes, request: &[u8], reply: Option<&[u8]>) -> Option<Bytes> {
        if request == FORGET { Some(self.initial()) } else { self.0.step(state, request, reply) }
    }

    fn before(&self, request: &[u8], reply: &[u8]) -> Option<Bytes> {
        self.0.before(request, reply)
    }

    fn after(&self, request: &[u8]) -> Option<Bytes> {
        if request == FORGET { Some(self.initial()) } else { self.0.after(request) }
    }
}

/// See the file.
#[derive(Debug, Default)]
pub(super) struct BlackBox {
    clusters: BTreeSet<ClusterId>,
    /// When a new cluster was made because the state of the one before was lost.
    losses: Vec<u64>,
}

/// What the clients know, and what was lost.
fn history(ledger: &Ledger, losses: &[u64]) -> Vec<Operation> {
    let mut history: Vec<Operation> = Vec::new();
    for (body, request) in &ledger.requests {
        let answered = request.answered.as_ref();
        history.push(Operation {
            process: request.client.0.to_string(),
            request: body.clone(),
            invoked: request.invoked.as_micros(),
            answered: answered.map(|(at, reply)| (at.as_micros(), reply.clone())),
        });
    }
    history.extend(once_more(ledger, &history));
    history.extend(losses.iter().map(|at| Operation {
        process: "nobody".into(),
        request: Bytes::from_static(FORGET),
        invoked: *at,
        answered: None,
    }));
    history
}

/// What took effect more than once, each time but one as a request whose answer nobody waits for. Only
/// two kinds of it are allowed (`exactly_once` sees to that): what a client of the documents had still
/// under way when it ended, and what another cluster executed before its state was lost, answered or
/// not: a copy of it may have waited at the server that began afresh.
fn once_more(ledger: &Ledger, history: &[Operation]) -> Vec<Operation> {
    let mut places: BTreeMap<&Bytes, usize> = BTreeMap::new();
    for body in ledger.order.values() {
        *places.entry(body).or_default() += 1;
    }
    let again = |operation: &Operation| places.get(&operation.request).map_or(0, |n| n - 1);
    let copies = history.iter().map(|operation| std::iter::repeat_n(operation, again(operation)));
    copies.flatten().map(|operation| Operation { answered: None, ..operation.clone() }).collect()
}

impl Watcher for BlackBox {
    fn name(&self) -> &'static str {
        "I10 linearizable from the outside"
    }

    fn see(&mut self, sight: &Sight<'_>, _world: &World) -> Result<(), String> {
        let Seen::Persisted(record) = sight.what else { return Ok(()) };
        let Ok(record) = rm::Record::from_text(record) else { return Ok(()) };
        if self.clusters.insert(record.view.cluster) && self.clusters.len() > 1 {
            self.losses.push(sight.at.as_micros());
        }
        Ok(())
    }

    fn end(&mut self, world: &World) -> Result<(), String> {
        let model = Forgetful(Status(Replies::BeforeAndAfter));
        let judgement = history::check(&model, &history(world.ledger(), &self.losses), BUDGET);
        if judgement.held() { Ok(()) } else { Err(judgement.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(body: &'static str, invoked: u64, answer: Option<(u64, &'static str)>) -> Operation {
        let answered = answer.map(|(at, reply)| (at, Bytes::from(reply)));
        let request = Bytes::from(body);
        Operation { process: "C1".into(), request, invoked, answered }
    }

    fn lost(at: u64) -> Operation {
        let request = Bytes::from_static(FORGET);
        Operation { process: "nobody".into(), request, invoked: at, answered: None }
    }

    #[test]
    fn the_status_is_forgotten_only_where_the_state_was_lost() {
        let model = Forgetful(Status(Replies::BeforeAndAfter));
        let held = |history: &[Operation]| history::check(&model, history, BUDGET).held();
        let before = asked("a", 1, Some((2, "?/a")));
        let after = asked("b", 5, Some((6, "?/b")));
        assert!(!held(&[before.clone(), after.clone()]), "nothing was lost");
        assert!(held(&[before.clone(), lost(3), after.clone()]));
        assert!(!held(&[before.clone(), after.clone(), lost(7)]), "lost only later");
        let again = asked("c", 8, Some((9, "?/c")));
        assert!(!held(&[before, lost(3), after, again]), "lost only once");
    }
}
