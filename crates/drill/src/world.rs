//! A running cluster: its processes, what they print, and what their audit files say.
//!
//! [`World::pump`] is the only place where time passes: it takes in lines, records, deaths, typed
//! commands and signals, and the [`Picture`] is up to date when it returns.
//! Guarantee: when [`World::end`] has returned, nothing that was started is left.
//!
//! Not here: what a drill wants (`play`), and what a person types (`up`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use wire::{NodeName, ports};

use crate::audit::{Record, Tail, What};
use crate::checks::FinalState;
use crate::picture::Picture;
use crate::plan::{Kind, Plan};
use crate::processes::{self, Ended, Processes};
use crate::sources::{self, Happening};
use crate::typist::Typist;
use crate::{clock, doors, inspect, lines::Lines, procfs};

/// How long a pump waits when nothing happens: audit files are read at least this often.
const TICK: Duration = Duration::from_millis(3);
/// How long a process may take to answer an inspection.
const INSPECTION: Duration = Duration::from_millis(300);
/// How long processes may take to end when they are asked to.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Typed a line.
    Typed(String),
    /// Ctrl-C, or a signal that ends.
    End,
}

/// A running cluster.
#[derive(Debug)]
pub struct World {
    /// How it is made.
    pub plan: Plan,
    /// What its records say.
    pub picture: Picture,
    /// Every record, in the order of reading.
    pub records: Vec<Record>,
    /// Processes that ended though nobody asked them to.
    pub strays: Vec<String>,
    /// The clients that were launched.
    pub clients: Vec<NodeName>,
    /// Which of the watched lines were printed.
    pub printed: BTreeSet<(NodeName, String)>,
    watched: Vec<(NodeName, String)>,
    lines: Lines,
    processes: Processes,
    tails: Vec<Tail>,
    told_to_end: BTreeSet<i32>,
    keyboards: BTreeMap<NodeName, io::PipeWriter>,
    typist: Option<Typist>,
    sender: Sender<Happening>,
    receiver: Receiver<Happening>,
}

impl World {
    /// Prepares the directory of the run; starts nothing. `merged` shows what the processes print.
    ///
    /// # Errors
    /// What is missing or cannot be written, and what to do.
    pub fn new(plan: Plan, merged: bool) -> Result<Self> {
        let state = plan.dir.join("state");
        fs::create_dir_all(&state)
            .with_context(|| format!("cannot create the run directory {}", state.display()))?;
        let lines = Lines::new(&plan, merged)
            .with_context(|| format!("cannot write logs in {}", plan.dir.display()))?;
        let (sender, receiver) = channel(1024);
        for server in &plan.roster.servers {
            sources::fifo(*server, &plan.path(*server, "pipe"), &sender)?;
        }
        sources::signals(&sender).context("cannot take over the signals")?;
        let tails = plan.roster.all().map(|name| Tail::new(plan.path(name, "audit"))).collect();
        Ok(Self {
            picture: Picture::default(),
            records: Vec::new(),
            strays: Vec::new(),
            clients: Vec::new(),
            printed: BTreeSet::new(),
            watched: Vec::new(),
            lines,
            processes: Processes::new().context("cannot become the reaper of orphans")?,
            tails,
            told_to_end: BTreeSet::new(),
            keyboards: BTreeMap::new(),
            typist: plan.settings.map.map(|seed| Typist::new(seed, plan.settings.interval)),
            sender,
            receiver,
            plan,
        })
    }

    /// Reads typed commands from now on.
    pub fn listen_to_keyboard(&self) {
        sources::keyboard(&self.sender);
    }

    /// From now on [`World::printed`] tells which of these were printed.
    pub fn watch_lines(&mut self, lines: Vec<(NodeName, String)>) {
        self.watched = lines;
        self.printed.clear();
    }

    /// Lets a little time pass, and takes in what happened.
    ///
    /// # Errors
    /// When a file of the run cannot be read or written.
    pub async fn pump(&mut self) -> Result<Option<Asked>> {
        let until = Instant::now() + TICK;
        let mut asked = None;
        while asked.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.receiver.recv()).await {
                Ok(Some(Happening::Lines(name, lines))) => self.take_lines(name, &lines)?,
                Ok(Some(Happening::Typed(line))) => asked = Some(Asked::Typed(line)),
                Ok(Some(Happening::End)) => asked = Some(Asked::End),
                Ok(None) | Err(_) => break,
            }
        }
        self.read_audits()?;
        while let Some(ended) = self.processes.reap() {
            self.take_end(ended)?;
        }
        self.type_requests();
        self.lines.flush()?;
        Ok(asked)
    }

    fn take_lines(&mut self, name: NodeName, lines: &[String]) -> Result<()> {
        for (watched, text) in &self.watched {
            if *watched == name && lines.iter().any(|line| line.contains(text)) {
                self.printed.insert((name, text.clone()));
            }
        }
        Ok(self.lines.take(name, lines)?)
    }

    fn read_audits(&mut self) -> Result<()> {
        let known = self.records.len();
        for tail in &mut self.tails {
            tail.read(&mut self.records).context("cannot read an audit file")?;
        }
        for record in &self.records[known..] {
            self.picture.take(record);
            if let (What::Invoked { .. }, Some(typist)) = (&record.what, &mut self.typist) {
                typist.taken(record.who);
            }
        }
        Ok(())
    }

    /// The clients' next requests, where they are typed and due.
    fn type_requests(&mut self) {
        for client in self.clients.clone() {
            let now = Instant::now();
            let Some(pid) = self.processes.find(client) else { continue };
            let due = self.typist.as_mut().and_then(|typist| typist.due(client, pid, now));
            if let Some(request) = due {
                // One that has just died hears nothing, and is found dead at the next look.
                let _ = self.type_at(client, &request);
            }
        }
    }

    fn take_end(&mut self, ended: Ended) -> Result<()> {
        let Ended { pid, name, code, how } = ended;
        let called = self.told_to_end.remove(&pid);
        let Some(name) = name else {
            self.take_orphan(pid, how);
            return Ok(());
        };
        if !called || (code.is_some() && code != Some(0)) {
            let log = self.plan.path(name, "log");
            let text = format!("{name} ended by itself: {how}; see {}", log.display());
            self.lines.say(&text)?;
            self.strays.push(text);
        }
        Ok(())
    }

    /// A server whose LFD was gone: nobody but us saw how it ended.
    fn take_orphan(&mut self, pid: i32, how: String) {
        let owner = self.records.iter().rev().find_map(|record| match &record.what {
            What::Running { server, pid: known, .. } if *known == pid => Some(*server),
            _ => None,
        });
        if let Some(server) = owner {
            let what = What::Exited { server, how };
            self.records.push(Record { at: clock::now(), who: server, what });
        }
    }

    /// A line of the drill itself among the others.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn say(&mut self, text: &str) -> Result<()> {
        Ok(self.lines.say(text)?)
    }

    /// The running process of a name.
    #[must_use]
    pub fn pid(&self, name: NodeName) -> Option<i32> {
        if self.plan.kind(name).is_some() {
            return self.processes.find(name);
        }
        let (_, pid) = self.picture.servers.get(&name)?.running?;
        processes::is_ours(pid).then_some(pid)
    }

    /// `running`, `stopped` or `dead`.
    #[must_use]
    pub fn condition(&self, name: NodeName) -> &'static str {
        match self.pid(name).and_then(procfs::stat) {
            None => "dead",
            Some(stat) if stat.state == 'Z' => "dead",
            Some(stat) if stat.state == 'T' => "stopped",
            Some(_) => "running",
        }
    }

    /// Launches what does not run; the text says what was done.
    ///
    /// # Errors
    /// When a process cannot be started.
    pub fn start(&mut self, name: NodeName) -> Result<String> {
        if let Some(pid) = self.pid(name) {
            return Ok(format!("{name} runs already (process {pid})"));
        }
        if let Some(lfd) = self.plan.roster.lfd_of(name) {
            if self.pid(lfd).is_some() {
                return Ok(format!("{name}: the RM orders its launch, and {lfd} carries it out"));
            }
            let started = self.start(lfd)?;
            return Ok(format!("{started}, which launches {name}"));
        }
        let Some(kind) = self.plan.kind(name) else { bail!("{name} is not part of this run") };
        if let Kind::Client(_) = kind {
            fs::write(self.plan.path(name, "toml"), self.plan.client_file(name))?;
            if !self.clients.contains(&name) {
                self.clients.push(name);
            }
        }
        let (program, args) = self.plan.command(name, kind);
        let output = sources::pipe(name, &self.sender)?;
        let typed = matches!(kind, Kind::Client(_)) && self.plan.is_typed();
        let (input, keyboard) =
            if typed { io::pipe().map(|(r, w)| (Some(r.into()), Some(w)))? } else { (None, None) };
        let environment = self.plan.environment();
        let pid = self
            .processes
            .launch_with(name, &program, &args, output, input, &environment)
            .with_context(|| format!("cannot start {}", program.display()))?;
        if let Some(keyboard) = keyboard {
            self.keyboards.insert(name, keyboard);
        }
        Ok(format!("{name} started (process {pid})"))
    }

    /// Types a line at a process that was started with a keyboard.
    ///
    /// # Errors
    /// When it has none, or is dead.
    pub fn type_at(&mut self, name: NodeName, line: &str) -> Result<(), String> {
        let keyboard = self.keyboards.get_mut(&name).ok_or(format!("{name} has no keyboard"))?;
        keyboard.write_all(format!("{line}\n").as_bytes()).map_err(|e| format!("{name}: {e}"))
    }

    /// Sends a signal to the process of a name, and remembers a kill or a stop.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn signal(&mut self, name: NodeName, signal: Signal) -> Result<(), String> {
        let pid = self.pid(name).ok_or(format!("{name} does not run"))?;
        let at = clock::now();
        processes::signal(pid, signal)?;
        if signal == Signal::KILL {
            self.told_to_end.insert(pid);
        }
        if signal != Signal::CONT {
            let server = self.plan.kind(name).is_none();
            self.picture.hit(at, name, server, signal == Signal::STOP);
        }
        Ok(())
    }

    /// Waits until a process that was killed is gone, so that it can be launched again; on a busy
    /// machine that is not at once.
    ///
    /// # Errors
    /// When a file of the run cannot be read or written.
    pub async fn see_the_end(&mut self, name: NodeName) -> Result<()> {
        let start = Instant::now();
        let ends =
            |world: &Self| world.pid(name).is_some_and(|pid| world.told_to_end.contains(&pid));
        while ends(self) && start.elapsed() < FAREWELL {
            self.pump().await?;
        }
        Ok(())
    }

    /// Asks a process to end (SIGTERM); a stopped one cannot hear it, and is killed in the end.
    fn dismiss(&mut self, name: NodeName) {
        if let Some(pid) = self.pid(name) {
            self.told_to_end.insert(pid);
            let _ = processes::signal(pid, Signal::TERM);
        }
    }

    /// Stops the clients and waits until they have ended.
    ///
    /// # Errors
    /// The clients that did not end in time.
    pub async fn stop_clients(&mut self) -> Result<()> {
        let running: Vec<NodeName> =
            self.clients.iter().copied().filter(|name| self.pid(*name).is_some()).collect();
        running.iter().for_each(|name| self.dismiss(*name));
        let start = Instant::now();
        while running.iter().any(|name| self.pid(*name).is_some()) {
            if start.elapsed() > FAREWELL {
                bail!("a client did not end within {} s of SIGTERM", FAREWELL.as_secs());
            }
            self.pump().await?;
        }
        self.pump().await.map(drop)
    }

    /// What the members of the newest view say of themselves.
    ///
    /// # Errors
    /// The first member that does not answer.
    pub async fn states(&self) -> Result<Vec<FinalState>, String> {
        let members = self.picture.view().map(|view| view.members.clone()).unwrap_or_default();
        let mut states = Vec::new();
        for member in members {
            states.push(self.inspect(member).await.map_err(|e| format!("{member}: {e}"))?.state);
        }
        Ok(states)
    }

    /// What one server says of itself.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn inspect(&self, server: NodeName) -> Result<inspect::Standing, String> {
        let servers = &self.plan.roster.servers;
        let place = servers.iter().position(|name| *name == server).ok_or("no server")?;
        inspect::server(self.plan.server(place), INSPECTION).await
    }

    /// What the RM says of the view.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn view(&self) -> Result<wire::View, String> {
        inspect::view(ports::door(self.plan.manager(), ports::RM_CLIENTS[0]), INSPECTION).await
    }

    /// Tells the RM to switch the mode.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn switch(&mut self, mode: wire::Mode) -> Result<(), String> {
        let door = ports::door(self.plan.manager(), ports::RM_GFD);
        inspect::switch(door, mode, INSPECTION).await?;
        // An RM that is launched again is told the mode on its command line.
        self.plan.settings.mode = mode;
        Ok(())
    }

    /// Lines of audit files that could not be read.
    #[must_use]
    pub fn garbled(&self) -> Vec<String> {
        self.tails.iter().flat_map(|tail| tail.garbled().iter().cloned()).collect()
    }

    /// Ends everything: asked first, those who order launches before the servers, and then by force.
    /// Returns when nothing is left, whatever else went wrong: a terminal or a disk that takes
    /// nothing more is told only after that.
    ///
    /// # Errors
    /// What could not be ended or written.
    pub async fn end(mut self) -> Result<()> {
        let roster = self.plan.roster.clone();
        let names = roster.clients.iter().chain([&roster.rm, &roster.gfd]).chain(&roster.lfds);
        for name in names.chain(&roster.servers) {
            self.dismiss(*name);
        }
        let start = Instant::now();
        let mut written = Ok(());
        while self.processes.any_left() && start.elapsed() < FAREWELL && written.is_ok() {
            written = self.pump().await.map(drop);
        }
        processes::end_all().map_err(anyhow::Error::msg)?;
        written
    }
}

/// Checks that the cluster can be started: the programs are there, the addresses and ports are free.
///
/// # Errors
/// What is not, who holds it, and what to do.
pub fn check(plan: &Plan) -> Result<()> {
    for program in plan.programs() {
        if !program.is_file() {
            bail!("{} is missing: build it first (cargo build --release)", program.display());
        }
    }
    doors::check(&plan.doors()).map_err(|blocked| {
        anyhow::anyhow!("the ports of the cluster are not free:\n  {}", blocked.join("\n  "))
    })
}

/// Makes the directory of a run, `run/TIME-NAME`, and points `run/latest` at it.
///
/// # Errors
/// When it cannot be made.
pub fn run_directory(root: &std::path::Path, name: &str) -> Result<std::path::PathBuf> {
    let runs = root.join("run");
    let time = chrono::Local::now().format("%Y%m%d-%H%M%S");
    let make = |dir: &std::path::Path| -> io::Result<()> {
        fs::create_dir_all(&runs)?;
        fs::create_dir(dir)
    };
    for turn in 0..100 {
        let more = if turn == 0 { String::new() } else { format!("-{turn}") };
        let dir = runs.join(format!("{time}-{name}{more}"));
        match make(&dir) {
            Ok(()) => {
                let link = runs.join("latest");
                let _ = fs::remove_file(&link);
                let _ = std::os::unix::fs::symlink(dir.file_name().unwrap_or_default(), link);
                return Ok(dir);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot create {}", dir.display()));
            }
        }
    }
    bail!("cannot find a free name for the run in {}", runs.display())
}
