//! A fail-over in phases: from a kill (or a stop) to the next reply, on the one clock of the machine.
//!
//! Each phase is the first record of its kind after the kill; one that was never recorded is
//! unknown, not zero. The longest gap of each client is measured between its answers alone.

use std::collections::BTreeMap;

use serde::Serialize;
use wire::NodeName;

use crate::audit::{Record, What};
use crate::picture::{Blow, Picture};

/// One kill or stop of a server, with microseconds from there to each phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailOver {
    /// Whom.
    pub server: String,
    /// Whether it was the primary.
    pub primary: bool,
    /// Whether it was only stopped.
    pub stopped: bool,
    /// Its LFD says `delete`, or sees the exit.
    pub detected: Option<u64>,
    /// The RM counts its members without it.
    pub deleted: Option<u64>,
    /// The RM has made and persisted a view without it.
    pub promoted: Option<u64>,
    /// The primary of that view has adopted it.
    pub adopted: Option<u64>,
    /// The first client that switches.
    pub told: Option<u64>,
    /// The first answer of any client after that view was made.
    pub reply: Option<u64>,
    /// The longest time between two answers of each client until the end of the step, or the next
    /// kill in it.
    pub gaps: BTreeMap<String, u64>,
}

/// The names of the phases, in the order of [`FailOver::phases`].
pub const PHASES: [&str; 6] = ["detected", "deleted", "view", "adopted", "told", "reply"];

impl FailOver {
    /// All phases, in order.
    #[must_use]
    pub fn phases(&self) -> [Option<u64>; 6] {
        [self.detected, self.deleted, self.promoted, self.adopted, self.told, self.reply]
    }
}

/// The phases of every kill and stop of a server; `ends` are the moments at which the steps ended, in order.
#[must_use]
pub fn fail_overs(
    records: &[Record],
    picture: &Picture,
    clients: &[NodeName],
    ends: &[u64],
) -> Vec<FailOver> {
    let kills: Vec<&Blow> = picture.blows.iter().filter(|blow| blow.server).collect();
    let one = |(index, kill): (usize, &&Blow)| {
        let step = ends.iter().copied().find(|end| *end > kill.at);
        let next = kills.get(index + 1).map(|next| next.at);
        let until = step.into_iter().chain(next).min().unwrap_or(u64::MAX);
        fail_over(records, picture, clients, kill, until)
    };
    kills.iter().enumerate().map(one).collect()
}

fn fail_over(
    records: &[Record],
    picture: &Picture,
    clients: &[NodeName],
    kill: &Blow,
    until: u64,
) -> FailOver {
    let first = |wanted: &dyn Fn(&Record) -> bool| {
        let window = records.iter().filter(|r| r.at >= kill.at && r.at < until && wanted(r));
        window.map(|record| record.at).min()
    };
    let view = picture
        .views_since(kill.at)
        .find(|view| view.at < until && !view.members.contains(&kill.name));
    let detected = first(&|record| match &record.what {
        // A server is no witness of its own end: that record is the drill's, which reaped it.
        What::Deleted(server) | What::Exited { server, .. } => {
            *server == kill.name && record.who != kill.name
        }
        _ => false,
    });
    let deleted = first(&|record| match &record.what {
        What::Members(members) => record.who.as_str() == "RM" && !members.contains(&kill.name),
        _ => false,
    });
    let adopted = view.and_then(|view| {
        first(&|record| match &record.what {
            What::ViewAdopted(other) => record.who == view.primary && other.epoch == view.epoch,
            _ => false,
        })
    });
    let told = view.and_then(|view| {
        first(&|record| matches!(record.what, What::Switched) && record.at >= view.at)
    });
    let reply = view.and_then(|view| {
        first(&|record| matches!(record.what, What::Answered { .. }) && record.at >= view.at)
    });
    let after = |at: Option<u64>| at.map(|at| at - kill.at);
    let gaps = clients
        .iter()
        .map(|client| (client.to_string(), picture.longest_gap(*client, kill.at, until)));
    FailOver {
        server: kill.name.to_string(),
        primary: kill.primary,
        stopped: kill.stopped,
        detected: after(detected),
        deleted: after(deleted),
        promoted: after(view.map(|view| view.at)),
        adopted: after(adopted),
        told: after(told),
        reply: after(reply),
        gaps: gaps.collect(),
    }
}

/// The middle and the greatest of some numbers.
#[must_use]
pub fn median_and_max(mut values: Vec<u64>) -> Option<(u64, u64)> {
    values.sort_unstable();
    Some((*values.get((values.len().max(1) - 1) / 2)?, *values.last()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::ViewSeen;

    fn name(text: &str) -> NodeName {
        text.parse().unwrap()
    }

    fn record(at: u64, who: &str, what: What) -> Record {
        Record { at, who: name(who), what }
    }

    #[test]
    fn each_phase_is_measured_from_its_kill() {
        let view = |at, epoch, members: &[&str]| ViewSeen {
            at,
            epoch,
            mode: String::new(),
            primary: name("S2"),
            members: members.iter().map(|member| name(member)).collect(),
        };
        let answer = || What::Answered { number: 1, server: name("S2"), body: String::new() };
        let records = [
            record(900, "C1", answer()),
            record(1_100, "LFD1", What::Deleted(name("S1"))),
            record(1_200, "RM", What::Members(vec![name("S2")])),
            record(1_300, "RM", What::ViewMade(view(1_300, 2, &["S2", "S3"]))),
            record(1_350, "S3", What::ViewAdopted(view(1_350, 2, &["S2", "S3"]))),
            record(1_400, "S2", What::ViewAdopted(view(1_400, 2, &["S2", "S3"]))),
            record(1_500, "C1", What::Switched),
            record(1_600, "C1", answer()),
            record(5_000, "RM", What::ViewMade(view(5_000, 3, &["S2", "S3", "S1"]))),
        ];
        let mut picture = Picture::default();
        records.iter().for_each(|record| picture.take(record));
        picture.hit(1_000, name("S1"), true, false);
        picture.hit(9_000, name("RM"), false, false);

        let all = fail_overs(&records, &picture, &[name("C1")], &[950, 1_700]);
        assert_eq!(all.len(), 1, "only servers fail over");
        let phases = [Some(100), Some(200), Some(300), Some(400), Some(500), Some(600)];
        assert_eq!(all[0].phases(), phases);
        assert_eq!(all[0].gaps["C1"], 700);
    }

    #[test]
    fn what_was_not_recorded_is_unknown() {
        let mut picture = Picture::default();
        picture.hit(1_000, name("S1"), true, false);
        let all = fail_overs(&[], &picture, &[name("C1")], &[3_000]);
        assert_eq!(all[0].phases(), [None; 6]);
        assert_eq!(all[0].gaps["C1"], 2_000);
    }

    #[test]
    fn the_median_is_the_lower_middle() {
        assert_eq!(median_and_max(vec![]), None);
        assert_eq!(median_and_max(vec![7]), Some((7, 7)));
        assert_eq!(median_and_max(vec![9, 1, 5, 3]), Some((3, 9)));
    }
}
