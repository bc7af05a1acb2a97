//! What must hold of a run, as pure functions over its audit records.
//!
//! Each check gives a [`Finding`]: whether it held, and what was counted or what broke it. A check
//! that had nothing to look at does not hold: silence proves nothing.
//!
//! Guarantee: each of them fails on a history that breaks it (the tests below break every one).
//! Not here: reading files, asking servers, and deciding what to do about a failure.

use std::collections::{BTreeMap, HashMap};

use wire::NodeName;

use crate::audit::{Executed, Record, What};
use crate::history::Operation;

/// The verdict of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check, in a few words.
    pub check: &'static str,
    /// Whether it held.
    pub held: bool,
    /// How many violations there were, where they can be counted.
    pub violations: usize,
    /// What was looked at, or the first violation; why, where the check was skipped.
    pub detail: String,
    /// Whether there was a reason not to check at all.
    pub skipped: bool,
}

impl Finding {
    /// The verdict over `looked_at` things of which `broken` broke the rule.
    pub(crate) fn of(check: &'static str, looked_at: usize, what: &str, broken: &[String]) -> Self {
        let detail = match broken.first() {
            Some(first) if broken.len() == 1 => first.clone(),
            Some(first) => format!("{first} (and {} more)", broken.len() - 1),
            None if looked_at == 0 => format!("no {what} were seen, so nothing is proven"),
            None => format!("{looked_at} {what}"),
        };
        let held = broken.is_empty() && looked_at > 0;
        Self { check, held, violations: broken.len(), detail, skipped: false }
    }

    /// A check that does not apply to this run; it breaks nothing, and the report says why.
    pub(crate) fn skipped(check: &'static str, why: &str) -> Self {
        Self { check, held: true, violations: 0, detail: why.into(), skipped: true }
    }
}

/// What a server says of itself at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalState {
    /// Which server.
    pub server: NodeName,
    /// Whether it is the primary.
    pub primary: bool,
    /// Its epoch.
    pub epoch: u64,
    /// Its last committed entry.
    pub committed: u64,
    /// Its last executed entry.
    pub executed: u64,
    /// The digest of its state after that.
    pub digest: String,
}

/// The executed entries of all servers, by their place.
fn executed(records: &[Record]) -> impl Iterator<Item = (NodeName, u64, &Executed)> {
    records.iter().filter_map(|record| match &record.what {
        What::Executed(entry) => Some((record.who, record.at, entry)),
        _ => None,
    })
}

/// No place of the log has two contents, in any server's audit (I5).
#[must_use]
pub fn no_divergence(records: &[Record]) -> Finding {
    let mut first: HashMap<u64, (NodeName, &Executed)> = HashMap::new();
    let mut broken = Vec::new();
    for (who, _, entry) in executed(records) {
        let (other, known) = *first.entry(entry.sequence).or_insert((who, entry));
        let same = (known.client, known.session, known.number)
            == (entry.client, entry.session, entry.number);
        if !same || known.body != entry.body {
            broken.push(format!(
                "entry {}: {other} executed {}, {who} executed {}",
                entry.sequence,
                describe(known),
                describe(entry)
            ));
        }
    }
    Finding::of("no divergence", first.len(), "entries with one content each", &broken)
}

/// No request takes effect at two places of the log (I9).
#[must_use]
pub fn executed_once(records: &[Record]) -> Finding {
    let mut place: HashMap<(NodeName, u64, u64), u64> = HashMap::new();
    let mut broken = Vec::new();
    for (who, _, entry) in executed(records).filter(|(_, _, entry)| entry.effect) {
        let key = (entry.client, entry.session, entry.number);
        let first = *place.entry(key).or_insert(entry.sequence);
        if first != entry.sequence {
            broken.push(format!(
                "{} took effect at {first} and, at {who}, at {}",
                describe(entry),
                entry.sequence
            ));
        }
    }
    Finding::of("executed twice", place.len(), "requests that took effect once", &broken)
}

/// Where each answered operation took effect; `None` for one that never did.
///
/// An answer does not name its session, so the place is the one whose first execution lies between
/// the invocation and the answer; both clocks are the machine's.
#[must_use]
pub fn places(records: &[Record], operations: &[Operation]) -> Vec<Option<u64>> {
    let mut first: BTreeMap<(NodeName, u64, u64), (u64, &Executed)> = BTreeMap::new();
    for (_, at, entry) in executed(records).filter(|(_, _, entry)| entry.effect) {
        let key = (entry.client, entry.number, entry.sequence);
        let known = first.entry(key).or_insert((at, entry));
        known.0 = known.0.min(at);
    }
    let place = |operation: &Operation| {
        let answered = operation.answered?;
        let from = (operation.client, operation.number, 0);
        let to = (operation.client, operation.number, u64::MAX);
        first
            .range(from..=to)
            .find(|(_, (at, entry))| {
                (operation.invoked..=answered).contains(at) && entry.body == operation.body
            })
            .map(|((_, _, sequence), _)| *sequence)
    };
    operations.iter().map(place).collect()
}

/// Every acknowledged request took effect, and the survivors' state is at least that far (I4).
#[must_use]
pub fn nothing_lost(
    operations: &[Operation],
    places: &[Option<u64>],
    finals: &[FinalState],
) -> Finding {
    let reached = finals.iter().map(|state| state.executed).max();
    let mut broken = Vec::new();
    let mut acknowledged = 0;
    for (operation, place) in operations.iter().zip(places) {
        if operation.answered.is_none() {
            continue;
        }
        acknowledged += 1;
        let what = format!("{} {} ({})", operation.client, operation.number, operation.body);
        match (place, reached) {
            (None, _) => broken.push(format!("{what} was answered and no server executed it")),
            (Some(place), Some(reached)) if *place > reached => broken.push(format!(
                "{what} was answered at entry {place}, the members stand at {reached}"
            )),
            _ => {}
        }
    }
    let what = "acknowledged requests are in the members' state";
    let mut finding = Finding::of("lost", acknowledged, what, &broken);
    if finding.held && reached.is_none() {
        finding.held = false;
        finding.detail = "no member could be asked how far its state is".into();
    }
    finding
}

/// Equal sequence, equal digest, whoever computed it (I6). Of several replicas at least two have to
/// have told a digest of the same place.
#[must_use]
pub fn digests_agree(records: &[Record], replicas: usize) -> Finding {
    let mut first: HashMap<u64, (NodeName, &str)> = HashMap::new();
    let mut compared = 0;
    let mut broken = Vec::new();
    for record in records {
        match &record.what {
            What::Digest { sequence, digest } => {
                let (other, known) = *first.entry(*sequence).or_insert((record.who, digest));
                compared += usize::from(other != record.who);
                if known != digest {
                    broken.push(format!(
                        "after entry {sequence}: {other} has {known}, {} has {digest}",
                        record.who
                    ));
                }
            }
            What::Diverged(server) => {
                broken.push(format!("{} found {server} diverged", record.who))
            }
            _ => {}
        }
    }
    let looked_at = if replicas > 1 { compared } else { first.len() };
    Finding::of("digests equal", looked_at, "digests compared between servers", &broken)
}

/// At the end all members are in one epoch, hold the same committed log, and whoever executed as
/// far as the primary has its digest. In active mode everyone has to have executed that far.
#[must_use]
pub fn members_agree(finals: &[FinalState], active: bool) -> Finding {
    let mut broken = Vec::new();
    match finals.iter().find(|state| state.primary) {
        None => broken.push("no member says that it is the primary".to_owned()),
        Some(primary) => {
            for state in finals {
                broken.extend(differences(primary, state, active));
            }
        }
    }
    Finding::of("members agree", finals.len(), "members with equal state", &broken)
}

fn differences(primary: &FinalState, state: &FinalState, active: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, ours: &dyn std::fmt::Display, theirs: &dyn std::fmt::Display| {
        found.push(format!("{what}: {} has {ours}, {} has {theirs}", primary.server, state.server));
    };
    if primary.epoch != state.epoch {
        differ("epoch", &primary.epoch, &state.epoch);
    }
    if primary.committed != state.committed {
        differ("committed", &primary.committed, &state.committed);
    }
    if active && primary.executed != state.executed {
        differ("executed", &primary.executed, &state.executed);
    }
    if primary.executed == state.executed && primary.digest != state.digest {
        differ("digest", &primary.digest, &state.digest);
    }
    found
}

/// The `status` service's reply carries the new state: the request's body. And no answer came
/// without a request, or twice. What another service (`status` is false) answers is not known here.
#[must_use]
pub fn answers_match(operations: &[Operation], strays: &[String], status: bool) -> Finding {
    let mut broken = strays.to_vec();
    let mut answered = 0;
    for operation in operations {
        let Some(reply) = &operation.reply else { continue };
        answered += 1;
        if status && *reply != operation.body {
            broken.push(format!(
                "{} {}: asked for {:?}, was answered {reply:?}",
                operation.client, operation.number, operation.body
            ));
        }
    }
    let what = if status { "answers carry the state that was asked for" } else { "answers" };
    Finding::of("answers match", answered, what, &broken)
}

/// What was answered before something else was asked stands before it in the log, over all clients:
/// with one log this is what makes the clients' history linearizable (I10).
#[must_use]
pub fn real_time_order(operations: &[Operation], places: &[Option<u64>]) -> Finding {
    let mut asked: Vec<(u64, u64, usize)> = Vec::new();
    let mut answered: Vec<(u64, u64, usize)> = Vec::new();
    for (index, (operation, place)) in operations.iter().zip(places).enumerate() {
        if let (Some(place), Some(at)) = (place, operation.answered) {
            asked.push((operation.invoked, *place, index));
            answered.push((at, *place, index));
        }
    }
    asked.sort_unstable();
    answered.sort_unstable();
    let mut broken = Vec::new();
    let mut done = answered.iter().peekable();
    let mut highest: Option<(u64, usize)> = None;
    for (invoked, place, index) in &asked {
        while let Some((_, earlier, which)) = done.next_if(|(at, _, _)| at < invoked) {
            if highest.is_none_or(|(known, _)| *earlier > known) {
                highest = Some((*earlier, *which));
            }
        }
        if let Some((earlier, which)) = highest.filter(|(earlier, _)| earlier >= place) {
            let (first, second) = (&operations[which], &operations[*index]);
            broken.push(format!(
                "{} {} was answered at entry {earlier}, and {} {}, asked later, stands at {place}",
                first.client, first.number, second.client, second.number
            ));
        }
    }
    Finding::of("real-time order", asked.len(), "answered requests in the order of time", &broken)
}

/// How a server ends that finds another run of itself (`node::RUNS_ALREADY`).
const NAME_TAKEN: &str = "exit code 3";

/// Every server that ended was killed by the drill or by its detector (`ours`: kills by the drill),
/// and no other process ended by itself (`strays`).
#[must_use]
pub fn no_uncalled_death(
    records: &[Record],
    ours: &[(u64, NodeName)],
    strays: &[String],
) -> Finding {
    let mut kills: BTreeMap<NodeName, Vec<u64>> = BTreeMap::new();
    let mut exits: BTreeMap<NodeName, Vec<(u64, &str)>> = BTreeMap::new();
    for (at, server) in ours {
        kills.entry(*server).or_default().push(*at);
    }
    let mut running = 0;
    for record in records {
        match &record.what {
            What::Killed(server) => kills.entry(*server).or_default().push(record.at),
            // The end of an adopted server is seen twice, and better by the drill, which reaps it.
            What::Exited { how, .. } if how == "gone" => {}
            // A detector that cannot hear its server launches another; that one finds the name taken.
            What::Exited { how, .. } if how == NAME_TAKEN => {}
            What::Exited { server, how } => {
                exits.entry(*server).or_default().push((record.at, how))
            }
            What::Running { .. } => running += 1,
            _ => {}
        }
    }
    let mut broken = strays.to_vec();
    for (server, mut ends) in exits {
        let mut called = kills.remove(&server).unwrap_or_default();
        called.sort_unstable();
        ends.sort_unstable();
        let mut before = 0;
        for (at, how) in ends {
            if !called.iter().any(|kill| (before..=at).contains(kill)) {
                broken.push(format!("{server} ended by itself: {how}"));
            }
            before = at;
        }
    }
    Finding::of("no uncalled death", running, "launches, and every end was called for", &broken)
}

/// Every line of every audit file could be read: what cannot be read cannot be checked.
#[must_use]
pub fn readable(garbled: &[String], records: usize) -> Finding {
    Finding::of("audit readable", records, "records", garbled)
}

fn describe(entry: &Executed) -> String {
    format!("{} {} {:?} of session {}", entry.client, entry.number, entry.body, entry.session)
}

#[cfg(test)]
#[path = "checks_tests.rs"]
mod tests;
