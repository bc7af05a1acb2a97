//! Whole clusters, played as golden scripts: one file per story in `tests/scripts`, the first line is
//! its claim.
//!
//! | command | meaning |
//! |---|---|
//! | `cluster mode=passive servers=3 clients=1 [KEY=VALUE...]` | a new world; waits until all are members |
//! | `request C1 "x"...` | types these requests at a client |
//! | `type RM "switch active"` | types a line at any process |
//! | `advance D` | time passes |
//! | `until "TEXT" [within=D]` | time passes until a line with TEXT is said |
//! | `stabilize [within=D]` | until every request is answered and every server a member, and it is quiet |
//! | `crash`, `restart`, `freeze`, `thaw`, `isolate`, `power-off`, `power-on` `NAME...` | of processes |
//! | `cut A B`, `cut-one-way A B`, `mend A B`, `heal` | of links |
//! | `hold-disk`, `release-disk`, `fill-disk`, `clear-disk` | of the RM |
//! | `status` | where every server stands |
//! | `show WHAT...`, `hide WHAT...` | more or less: `answers`, `suspicions`, `joins`, `detectors`, `warnings` |
//!
//! Every property of the simulator is checked all the while; a script in which one does not hold
//! fails, whatever it expects.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use goldenscript::{ArgumentConsumer, Command, Context};
use node::Event;
use rm::OnTotalLoss;
use script::duration;
use sim::register::swapped;
use sim::{Plan, Seen, Sight, Span, Watcher, World, progress, properties};
use wire::{Mode, NodeName, ReplicaName};

type Fallible<T> = Result<T, Box<dyn Error>>;

test_each_file::test_each_path! { in "crates/sim/tests/scripts" as story => play }

fn play(path: &Path) {
    if let Err(error) = goldenscript::run(&mut Stage::default(), path) {
        panic!("{}: {error}", path.display());
    }
}

/// What was said since the last command.
#[derive(Default)]
struct Said {
    lines: Vec<String>,
    shown: BTreeSet<String>,
}

/// Writes down what changes.
struct Narrator(Rc<RefCell<Said>>);

impl Narrator {
    fn line(&self, who: NodeName, event: &Event) -> Option<(&'static str, String)> {
        Some(match event {
            Event::ViewMade { .. } => ("", format!("{who} {event}")),
            Event::FencedOut { .. }
            | Event::TailCut { .. }
            | Event::Diverged { .. }
            | Event::StaleEpoch { .. }
            | Event::ServersDead => ("", format!("{who}: {event}")),
            Event::Answered { number, server, body } => {
                let (before, after) = swapped(body).unwrap_or((b"", body));
                let [before, after] = [before, after].map(String::from_utf8_lossy);
                ("answers", format!("{who}: {number} answered by {server}: {before} -> {after}"))
            }
            Event::Executed { sequence, client, number, effect: false, .. } => {
                ("", format!("{who}: entry {sequence} repeats {number} of {client}, no effect"))
            }
            Event::Suspected { .. } => ("suspicions", event.to_string()),
            Event::JoinStarted { .. }
            | Event::Joint { .. }
            | Event::JoinAbandoned { .. }
            | Event::Recovered { .. } => ("joins", format!("{who}: {event}")),
            Event::ServerLaunched { server, .. } => {
                ("detectors", format!("{who}: launched {server}"))
            }
            Event::ServerAdopted { server, incarnation, .. } => {
                ("detectors", format!("{who}: adopted {server}, run {incarnation}"))
            }
            Event::ServerKilled { server, .. } => ("detectors", format!("{who}: killed {server}")),
            Event::ReplicaAdded { .. }
            | Event::ReplicaDeleted { .. }
            | Event::ServerExited { .. }
            | Event::Members { .. } => ("detectors", format!("{who}: {event}")),
            Event::Warning(_) => ("warnings", format!("{who}: {event}")),
            _ => return None,
        })
    }
}

impl Watcher for Narrator {
    fn name(&self) -> &'static str {
        "narrator"
    }

    fn see(&mut self, sight: &Sight<'_>, _world: &World) -> Result<(), String> {
        if let Seen::Noted(event) = &sight.what
            && let Some((kind, line)) = self.line(sight.who, event)
        {
            let mut said = self.0.borrow_mut();
            if kind.is_empty() || said.shown.contains(kind) {
                said.lines.push(line);
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Stage {
    world: Option<World>,
    said: Rc<RefCell<Said>>,
}

impl Stage {
    fn world(&mut self) -> Fallible<&mut World> {
        self.world.as_mut().ok_or_else(|| "there is no `cluster` yet".into())
    }

    fn cluster(&mut self, args: &mut ArgumentConsumer<'_>) -> Fallible<()> {
        let mode: Mode = args.take_key("mode").unwrap_or("passive").parse()?;
        let mut plan = Plan::new(mode);
        let mut wait = true;
        while let Some((key, value)) = args.next_key() {
            match key {
                "seed" => plan.seed = value.parse()?,
                "servers" => plan.servers = value.parse()?,
                "clients" => plan.clients = value.parse()?,
                "short" => plan.short_clients = value.parse()?,
                "window" => plan.window = value.parse()?,
                "prefer" => plan.prefer = Some(value.parse::<ReplicaName>()?),
                "checkpoint" => plan.checkpoint_period = duration(value)?,
                "heartbeat" => plan.heartbeat_period = duration(value)?,
                "heartbeat-timeout" => plan.heartbeat_timeout = duration(value)?,
                "hung-grace" => plan.hung_grace = duration(value)?,
                "frame-limit" => plan.frame_limit = value.parse()?,
                "latency" => {
                    let micros = u64::try_from(duration(value)?.as_micros())?;
                    plan.latency = Span::micros(micros, micros);
                }
                "bytes" => plan.bytes = value.parse()?,
                "loss" => {
                    plan.on_total_loss = match value {
                        "restart" => OnTotalLoss::Restart,
                        "wait" => OnTotalLoss::Wait,
                        other => return Err(format!("loss is restart or wait, not {other}").into()),
                    }
                }
                "wait" => wait = value.parse()?,
                other => return Err(format!("no such key: {other}").into()),
            }
        }
        let mut world = World::new(plan);
        world.watch(Box::new(Narrator(Rc::clone(&self.said))));
        properties::watch_all(&mut world);
        let shown = ["answers", "warnings"].map(str::to_owned);
        self.said.borrow_mut().shown = shown.into_iter().collect();
        world.start();
        self.world = Some(world);
        if wait { self.stabilize(Duration::from_secs(30)) } else { Ok(()) }
    }

    fn advance(&mut self, time: Duration) -> Fallible<()> {
        let world = self.world()?;
        world.advance(time);
        match world.violation() {
            Some(violation) => Err(violation.to_string().into()),
            None => Ok(()),
        }
    }

    fn stabilize(&mut self, within: Duration) -> Fallible<()> {
        const STEP: Duration = Duration::from_millis(20);
        const QUIET: Duration = Duration::from_millis(300);
        let mut quiet = Duration::ZERO;
        let mut spent = Duration::ZERO;
        while quiet < QUIET {
            let said = self.said.borrow().lines.len();
            self.advance(STEP)?;
            spent += STEP;
            let missing = progress::missing(self.world()?);
            let calm = missing.is_none() && self.said.borrow().lines.len() == said;
            quiet = if calm { quiet + STEP } else { Duration::ZERO };
            if spent > within {
                let missing = missing.unwrap_or_else(|| "it is not quiet".to_owned());
                let said = self.said.borrow().lines.join("\n");
                return Err(format!("not stable within {within:?}: {missing}\n{said}").into());
            }
        }
        Ok(())
    }

    fn until(&mut self, text: &str, within: Duration) -> Fallible<()> {
        let end = self.world()?.now() + within;
        loop {
            if self.said.borrow().lines.iter().any(|line| line.contains(text)) {
                return Ok(());
            }
            let world = self.world()?;
            if world.now() >= end {
                let said = self.said.borrow().lines.join("\n");
                return Err(format!("nobody said `{text}` within {within:?}, but:\n{said}").into());
            }
            match world.violation() {
                Some(violation) => return Err(violation.to_string().into()),
                None => world.step(),
            }
        }
    }

    fn status(&mut self) -> Fallible<()> {
        let said = Rc::clone(&self.said);
        let world = self.world()?;
        for server in world.plan.server_names() {
            let Some(process) = world.process(server.into()) else {
                said.borrow_mut().lines.push(format!("{server}: not running"));
                continue;
            };
            let Some(replica) = process.actor.server() else { continue };
            let probe = replica.probe();
            let mut line = format!("{server}: {} of epoch {}", probe.phase.as_str(), probe.epoch);
            let (last, committed, executed) = (probe.last, probe.committed, probe.executed);
            write!(line, ", entries {last}, committed {committed}, executed {executed}")?;
            let state = server::Service::summary(&replica.machine().service);
            write!(line, ", status {}", String::from_utf8_lossy(&state))?;
            if process.frozen {
                line.push_str(" (stopped)");
            }
            said.borrow_mut().lines.push(line);
        }
        Ok(())
    }

    fn each(
        &mut self,
        args: &mut ArgumentConsumer<'_>,
        what: impl Fn(&mut World, NodeName) -> bool,
    ) -> Fallible<()> {
        while let Some(text) = args.next_pos() {
            let name: NodeName = text.parse()?;
            if !what(self.world()?, name) {
                return Err(format!("{name} is not in the state for this").into());
            }
        }
        Ok(())
    }

    fn pair(&mut self, args: &mut ArgumentConsumer<'_>) -> Fallible<(NodeName, NodeName)> {
        let mut next = || args.next_pos().ok_or("two names, please");
        Ok((next()?.parse()?, next()?.parse()?))
    }

    fn typed(&mut self, args: &mut ArgumentConsumer<'_>) -> Fallible<()> {
        let to: NodeName = args.next_pos().ok_or("to whom?")?.parse()?;
        while let Some(line) = args.next_pos() {
            if !self.world()?.type_line(to, line) {
                return Err(format!("{to} does not run").into());
            }
        }
        Ok(())
    }

    fn links(&mut self, command: &str, args: &mut ArgumentConsumer<'_>) -> Fallible<bool> {
        match command {
            "cut" => {
                let (a, b) = self.pair(args)?;
                self.world()?.cut(a, b);
            }
            "cut-one-way" => {
                let (a, b) = self.pair(args)?;
                self.world()?.cut_one_way(a, b);
            }
            "mend" => {
                let (a, b) = self.pair(args)?;
                self.world()?.mend(a, b);
                self.world()?.mend(b, a);
            }
            "heal" => self.world()?.heal(),
            "hold-disk" => self.world()?.hold_disk(),
            "release-disk" => self.world()?.release_disk(),
            "fill-disk" => self.world()?.disk.full = true,
            "clear-disk" => self.world()?.disk.full = false,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn command(&mut self, command: &str, args: &mut ArgumentConsumer<'_>) -> Fallible<()> {
        if self.links(command, args)? {
            return Ok(());
        }
        let within =
            |args: &mut ArgumentConsumer<'_>| duration(args.take_key("within").unwrap_or("60s"));
        match command {
            "cluster" => self.cluster(args)?,
            "request" | "type" => self.typed(args)?,
            "advance" => {
                let time = duration(args.next_pos().ok_or("how long?")?)?;
                self.advance(time)?;
            }
            "until" => {
                let within = within(args)?;
                self.until(args.next_pos().ok_or("until what?")?, within)?;
            }
            "stabilize" => {
                let within = within(args)?;
                self.stabilize(within)?;
            }
            "crash" => self.each(args, World::crash)?,
            "restart" => self.each(args, World::restart)?,
            "freeze" => self.each(args, World::freeze)?,
            "thaw" => self.each(args, World::thaw)?,
            "isolate" => self.each(args, |world, name| {
                world.isolate(name);
                true
            })?,
            "power-off" => self.each(args, |world, name| {
                world.power_off(name);
                true
            })?,
            "power-on" => self.each(args, |world, name| {
                world.power_on(name);
                true
            })?,
            "status" => self.status()?,
            "show" | "hide" => {
                while let Some(what) = args.next_pos() {
                    let shown = &mut self.said.borrow_mut().shown;
                    if command == "show" {
                        shown.insert(what.to_owned());
                    } else {
                        shown.remove(what);
                    }
                }
            }
            other => return Err(format!("no such command: {other}").into()),
        }
        Ok(())
    }
}

impl goldenscript::Runner for Stage {
    type Command = Command;

    fn run(&mut self, command: &Command, _context: &Context) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        self.command(&command.name, &mut args)?;
        args.reject_next()?;
        let lines = std::mem::take(&mut self.said.borrow_mut().lines);
        Ok(lines.into_iter().map(|line| line + "\n").collect())
    }

    fn end_script(&mut self) -> Result<(), Box<dyn Error>> {
        let Some(mut world) = self.world.take() else { return Ok(()) };
        world.end();
        match world.violation() {
            Some(violation) => Err(violation.to_string().into()),
            None => Ok(()),
        }
    }
}
