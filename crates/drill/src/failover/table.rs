//! The figures of many trials, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use wire::Mode;

use super::cause::Cause;
use super::stats::Spread;
use super::trial::{PHASES, Trial};
use crate::plan::Settings;
use crate::report::Report;

/// What detection depends on; it is said beside the figures.
#[derive(Debug, Serialize)]
pub struct Conditions {
    /// How many servers.
    pub replicas: usize,
    /// How many clients, each with one request under way at all times.
    pub clients: usize,
    /// From one heartbeat of an LFD (and of the GFD) to the next, in milliseconds.
    pub heartbeat_ms: u64,
    /// After how long a silence a server is taken for dead, in milliseconds.
    pub timeout_ms: u64,
    /// From one checkpoint to the next, in milliseconds.
    pub checkpoint_ms: u64,
}

/// All trials of one cause in one mode.
#[derive(Debug, Serialize)]
pub struct Row {
    /// `active` or `passive`.
    pub mode: &'static str,
    /// What was done.
    pub cause: Cause,
    /// From the last answer before to the next one after, in microseconds.
    pub outage: Option<Spread>,
    /// From the kill or stop to the next answer, in microseconds.
    pub after: Option<Spread>,
    /// How long each phase lasted, by its name, in microseconds.
    pub phases: BTreeMap<&'static str, Spread>,
    /// How heard of of it: how often.
    pub seen: BTreeMap<String, usize>,
}

/// Everything that was measured, and whether nothing was lost meanwhile.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Whether all trials were made, and every check held.
    pub held: bool,
    /// Under which conditions.
    pub conditions: Conditions,
    /// The distributions.
    pub rows: Vec<Row>,
    /// The checks of every cluster that was measured.
    pub checks: Vec<Report>,
    /// Why it ended before its time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// Every trial.
    pub trials: Vec<Trial>,
}

impl Conditions {
    /// The conditions of a cluster.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let millis =
            |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            replicas: settings.replicas,
            clients: settings.clients,
            heartbeat_ms: millis(settings.heartbeat),
            timeout_ms: millis(settings.timeout()),
            checkpoint_ms: millis(settings.checkpoint),
        }
    }

    /// The same, for people.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { replicas, clients, heartbeat_ms, timeout_ms, checkpoint_ms } = self;
        format!(
            "{replicas} servers, {clients} client(s) in a closed loop; heartbeats every \
             {heartbeat_ms} ms, timeout {timeout_ms} ms, checkpoints every {checkpoint_ms} ms"
        )
    }
}

/// The distributions, in the order in which modes and causes first occur.
#[must_use]
pub fn rows(trials: &[Trial]) -> Vec<Row> {
    let mut kinds: Vec<(Mode, Cause)> = Vec::new();
    for trial in trials {
        if !kinds.contains(&(trial.mode, trial.cause)) {
            kinds.push((trial.mode, trial.cause));
        }
    }
    kinds.into_iter().map(|(mode, cause)| row(trials, mode, cause)).collect()
}

fn row(trials: &[Trial], mode: Mode, cause: Cause) -> Row {
    let of = |trial: &&Trial| trial.mode == mode && trial.cause == cause;
    let trials: Vec<&Trial> = trials.iter().filter(of).collect();
    let phase = |(place, (name, _)): (usize, &(&'static str, &str))| {
        let values = trials.iter().filter_map(|trial| trial.phases[place]).collect();
        Some((*name, Spread::of(values)?))
    };
    let mut seen = BTreeMap::new();
    for trial in &trials {
        // Whose LFD it was depends on whose turn it was to die.
        let how = trial.seen.split_once(' ').map_or("nobody", |(_, how)| how);
        *seen.entry(how.to_owned()).or_default() += 1;
    }
    Row {
        mode: mode.as_str(),
        cause,
        outage: Spread::of(trials.iter().map(|trial| trial.outage).collect()),
        after: Spread::of(trials.iter().map(|trial| trial.after).collect()),
        phases: PHASES.iter().enumerate().filter_map(phase).collect(),
        seen,
    }
}

impl Figures {
    /// The tables, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.conditions.line());
        // Writing to a string does not fail.
        for row in &self.rows {
            let trials = row.outage.map_or(0, |outage| outage.count);
            let seen: Vec<String> =
                row.seen.iter().map(|(how, count)| format!("{count} by {how}")).collect();
            let title = format!("{}, {}: {trials} trials", row.mode, row.cause);
            let _ = writeln!(text, "\n{title}, heard of {}", seen.join(", "));
            let _ = writeln!(text, "{}", HEAD);
            for (name, spread) in [("outage", row.outage), ("after the deed", row.after)] {
                let _ = writeln!(text, "{}", line(name, spread.as_ref(), trials));
            }
            for (name, _) in PHASES {
                let _ =
                    writeln!(text, "{}", line(&format!("  {name}"), row.phases.get(name), trials));
            }
        }
        text.push_str("\nthe phases:\n");
        for (name, meaning) in PHASES {
            let _ = writeln!(text, "  {name:<10} {meaning}");
        }
        for report in &self.checks {
            let _ = write!(text, "\n{}", report.checked());
        }
        for failure in &self.failures {
            let _ = writeln!(text, "\nFAILED: {failure}");
        }
        text
    }
}

const HEAD: &str = "  milliseconds          min  median     p90     p99     max";

fn line(name: &str, spread: Option<&Spread>, trials: usize) -> String {
    let Some(spread) = spread else { return format!("  {name:<17}{:>8}", "-") };
    let Spread { count, min, median, p90, p99, max } = *spread;
    let mut line = format!("  {name:<17}");
    for micros in [min, median, p90, p99, max] {
        let _ = write!(line, "{:>8}", millis(micros));
    }
    if count < trials {
        let _ = write!(line, "   (in {count})");
    }
    line
}

/// Milliseconds with the digits that mean something.
fn millis(micros: u64) -> String {
    let digits = if micros < 100_000 { 2 } else { 0 };
    format!("{:.digits$}", micros as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(cause: &str, outage: u64) -> Trial {
        Trial {
            mode: Mode::Passive,
            cause: cause.parse().unwrap(),
            server: "S1".into(),
            seen: "LFD1 exit".into(),
            outage,
            after: outage - 100,
            phases: [Some(100), None, Some(50), Some(500), Some(70), Some(80), None, Some(90)],
        }
    }

    fn figures() -> Figures {
        let trials: Vec<Trial> = (1..=20).map(|n| trial("kill primary", n * 1_000)).collect();
        let other = trial("stop primary", 1_012_300);
        let trials = [trials, vec![other]].concat();
        Figures {
            held: true,
            conditions: Conditions {
                replicas: 3,
                clients: 1,
                heartbeat_ms: 250,
                timeout_ms: 1_000,
                checkpoint_ms: 5_000,
            },
            rows: rows(&trials),
            checks: Vec::new(),
            failures: Vec::new(),
            trials,
        }
    }

    #[test]
    fn people_get_a_line_per_phase_and_what_it_depends_on() {
        let text = figures().text();
        assert!(text.starts_with("3 servers, 1 client(s) in a closed loop; heartbeats"), "{text}");
        assert!(text.contains("passive, kill primary: 20 trials, heard of 20 by exit"), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        let cells = |name: &str| -> Vec<&str> {
            let line = lines.iter().find(|line| line.trim().starts_with(name)).unwrap();
            line.trim()[name.len()..].split_whitespace().collect()
        };
        assert_eq!(cells("outage"), ["1.00", "10.00", "18.00", "20.00", "20.00"]);
        assert_eq!(cells("view"), ["0.50"; 5]);
        assert_eq!(cells("gfd"), ["-"]);
        assert!(text.contains("1012"), "{text}");
    }

    #[test]
    fn programs_get_every_trial_and_the_distributions() {
        let json = serde_json::to_value(figures()).unwrap();
        assert_eq!(json["rows"][0]["outage"]["median"], 10_000);
        assert_eq!(json["rows"][1]["cause"], "stop primary");
        assert_eq!(json["rows"][0]["phases"]["answer"]["p99"], 90);
        assert_eq!(json["trials"].as_array().unwrap().len(), 21);
        assert_eq!(json["trials"][20]["mode"], "passive");
        assert_eq!(json["conditions"]["timeout_ms"], 1_000);
    }
}
