//! The verdict of a drill: its steps, its checks, and what each kill cost.
//!
//! Guarantee: a report holds only if every step and every check held.

use std::fmt::Write as _;

use serde::Serialize;

use crate::checks::{self, FinalState, Finding};
use crate::history;
use crate::linearizable::{self, Service};
use crate::nemesis::storm::Done;
use crate::phases::{self, FailOver, PHASES, median_and_max};
use crate::play::Outcome;
use crate::printed;
use crate::world::World;

/// Each kill has a line of its own up to this many; beyond it there are only the medians.
const LINES: usize = 8;

/// The verdict of a drill.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Which drill.
    pub drill: String,
    /// Whether every step and every check held.
    pub held: bool,
    /// The steps that were played.
    pub steps: Vec<Outcome>,
    /// Requests that a client has an answer to.
    pub acknowledged: usize,
    /// Of those, the ones that are not in the members' state.
    pub lost: usize,
    /// Requests that took effect more than once.
    pub executed_twice: usize,
    /// Whether digests and final states agree.
    pub digests_equal: bool,
    /// Every check.
    pub checks: Vec<Check>,
    /// Every kill and stop of a server, in microseconds.
    pub kills: Vec<FailOver>,
    /// The seed of a random drill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What was done in a random drill.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deeds: Vec<Done>,
}

/// One check, for programs.
#[derive(Debug, Serialize)]
pub struct Check {
    /// Its name.
    pub check: &'static str,
    /// Whether it held.
    pub held: bool,
    /// What was counted, or the first violation; why, where it was skipped.
    pub detail: String,
    /// Whether it does not apply to this run.
    pub skipped: bool,
}

/// What the members say of themselves when the clients have ended; or why they could not be asked.
pub type Finals = Result<Vec<FinalState>, String>;

impl Report {
    /// Judges a run.
    #[must_use]
    pub fn new(
        drill: &str,
        world: &World,
        steps: Vec<Outcome>,
        all: usize,
        finals: &Finals,
    ) -> Self {
        let records = &world.records;
        let (operations, strays) = history::operations(records);
        let places = checks::places(records, &operations);
        let states = finals.as_deref().unwrap_or_default();
        let active = world.picture.view().is_some_and(|view| view.mode == "active");
        let kills: Vec<_> = {
            let blows = world.picture.blows.iter().filter(|blow| !blow.stopped);
            blows.map(|blow| (blow.at, blow.name)).collect()
        };
        let mut agree = checks::members_agree(states, active);
        if let Err(why) = finals {
            agree.detail.clone_from(why);
        }
        let lost = checks::nothing_lost(&operations, &places, states);
        let twice = checks::executed_once(records);
        let digests = checks::digests_agree(records, world.plan.settings.replicas);
        let (lost_count, twice_count) = (lost.violations, twice.violations);
        let digests_equal = digests.held && agree.held;
        let service = service(world);
        let mut findings = vec![
            lost,
            twice,
            checks::no_divergence(records),
            digests,
            agree,
            checks::answers_match(&operations, &strays, service == Service::Status),
            checks::real_time_order(&operations, &places),
            checks::no_uncalled_death(records, &kills, &world.strays),
            checks::readable(&world.garbled(), records.len()),
        ];
        findings.extend(linearizable::checks(records, &operations, &places, service));
        findings.extend(printed_states(world));
        let ends: Vec<u64> = steps.iter().map(|step| step.ended).collect();
        let played = steps.len() == all && steps.iter().all(|step| step.held);
        Self {
            drill: drill.into(),
            held: played && findings.iter().all(|finding| finding.held),
            acknowledged: operations
                .iter()
                .filter(|operation| operation.answered.is_some())
                .count(),
            lost: lost_count,
            executed_twice: twice_count,
            digests_equal,
            kills: phases::fail_overs(records, &world.picture, &world.clients, &ends),
            seed: None,
            deeds: Vec::new(),
            steps,
            checks: findings.into_iter().map(Check::from).collect(),
        }
    }

    /// Takes in one more check.
    pub fn add(&mut self, finding: Finding) {
        self.held = self.held && finding.held;
        self.checks.push(finding.into());
    }

    /// The summary, for people; the steps were told before.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = self.checked();
        text.push_str(&self.kills_table());
        let verdict = if self.held { "held" } else { "FAILED" };
        let _ = writeln!(text, "drill {}: {verdict}", self.drill);
        text
    }

    /// What was checked, for people.
    #[must_use]
    pub fn checked(&self) -> String {
        let mut text = String::new();
        let yes = if self.digests_equal { "yes" } else { "NO" };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "acknowledged {}, lost {}, executed twice {}, digests equal {yes}",
            self.acknowledged, self.lost, self.executed_twice
        );
        for check in &self.checks {
            let verdict = match (check.held, check.skipped) {
                (_, true) => "skip  ",
                (true, _) => "ok    ",
                (false, _) => "FAILED",
            };
            let _ = writeln!(text, "  {verdict} {:<20} {}", check.check, check.detail);
        }
        text
    }

    fn kills_table(&self) -> String {
        let Some(first) = self.kills.first() else { return String::new() };
        let clients: Vec<&String> = first.gaps.keys().collect();
        let mut text = format!("milliseconds after the kill {:<5}", "");
        for phase in PHASES {
            let _ = write!(text, "{phase:>10}");
        }
        for client in &clients {
            let _ = write!(text, "{:>10}", format!("{client} gap"));
        }
        text.push('\n');
        let row = |name: &str, values: Vec<Option<u64>>| {
            let cell = |value: Option<u64>| match value {
                Some(micros) => format!("{:>10.1}", micros as f64 / 1000.0),
                None => format!("{:>10}", "-"),
            };
            let cells: String = values.into_iter().map(cell).collect();
            format!("  {name:<31}{cells}\n")
        };
        let columns = |kill: &FailOver| -> Vec<Option<u64>> {
            let gaps = clients.iter().map(|client| kill.gaps.get(*client).copied());
            kill.phases().into_iter().chain(gaps).collect()
        };
        if self.kills.len() <= LINES {
            for (index, kill) in self.kills.iter().enumerate() {
                let role = if kill.primary { "primary" } else { "backup" };
                let role = if kill.stopped { format!("{role}, stopped") } else { role.into() };
                text += &row(&format!("{}: {} ({role})", index + 1, kill.server), columns(kill));
            }
        }
        if self.kills.len() > 1 {
            let column = |place: usize| {
                let values = self.kills.iter().filter_map(|kill| columns(kill)[place]).collect();
                median_and_max(values)
            };
            let all: Vec<_> = (0..columns(first).len()).map(column).collect();
            let name = format!("median of {}", self.kills.len());
            text += &row(&name, all.iter().map(|both| both.map(|(median, _)| median)).collect());
            text += &row("longest", all.iter().map(|both| both.map(|(_, max)| max)).collect());
        }
        text
    }
}

impl From<Finding> for Check {
    fn from(finding: Finding) -> Self {
        let Finding { check, held, detail, skipped, .. } = finding;
        Self { check, held, detail, skipped }
    }
}

/// What a run replicates.
fn service(world: &World) -> Service {
    match (&world.plan.settings.server_bin, world.plan.settings.map) {
        (Some(_), _) => Service::Unknown,
        (None, Some(_)) => Service::Map,
        (None, None) => Service::Status,
    }
}

/// What the servers printed, where it can be compared; a log that cannot be read is a failure.
fn printed_states(world: &World) -> Option<Finding> {
    let modes: Vec<&str> = world.picture.views.iter().map(|view| view.mode.as_str()).collect();
    let blows = world.picture.blows.iter().filter(|blow| !blow.stopped);
    let again = blows.into_iter().any(|blow| world.clients.contains(&blow.name));
    match printed::check(&world.plan, &modes, again) {
        Ok(finding) => finding,
        Err(error) => Some(Finding::of("printed states agree", 0, "", &[error.to_string()])),
    }
}

/// One step, for people.
#[must_use]
pub fn step_line(number: usize, outcome: &Outcome) -> String {
    let verdict = if outcome.held { "ok    " } else { "FAILED" };
    let seconds = outcome.millis as f64 / 1000.0;
    let (title, detail) = (&outcome.title, &outcome.detail);
    let line = format!("{number:>3} {verdict} {seconds:>6.2} s  {title}");
    if outcome.held { format!("{line} [{detail}]") } else { format!("{line}\n{:21}{detail}", "") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kills: usize) -> Report {
        let kill = |number: usize| FailOver {
            server: "S1".into(),
            primary: number.is_multiple_of(2),
            stopped: false,
            detected: Some(1_000 * number as u64),
            deleted: None,
            promoted: Some(3_000),
            adopted: Some(4_000),
            told: Some(5_000),
            reply: Some(6_000),
            gaps: [("C1".to_owned(), 7_000)].into(),
        };
        Report {
            drill: "test".into(),
            held: true,
            steps: Vec::new(),
            acknowledged: 10,
            lost: 0,
            executed_twice: 0,
            digests_equal: true,
            checks: vec![Check {
                check: "lost",
                held: true,
                detail: "10 requests".into(),
                skipped: false,
            }],
            kills: (0..kills).map(kill).collect(),
            seed: None,
            deeds: Vec::new(),
        }
    }

    #[test]
    fn the_summary_says_what_was_counted_and_what_a_kill_cost() {
        let text = report(1).summary();
        let first = "acknowledged 10, lost 0, executed twice 0, digests equal yes\n";
        assert!(text.starts_with(first), "{text}");
        let row = text.lines().find(|line| line.contains("1: S1 (primary)")).unwrap();
        let cells: Vec<&str> = row.split_whitespace().skip(3).collect();
        assert_eq!(cells, ["0.0", "-", "3.0", "4.0", "5.0", "6.0", "7.0"]);
        assert!(!text.contains("median"), "{text}");
        assert!(text.ends_with("drill test: held\n"), "{text}");
    }

    #[test]
    fn of_many_kills_only_the_middle_and_the_longest_are_told() {
        let text = report(21).summary();
        assert!(!text.contains("1: S1"), "{text}");
        let cell = |name: &str| {
            let row = text.lines().find(|line| line.contains(name)).unwrap();
            row[33..].split_whitespace().next().unwrap().to_owned()
        };
        assert_eq!((cell("median of 21"), cell("longest")), ("10.0".into(), "20.0".into()));
    }

    #[test]
    fn a_failed_step_says_what_was_awaited() {
        let outcome = |held, detail: &str| Outcome {
            title: "kill S1".into(),
            held,
            millis: 1_234,
            ended: 0,
            detail: detail.into(),
        };
        assert_eq!(
            step_line(3, &outcome(true, "killed S1")),
            "  3 ok       1.23 s  kill S1 [killed S1]"
        );
        let failed = step_line(3, &outcome(false, "awaited `3 in view`"));
        assert_eq!(
            failed,
            "  3 FAILED   1.23 s  kill S1\n                     awaited `3 in view`"
        );
    }
}
