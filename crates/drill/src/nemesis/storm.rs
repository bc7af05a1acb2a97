//! Playing a schedule: the faults, the healing, and a proof that everybody is alive after it.
//!
//! A deed that harms servers is done only if a member of the RM's newest view remains that runs, is
//! ready, is out of danger ([`Guard`]) and answers at once; otherwise it is left out, and the report says so.
//!
//! Not here: what is done and when (`schedule`), and the checks of the history (`checks`).

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;
use serde::Serialize;
use wire::NodeName;

use crate::checks::Finding;
use crate::condition::Condition;
use crate::nemesis::deed::Deed;
use crate::nemesis::guard::Guard;
use crate::nemesis::network::Network;
use crate::nemesis::schedule::{Item, Schedule};
use crate::play::{INTERRUPTED, Outcome};
use crate::roster::{Roster, Target, Who};
use crate::script::{Action, Step};
use crate::world::{Asked, World};
use crate::{clock, processes, procfs};

/// How long the cluster may take to be whole, at the beginning and after the storm.
const WHOLE: Duration = Duration::from_secs(30);
/// How long a process may take to answer before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many answers for every client show that it goes on.
const PROGRESS: usize = 20;

/// What became of one item of the schedule.
#[derive(Debug, Clone, Serialize)]
pub struct Done {
    /// When, in milliseconds after the beginning.
    pub at: u64,
    /// What.
    pub deed: String,
    /// Whether it was done.
    pub done: bool,
    /// What was done, or why it was left out.
    pub detail: String,
}

/// A storm over a running cluster.
#[derive(Debug)]
pub struct Storm<'a> {
    world: &'a mut World,
    /// Where links are cut, or why they are not.
    network: Result<Network, String>,
    guard: Guard,
    start: Instant,
    done: Vec<Done>,
}

impl<'a> Storm<'a> {
    /// A storm that begins now.
    pub fn new(world: &'a mut World, network: Result<Network, String>) -> Self {
        let guard = Guard::new(&world.plan.roster);
        Self { world, network, guard, start: Instant::now(), done: Vec::new() }
    }

    /// Plays the whole schedule and heals everything; `told` hears of each deed at once.
    ///
    /// # Errors
    /// When the run itself breaks: a file or the terminal cannot be written, a program cannot be
    /// started, a link cannot be mended.
    pub async fn play(
        mut self,
        schedule: &Schedule,
        time: Duration,
        mut told: impl FnMut(&Item, &Done) -> io::Result<()>,
    ) -> Result<(Outcome, Vec<Done>)> {
        let began = clock::now();
        let mut interrupted = false;
        for item in &schedule.items {
            interrupted = self.watch(item.at).await?;
            if interrupted {
                break;
            }
            let verdict = self.act(item).await?;
            let at = u64::try_from(item.at.as_millis()).unwrap_or(u64::MAX);
            let (done, detail) = (verdict.is_ok(), verdict.unwrap_or_else(|why| why));
            let done = Done { at, deed: item.deed.to_string(), done, detail };
            told(item, &done)?;
            self.done.push(done);
        }
        interrupted = interrupted || self.watch(time).await?;
        self.heal().await?;
        let left_out = self.done.iter().filter(|done| !done.done).count();
        let ended = clock::now();
        let gap = |client: &NodeName| {
            let gap = self.world.picture.longest_gap(*client, began, ended);
            format!("{client} {} ms", gap / 1_000)
        };
        let gaps: Vec<String> = self.world.clients.iter().map(gap).collect();
        let done = self.done.len() - left_out;
        let detail =
            format!("{done} deeds, {left_out} left out; longest waits: {}", gaps.join(", "));
        let outcome = Outcome {
            title: format!("{} s of faults", time.as_secs_f64()),
            // A storm in which nothing could be done has shown nothing.
            held: !interrupted && done > 0,
            millis: u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX),
            ended,
            detail: if interrupted { INTERRUPTED.into() } else { detail },
        };
        Ok((outcome, self.done))
    }

    /// Watches until that moment; true when somebody asked to end.
    async fn watch(&mut self, until: Duration) -> Result<bool> {
        // At least once, so that what was done last is seen even when everything is late.
        loop {
            if self.world.pump().await? == Some(Asked::End) {
                return Ok(true);
            }
            if self.start.elapsed() >= until {
                return Ok(false);
            }
        }
    }

    /// Does one deed, or says why not.
    async fn act(&mut self, item: &Item) -> Result<Result<String, String>> {
        let deed = item.deed;
        if let Err(why) = self.allowed(deed).await {
            return Ok(Err(why));
        }
        let did = match deed {
            Deed::Kill(name) => self.signal(name, Signal::KILL),
            Deed::Stop(name) => self.signal(name, Signal::STOP),
            Deed::Cont(name) => self.signal(name, Signal::CONT),
            Deed::Start(name) => {
                self.world.see_the_end(name).await?;
                Ok(self.world.start(name)?)
            }
            Deed::Cut(link, way) => match &mut self.network {
                Ok(network) => network.cut(link, way).map(|()| String::new()),
                Err(_) => Err("links are not cut here".into()),
            },
            Deed::Mend(link) => match &mut self.network {
                Ok(network) => network.mend(link).map(|()| String::new()),
                Err(_) => Err("links are not cut here".into()),
            },
            Deed::Switch(mode) => self.world.switch(mode).await.map(|()| String::new()),
        };
        if did.is_ok() {
            self.guard.note(self.start.elapsed(), deed);
        }
        Ok(did)
    }

    fn signal(&mut self, name: NodeName, signal: Signal) -> Result<String, String> {
        self.world.signal(name, signal)?;
        let primary = self.world.picture.view().is_some_and(|view| view.primary == name);
        Ok(if primary { "the primary".into() } else { String::new() })
    }

    /// Whether a member remains that is out of danger and answers at this moment: on a machine that
    /// is too busy, one that is late may be accused by its detector just now.
    async fn allowed(&self, deed: Deed) -> Result<(), String> {
        let roster = &self.world.plan.roster;
        let harms = deed.harms(&roster.servers);
        if harms.is_empty() {
            return Ok(());
        }
        let (picture, now) = (&self.world.picture, self.start.elapsed());
        let safe = |place: usize| {
            let name = roster.servers[place];
            picture.in_view(name)
                && picture.servers.get(&name).is_some_and(|seen| seen.is_ready())
                && self.world.condition(name) == "running"
                && self.guard.settled(now, place)
        };
        let others = (0..roster.servers.len()).filter(|place| !harms.contains(place));
        let mut why = "no other member is out of danger";
        for place in others.filter(|place| safe(*place)) {
            if self.world.inspect(roster.servers[place]).await.is_ok() {
                return Ok(());
            }
            why = "no other member that is out of danger answers in time";
        }
        Err(why.into())
    }

    /// Puts everything right: links, stopped processes, dead ones.
    async fn heal(&mut self) -> Result<()> {
        if let Ok(network) = &mut self.network {
            network.mend_all().map_err(anyhow::Error::msg)?;
        }
        let roster = self.world.plan.roster.clone();
        for name in roster.all() {
            self.world.see_the_end(name).await?;
            match self.world.condition(name) {
                "stopped" => self.world.signal(name, Signal::CONT).map_err(anyhow::Error::msg)?,
                // A server is launched by its LFD.
                "dead" if self.world.plan.kind(name).is_some() => {
                    self.world.start(name)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The steps before the storm: everything is launched.
///
/// # Errors
/// Never for the conditions that stand here; they are read as those of a file.
pub fn launch(roster: &Roster) -> Result<Vec<Step>, String> {
    let one = |name| Action::Start(Target::One(Who::Name(name)));
    let watchers = vec![one(roster.rm), one(roster.gfd), Action::Start(Target::Lfds)];
    Ok(vec![
        step(
            roster,
            "launch the RM, the GFD, the LFDs and their servers",
            watchers,
            &whole(roster),
        )?,
        step(roster, "launch the clients", vec![Action::Start(Target::Clients)], &[progress()])?,
    ])
}

/// The steps after it: everybody is a member, and every server is killed and replaced once more,
/// which only works if nobody on the way is stuck: its LFD, the GFD, the RM, the others, clients.
///
/// # Errors
/// As [`launch`].
pub fn proof_of_life(roster: &Roster) -> Result<Vec<Step>, String> {
    let mut awaited = whole(roster);
    awaited.push(progress());
    let mut steps = vec![step(roster, "everything is whole again", Vec::new(), &awaited)?];
    let kills = if roster.servers.len() > 1 { &roster.servers[..] } else { &[] };
    for server in kills {
        let mut awaited = awaited.clone();
        awaited.push(format!("view without {server}"));
        awaited.push(format!("launched {server}"));
        let kill = vec![Action::Kill(Target::One(Who::Name(*server)))];
        steps.push(step(roster, &format!("kill {server}: nobody is stuck"), kill, &awaited)?);
    }
    Ok(steps)
}

fn whole(roster: &Roster) -> Vec<String> {
    let count = roster.servers.len();
    vec![format!("{count} members"), format!("{count} in view"), "ready all".into()]
}

fn progress() -> String {
    format!("clients progress {PROGRESS}")
}

fn step(
    roster: &Roster,
    title: &str,
    actions: Vec<Action>,
    awaited: &[String],
) -> Result<Step, String> {
    let read = |text: &String| Ok((text.clone(), Condition::parse(text, roster)?));
    let wait = awaited.iter().map(read).collect::<Result<_, String>>()?;
    let (title, expect) = (title.to_owned(), Vec::new());
    Ok(Step { title, actions, hold: None, wait, expect, within: WHOLE })
}

/// Whether every process runs, answers where it can be asked, and is there once. Who is stuck never
/// answers; on a busy machine others are late, and are asked again.
///
/// # Errors
/// When a file of the run cannot be read or written.
pub async fn nobody_is_stuck(world: &mut World) -> Result<Finding> {
    let start = Instant::now();
    let mut broken = stuck(world).await;
    while !broken.is_empty() && start.elapsed() < PATIENCE {
        if world.pump().await? == Some(Asked::End) {
            break;
        }
        broken = stuck(world).await;
    }
    let asked = world.plan.roster.all().count();
    Ok(Finding::of("nobody is stuck", asked, "processes run and answer", &broken))
}

/// Everything that is not as it should be at this moment.
async fn stuck(world: &World) -> Vec<String> {
    let mut broken = Vec::new();
    let names: Vec<NodeName> = world.plan.roster.all().collect();
    for name in &names {
        let condition = world.condition(*name);
        if condition != "running" {
            broken.push(format!("{name} is {condition}"));
        }
    }
    for server in &world.plan.roster.servers {
        if let Err(why) = world.inspect(*server).await {
            broken.push(format!("{server} does not say where it stands: {why}"));
        }
    }
    if let Err(why) = world.view().await {
        broken.push(format!("the RM does not say its view: {why}"));
    }
    let (found, wanted) = (servers(world), world.plan.roster.servers.len());
    if found != wanted {
        broken.push(format!("{found} server processes run, {wanted} were expected"));
    }
    broken
}

/// How many processes of the servers' program there are.
fn servers(world: &World) -> usize {
    let program = world.plan.programs().pop().unwrap_or_default();
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    // The kernel keeps the first 15 bytes of a program's name.
    let wanted: String = name(&program).unwrap_or_default().chars().take(15).collect();
    processes::all().into_iter().filter(|pid| procfs::program(*pid) == wanted).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_around_the_storm_can_be_read_for_every_size() {
        for replicas in 1..=9 {
            let roster = Roster::new(replicas, 2);
            assert_eq!(launch(&roster).unwrap().len(), 2);
            let steps = proof_of_life(&roster).unwrap();
            assert_eq!(steps.len(), if replicas == 1 { 1 } else { 1 + replicas });
        }
    }
}
