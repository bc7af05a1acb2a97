//! Whether the clients' history is linearizable (I10), in two ways that share nothing but the
//! specification of the service.
//!
//! * *By the log*: what the servers executed, in the order of their log, gives each answer at its
//!   place; together with `real-time order` (`checks`) this shows that the log is an order as it is
//!   wanted. Near-linear time, but it believes the servers' own records.
//! * *Black box*: the clients' records alone; any order will do ([`history::check`]).
//!
//! Not here: the search, and the specifications; see the crate `history`.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use history::models::{Map, Replies, Status};
use history::{Judgement, Model};

use crate::audit::{Executed, Record, What};
use crate::checks::Finding;
use crate::history::Operation;

/// How many steps the search may take; a minute of faults needs some ten thousand.
const BUDGET: u64 = 20_000_000;

/// What is replicated, as far as its answers are understood here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The status string: an answer tells the state after it.
    Status,
    /// The map of `examples/map.rs`: an answer tells the state before, too.
    Map,
    /// A service of one's own.
    Unknown,
}

const BY_THE_LOG: &str = "answers by the log";
const BLACK_BOX: &str = "black box";
const NOT_UNDERSTOOD: &str = "what this service answers is not known here";

/// Both checks.
#[must_use]
pub fn checks(
    records: &[Record],
    operations: &[Operation],
    places: &[Option<u64>],
    service: Service,
) -> [Finding; 2] {
    match service {
        Service::Status => {
            let model = Status(Replies::After);
            [by_the_log(&model, records, operations, places), black_box(&model, operations)]
        }
        Service::Map => {
            [by_the_log(&Map, records, operations, places), black_box(&Map, operations)]
        }
        Service::Unknown => {
            [BY_THE_LOG, BLACK_BOX].map(|check| Finding::skipped(check, NOT_UNDERSTOOD))
        }
    }
}

/// Every answer is what the service says at its place of the log.
fn by_the_log<M: Model>(
    model: &M,
    records: &[Record],
    operations: &[Operation],
    places: &[Option<u64>],
) -> Finding {
    let mut log: BTreeMap<u64, &Executed> = BTreeMap::new();
    for record in records {
        if let What::Executed(entry) = &record.what
            && entry.effect
        {
            log.entry(entry.sequence).or_insert(entry);
        }
    }
    let answered = operations.iter().zip(places);
    let answers: BTreeMap<u64, &Operation> =
        answered.filter_map(|(operation, place)| Some(((*place)?, operation))).collect();
    let (mut state, mut broken) = (model.initial(), Vec::new());
    for (place, entry) in log {
        let request = entry.body.as_bytes();
        let reply = answers.get(&place).and_then(|operation| operation.reply.as_deref());
        let after = model.step(&state, request, reply.map(str::as_bytes)).or_else(|| {
            let (client, number) = (entry.client, entry.number);
            let (body, reply) = (&entry.body, reply.unwrap_or_default());
            broken.push(format!(
                "{client} {number}: {body:?} at entry {place} was answered {reply:?}, in {state:?}"
            ));
            model.step(&state, request, None)
        });
        state = after.unwrap_or(state);
    }
    Finding::of(BY_THE_LOG, answers.len(), "answers are those of their places", &broken)
}

/// There is an order of what the clients asked that explains what they were told.
fn black_box<M: Model>(model: &M, operations: &[Operation]) -> Finding {
    let start = Instant::now();
    let history: Vec<history::Operation> = operations.iter().map(seen).collect();
    let judgement = history::check(model, &history, BUDGET);
    if !judgement.held() {
        return Finding::of(BLACK_BOX, history.len(), "", &[judgement.to_string()]);
    }
    let Judgement { parts, steps, .. } = judgement;
    let pending = operations.iter().filter(|operation| operation.answered.is_none()).count();
    let millis = start.elapsed().as_millis();
    let what = format!(
        "requests have an order ({pending} of them unanswered; {parts} parts, {steps} steps, \
         {millis} ms)"
    );
    Finding::of(BLACK_BOX, history.len(), &what, &[])
}

fn seen(operation: &Operation) -> history::Operation {
    let reply = operation.reply.clone().map(Bytes::from);
    history::Operation {
        process: operation.client.to_string(),
        request: operation.body.clone().into(),
        invoked: operation.invoked,
        answered: operation.answered.zip(reply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks;

    /// One request with its answer, and where it stands in the log: asked at 10 n, executed one
    /// later, answered at `10 n + 5`.
    type Row = (&'static str, &'static str, u64);

    fn judge(rows: &[Row]) -> [bool; 2] {
        let (mut records, mut operations) = (Vec::new(), Vec::new());
        for (row, (body, reply, sequence)) in (1..).zip(rows) {
            let (client, number, at) = ("C1".parse().unwrap(), row, 10 * row);
            let (body, reply) = ((*body).to_owned(), Some((*reply).to_owned()));
            let entry = Executed {
                sequence: *sequence,
                client,
                session: 1,
                number,
                effect: true,
                body: body.clone(),
            };
            let who = "S1".parse().unwrap();
            records.push(Record { at: at + 1, who, what: What::Executed(entry) });
            let answered = Some(at + 5);
            operations.push(Operation { client, number, body, invoked: at, answered, reply });
        }
        let places = checks::places(&records, &operations);
        super::checks(&records, &operations, &places, Service::Map).map(|finding| finding.held)
    }

    #[test]
    fn what_one_map_would_answer_is_accepted_both_ways() {
        assert_eq!(judge(&[("x=1", "/1", 1), ("x", "1", 2), ("x=", "1/", 3)]), [true, true]);
    }

    #[test]
    fn a_stale_answer_is_refused_both_ways() {
        assert_eq!(judge(&[("x=1", "/1", 1), ("x=2", "1/2", 2), ("x", "1", 3)]), [false, false]);
    }

    #[test]
    fn servers_that_agree_with_each_other_and_not_with_time_fool_only_the_log() {
        // The log has the question before the setting, and the answer fits the log.
        let rows = [("x=1", "/1", 2), ("x", "", 1)];
        assert_eq!(judge(&rows), [true, false]);
    }

    #[test]
    fn nothing_at_all_shows_nothing() {
        assert_eq!(judge(&[]), [false, false]);
    }
}
