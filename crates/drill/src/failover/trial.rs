//! One fail-over, from the records of all processes: how long the client waited, and for what.
//!
//! Every moment is one record's, on the one clock of the machine. A phase lasts from the moment
//! before it that is known to its own; what was never recorded has no duration.
//!
//! Not here: doing anything to anybody; see `series`.

use serde::Serialize;
use wire::{Mode, NodeName};

use super::cause::Cause;
use crate::audit::{Record, ViewSeen, What};

/// The phases, in order, each with the moment at which it ends. `told` begins with the view, like
/// `adopted`; `answer` begins when both ways have come to their end.
pub const PHASES: [(&str, &str); 8] = [
    ("seen", "from the kill or stop until an LFD has seen it, or the primary complains"),
    ("gfd", "until the GFD counts its members without it"),
    ("rm", "until the RM has heard of it"),
    ("view", "until the RM has made the next view: it is on the disk"),
    ("adopted", "until the primary of that view has adopted it"),
    ("committed", "until that primary has committed all that was under way"),
    ("told", "from the view until the client knows whom to ask now"),
    ("answer", "from the later of these two until the client's next answer"),
];

/// One fail-over; all times in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// The mode.
    #[serde(serialize_with = "word")]
    pub mode: Mode,
    /// What was done.
    pub cause: Cause,
    /// To whom.
    pub server: String,
    /// Whose word the view is owed to, and what that was: `LFD1 exit`, `LFD1 refusal` (a lost
    /// connection, and no new one), `LFD1 silence`, `S1 complaint`.
    pub seen: String,
    /// From the last answer before to the next one after, as the client sees it.
    pub outage: u64,
    /// From the kill or stop to that next answer.
    pub after: u64,
    /// How long each of [`PHASES`] lasted.
    pub phases: [Option<u64>; PHASES.len()],
}

/// A kill or a stop.
#[derive(Debug, Clone, Copy)]
pub struct Deed {
    /// The mode of the cluster.
    pub mode: Mode,
    /// What.
    pub cause: Cause,
    /// To whom.
    pub victim: NodeName,
    /// When.
    pub at: u64,
}

/// What a client saw of it.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// Who.
    pub client: NodeName,
    /// Its last answer before.
    pub before: u64,
    /// Its next answer after.
    pub after: u64,
}

/// The view that answers the deed: the first one after it without the victim.
#[must_use]
pub fn view_without(records: &[Record], deed: Deed) -> Option<&ViewSeen> {
    let without = |record: &Record| match &record.what {
        What::ViewMade(view) => view.at >= deed.at && !view.members.contains(&deed.victim),
        _ => false,
    };
    match &records.iter().find(|record| without(record))?.what {
        What::ViewMade(view) => Some(view),
        _ => None,
    }
}

impl Trial {
    /// The trial that these records tell of: those since the deed, of all processes.
    #[must_use]
    pub fn new(records: &[Record], deed: Deed, view: &ViewSeen, wait: Wait) -> Self {
        let first = |wanted: &dyn Fn(&Record) -> bool| {
            let moments = records.iter().filter(|r| r.at >= deed.at && wanted(r)).map(|r| r.at);
            moments.min()
        };
        let by_primary = |record: &Record| record.who == view.primary && record.at >= view.at;
        let adopted = first(&|record| match &record.what {
            What::ViewAdopted(other) => by_primary(record) && other.epoch == view.epoch,
            _ => false,
        });
        let committed = first(
            &|record| matches!(record.what, What::TailCommitted(epoch) if epoch == view.epoch),
        );
        let told = first(&|record| {
            matches!(record.what, What::Switched)
                && record.who == wait.client
                && record.at >= view.at
        });
        let way = Way::up(records, deed, view);
        let chain = [way.seen, way.gfd, way.rm, Some(view.at)];
        let mut phases = [None; PHASES.len()];
        let mut since = deed.at;
        for (phase, moment) in phases.iter_mut().zip(chain.into_iter().chain([adopted, committed]))
        {
            *phase = moment.map(|moment| moment.saturating_sub(since));
            since = moment.unwrap_or(since).max(since);
        }
        phases[6] = told.map(|told| told - view.at);
        phases[7] = Some(wait.after.saturating_sub(since.max(told.unwrap_or(0))));
        Self {
            mode: deed.mode,
            cause: deed.cause,
            server: deed.victim.to_string(),
            seen: way.by,
            outage: wait.after - wait.before,
            after: wait.after - deed.at,
            phases,
        }
    }
}

/// The way on which the RM heard of it in time for its view.
#[derive(Default)]
struct Way {
    by: String,
    seen: Option<u64>,
    gfd: Option<u64>,
    rm: Option<u64>,
}

impl Way {
    /// What the detectors say counts as soon as the RM knows it; before that, a complaint of another
    /// server may have been enough. Both come over the GFD, which passes complaints on in silence.
    fn up(records: &[Record], deed: Deed, view: &ViewSeen) -> Self {
        let since = || records.iter().filter(|record| record.at >= deed.at);
        let first = |wanted: &dyn Fn(&Record) -> bool| {
            since().filter(|record| wanted(record)).min_by_key(|record| record.at)
        };
        let without = |record: &Record| matches!(&record.what, What::Members(members) if !members.contains(&deed.victim));
        let complains = |record: &Record| record.what == What::Suspected(deed.victim);
        let at = |who: &'static str| move |record: &Record| record.who.as_str() == who;
        let told = first(&|record| at("RM")(record) && without(record));
        if let Some(rm) = told.filter(|record| record.at <= view.at) {
            let gfd = first(&|record| at("GFD")(record) && without(record)).map(|r| r.at);
            let lfd = first(&|record| evidence(record, deed.victim).is_some());
            let how = lfd.and_then(|record| Some((record.who, evidence(record, deed.victim)?)));
            let by = how.map_or_else(String::new, |(who, how)| format!("{who} {how}"));
            return Self { by, seen: lfd.map(|record| record.at), gfd, rm: Some(rm.at) };
        }
        let Some(rm) = first(&|record| at("RM")(record) && complains(record)) else {
            return Self::default();
        };
        let by = first(&|record| !at("RM")(record) && complains(record));
        let who = by.map_or_else(String::new, |record| format!("{} complaint", record.who));
        Self { by: who, seen: by.map(|record| record.at), gfd: None, rm: Some(rm.at) }
    }
}

/// What a detector has seen of a server. A server is no witness of its own end: that record is the
/// drill's, which reaped it.
fn evidence(record: &Record, victim: NodeName) -> Option<&'static str> {
    match &record.what {
        _ if record.who == victim => None,
        What::Exited { server, .. } if *server == victim => Some("exit"),
        What::Silent(server) if *server == victim => Some("silence"),
        What::Deleted(server) if *server == victim => Some("refusal"),
        _ => None,
    }
}

fn word<S: serde::Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(mode.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NodeName {
        text.parse().unwrap()
    }

    fn record(at: u64, who: &str, what: What) -> Record {
        Record { at, who: name(who), what }
    }

    fn view(at: u64, epoch: u64, members: &[&str]) -> ViewSeen {
        let members = members.iter().map(|member| name(member)).collect();
        ViewSeen { at, epoch, mode: String::new(), primary: name("S2"), members }
    }

    fn deed(cause: &str) -> Deed {
        Deed { mode: Mode::Passive, cause: cause.parse().unwrap(), victim: name("S1"), at: 1_000 }
    }

    fn trial(records: &[Record], deed: Deed) -> Trial {
        let view = view_without(records, deed).unwrap();
        let wait = Wait { client: name("C1"), before: 980, after: 2_000 };
        Trial::new(records, deed, view, wait)
    }

    #[test]
    fn a_killed_primary_is_told_of_on_two_ways() {
        let records = [
            record(900, "LFD1", What::Deleted(name("S1"))),
            record(1_100, "LFD1", What::Deleted(name("S1"))),
            record(1_110, "LFD1", What::Exited { server: name("S1"), how: "signal 9".into() }),
            record(1_111, "S1", What::Exited { server: name("S1"), how: "signal 9".into() }),
            record(1_150, "GFD", What::Members(vec![name("S2"), name("S3")])),
            record(1_220, "RM", What::Members(vec![name("S2"), name("S3")])),
            record(1_700, "RM", What::ViewMade(view(1_700, 4, &["S2", "S3"]))),
            record(1_760, "C1", What::Switched),
            record(1_790, "S3", What::ViewAdopted(view(1_790, 4, &["S2", "S3"]))),
            record(1_800, "S2", What::ViewAdopted(view(1_800, 4, &["S2", "S3"]))),
            record(1_950, "S2", What::TailCommitted(4)),
        ];
        let trial = trial(&records, deed("kill primary"));
        assert_eq!(trial.phases, [100, 50, 70, 480, 100, 150, 60, 50].map(Some));
        assert_eq!((trial.outage, trial.after), (1_020, 1_000));
        assert_eq!(trial.seen, "LFD1 refusal");
    }

    #[test]
    fn a_complaint_passes_the_gfd_unseen_and_not_every_client_has_to_switch() {
        let records = [
            record(1_250, "S2", What::Suspected(name("S1"))),
            record(1_300, "RM", What::Suspected(name("S1"))),
            record(1_700, "RM", What::ViewMade(view(1_700, 4, &["S2", "S3"]))),
            record(1_720, "RM", What::Members(vec![name("S2"), name("S3")])),
            record(1_800, "S2", What::ViewAdopted(view(1_800, 4, &["S2", "S3"]))),
            record(1_850, "S2", What::TailCommitted(4)),
        ];
        let trial = trial(&records, deed("stop backup"));
        let (some, none) = (Some, None);
        let phases = [some(250), none, some(50), some(400), some(100), some(50), none, some(150)];
        assert_eq!(trial.phases, phases);
        assert_eq!(trial.seen, "S2 complaint");
    }

    #[test]
    fn a_view_that_keeps_the_victim_is_not_the_answer() {
        let records = [
            record(1_100, "RM", What::ViewMade(view(1_100, 4, &["S1", "S2"]))),
            record(1_200, "RM", What::ViewMade(view(1_200, 5, &["S2"]))),
        ];
        assert_eq!(view_without(&records, deed("kill primary")).unwrap().epoch, 5);
        assert!(view_without(&records[..1], deed("kill primary")).is_none());
    }
}
