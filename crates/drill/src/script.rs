//! Drill files: a cluster and the steps that are played on it (`configs/drills/*.toml`).
//!
//! Guarantee: a file that is accepted has no unknown key, name, word or duration, and no step that
//! does nothing; anything else is one error with `file:line`.
//! Not here: playing the steps; see `play`.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;
use wire::Mode;

use crate::condition::Condition;
use crate::duration;
use crate::plan::Settings;
use crate::roster::{Roster, Target};

/// How long a step may take unless it says otherwise.
const WITHIN: Duration = Duration::from_secs(10);

/// The seed of the requests for a map: a drill is the same every time.
const REQUESTS: u64 = 1;

/// The longest cluster: addresses are 127.0.0.101 and up, and clients 1 and up.
const MOST: usize = 9;

/// The most times that a step is played: each of them stands in the drill.
const TIMES: usize = 1000;

/// A whole drill.
#[derive(Debug)]
pub struct Drill {
    /// What it shows, in a sentence.
    pub description: String,
    /// The cluster it is played on.
    pub settings: Settings,
    /// The steps, in order; a repeated step stands here as often as it is played.
    pub steps: Vec<Step>,
}

/// One step: its parts are done in the order in which they stand here.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it does, in a few words.
    pub title: String,
    /// The actions.
    pub actions: Vec<Action>,
    /// How long to do nothing but watch: the only thing that waits for the clock.
    pub hold: Option<Duration>,
    /// What is waited for; all of it at once.
    pub wait: Vec<(String, Condition)>,
    /// What must hold when the waiting is over.
    pub expect: Vec<(String, Condition)>,
    /// How long `wait` may take.
    pub within: Duration,
}

/// One thing that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// End a process at once (SIGKILL).
    Kill(Target),
    /// Stop a process (SIGSTOP); it keeps its connections and answers nothing.
    Stop(Target),
    /// Let a stopped process go on (SIGCONT).
    Cont(Target),
    /// Launch what does not run.
    Start(Target),
    /// Tell the RM to switch the mode.
    Switch(Mode),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDrill {
    description: String,
    mode: Spanned<String>,
    replicas: Option<Spanned<usize>>,
    clients: Option<Spanned<usize>>,
    heartbeat: Option<Spanned<String>>,
    heartbeat_timeout: Option<Spanned<String>>,
    hung_grace: Option<Spanned<String>>,
    checkpoint: Option<Spanned<String>>,
    interval: Option<Spanned<String>>,
    service: Option<Spanned<String>>,
    #[serde(default)]
    quiet: bool,
    step: Vec<Spanned<RawStep>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    title: String,
    times: Option<usize>,
    #[serde(default)]
    kill: Vec<Spanned<String>>,
    #[serde(default)]
    stop: Vec<Spanned<String>>,
    #[serde(default)]
    cont: Vec<Spanned<String>>,
    #[serde(default)]
    start: Vec<Spanned<String>>,
    switch: Option<Spanned<String>>,
    hold: Option<Spanned<String>>,
    #[serde(default)]
    wait: Vec<Spanned<String>>,
    #[serde(default)]
    expect: Vec<Spanned<String>>,
    within: Option<Spanned<String>>,
}

/// Where errors are: the file and its text.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn error(&self, span: &Range<usize>, message: impl std::fmt::Display) -> String {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("{}:{line}: {message}", self.path.display())
    }

    /// Reads one value and puts the line before what is wrong with it.
    fn read<T, V>(
        &self,
        value: &Spanned<V>,
        read: impl FnOnce(&V) -> Result<T, String>,
    ) -> Result<T, String> {
        read(value.get_ref()).map_err(|error| self.error(&value.span(), error))
    }
}

impl Drill {
    /// Reads a drill.
    ///
    /// # Errors
    /// One line, `file:line: what is wrong`.
    pub fn parse(path: &Path, text: &str) -> Result<Self, String> {
        let source = Source { path, text };
        let raw: RawDrill = toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            source.error(&span, error.message())
        })?;
        let settings = settings(&source, &raw)?;
        let roster = Roster::new(settings.replicas, settings.clients);
        let mut steps = Vec::new();
        for raw in &raw.step {
            let step = step(&source, raw, &roster)?;
            let times = raw.get_ref().times.unwrap_or(1);
            for turn in 1..=times {
                let mut step = step.clone();
                if times > 1 {
                    step.title = format!("{} ({turn} of {times})", step.title);
                }
                steps.push(step);
            }
        }
        if steps.is_empty() {
            return Err(source.error(&(0..0), "a drill has at least one [[step]]"));
        }
        Ok(Self { description: raw.description.clone(), settings, steps })
    }
}

fn settings(source: &Source<'_>, raw: &RawDrill) -> Result<Settings, String> {
    let count = |value: &Option<Spanned<usize>>, default, least| {
        value.as_ref().map_or(Ok(default), |value| {
            source.read(value, |count| {
                let fits = (least..=MOST).contains(count);
                fits.then_some(*count).ok_or(format!("between {least} and {MOST}, not {count}"))
            })
        })
    };
    let time = |value: &Option<Spanned<String>>| {
        value.as_ref().map(|value| source.read(value, |text| duration::parse(text))).transpose()
    };
    let mode = source.read(&raw.mode, |text| text.parse::<Mode>())?;
    let mut settings = Settings::new(mode);
    settings.replicas = count(&raw.replicas, settings.replicas, 1)?;
    settings.clients = count(&raw.clients, settings.clients, 0)?;
    settings.heartbeat = time(&raw.heartbeat)?.unwrap_or(settings.heartbeat);
    settings.checkpoint = time(&raw.checkpoint)?.unwrap_or(settings.checkpoint);
    settings.interval = time(&raw.interval)?.unwrap_or(settings.interval);
    settings.heartbeat_timeout = time(&raw.heartbeat_timeout)?;
    settings.hung_grace = time(&raw.hung_grace)?;
    settings.quiet = raw.quiet;
    let service = raw.service.as_ref().map(|value| {
        source.read(value, |text| match text.as_str() {
            "status" => Ok(None),
            "map" => Ok(Some(REQUESTS)),
            other => Err(format!("no service `{other}`: status or map")),
        })
    });
    settings.map = service.transpose()?.flatten();
    Ok(settings)
}

fn step(source: &Source<'_>, raw: &Spanned<RawStep>, roster: &Roster) -> Result<Step, String> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let mut actions = Vec::new();
    let mut add = |targets: &[Spanned<String>], action: fn(Target) -> Action| {
        for target in targets {
            actions.push(action(source.read(target, |text| Target::parse(text, roster))?));
        }
        Ok::<(), String>(())
    };
    add(&raw.kill, Action::Kill)?;
    add(&raw.stop, Action::Stop)?;
    add(&raw.cont, Action::Cont)?;
    add(&raw.start, Action::Start)?;
    if let Some(mode) = &raw.switch {
        actions.push(Action::Switch(source.read(mode, |text| text.parse::<Mode>())?));
    }
    let conditions = |texts: &[Spanned<String>], awaited: bool| {
        let one = |text: &Spanned<String>| {
            let condition = source.read(text, |text| {
                let condition = Condition::parse(text, roster)?;
                let fits = !awaited || condition.can_be_awaited();
                fits.then_some(condition).ok_or(format!("`{text}` belongs into `expect`"))
            })?;
            Ok((text.get_ref().clone(), condition))
        };
        texts.iter().map(one).collect::<Result<Vec<_>, String>>()
    };
    let time = |value: &Option<Spanned<String>>| {
        value.as_ref().map(|value| source.read(value, |text| duration::parse(text))).transpose()
    };
    let step = Step {
        title: raw.title.clone(),
        actions,
        hold: time(&raw.hold)?,
        wait: conditions(&raw.wait, true)?,
        expect: conditions(&raw.expect, false)?,
        within: time(&raw.within)?.unwrap_or(WITHIN),
    };
    if let Some(times) = raw.times.filter(|times| !(1..=TIMES).contains(times)) {
        let text = format!("`times` is between 1 and {TIMES}, not {times}");
        return Err(source.error(&span, text));
    }
    if step.wait.is_empty() && step.expect.is_empty() {
        return Err(source.error(&span, "a step waits for something or expects something"));
    }
    Ok(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::Who;

    fn parse(text: &str) -> Result<Drill, String> {
        Drill::parse(Path::new("x.toml"), text)
    }

    const HEAD: &str = "description = \"d\"\nmode = \"passive\"\n";

    #[test]
    fn a_drill_is_read_with_its_defaults() {
        let drill = parse(&format!(
            "{HEAD}interval = \"5ms\"\n[[step]]\ntitle = \"a\"\nkill = [\"LFD2\", \"machine primary\"]\n\
             wait = [\"2 in view\"]\ntimes = 2\n[[step]]\ntitle = \"b\"\nexpect = [\"no view change\"]\n"
        ))
        .unwrap();
        assert_eq!(drill.steps.len(), 3);
        assert_eq!(drill.steps[1].title, "a (2 of 2)");
        assert_eq!(drill.steps[0].actions[1], Action::Kill(Target::Machine(Who::Primary)));
        assert_eq!(drill.steps[0].within, WITHIN);
        assert_eq!((drill.settings.replicas, drill.settings.interval.as_millis()), (3, 5));
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let step = "[[step]]\ntitle = \"a\"\n";
        let cases = [
            ("description = \"d\"\nmode = \"pasive\"\nstep = []".to_owned(), 2, "pasive"),
            (format!("{HEAD}replica = 3\n{step}"), 3, "replica"),
            (format!("{HEAD}replicas = 30\n{step}"), 3, "30"),
            (format!("{HEAD}interval = \"soon\"\n{step}"), 3, "soon"),
            (format!("{HEAD}service = \"queue\"\n{step}"), 3, "queue"),
            (format!("{HEAD}{step}kil = []\n"), 5, "kil"),
            (format!("{HEAD}{step}kill = [\"S9\"]\n"), 5, "S9"),
            (format!("{HEAD}{step}wait = [\n  \"3 in view\",\n  \"peace\",\n]\n"), 7, "peace"),
            (format!("{HEAD}{step}wait = [\"no view change\"]\n"), 5, "expect"),
            (format!("{HEAD}{step}hold = \"1s\"\n"), 3, "waits for something"),
            (format!("{HEAD}{step}switch = \"idle\"\n"), 5, "idle"),
            (format!("{HEAD}{step}times = 0\nwait = [\"3 in view\"]\n"), 3, "times"),
            (format!("{HEAD}{step}times = 9999999999\nwait = [\"3 in view\"]\n"), 3, "times"),
            (format!("{HEAD}step = []\n"), 1, "at least one"),
        ];
        for (text, line, word) in cases {
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with(&format!("x.toml:{line}: ")), "{error}\nin:\n{text}");
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn every_drill_that_comes_with_the_suite_is_read() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/drills");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            Drill::parse(&path, &text).unwrap();
            names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
        }
        names.sort();
        assert_eq!(names, ["active", "hung", "kills", "passive", "watchers"]);
    }
}
