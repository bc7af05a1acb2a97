//! What the outputs of roles do in a world, and how its processes start and end.
//!
//! Guarantees: obligations 2, 3 and 11 of `node`; one running process per name, as the lock of the
//! programs has it; a server outlives its LFD.
//!
//! Not here: connections; see `traffic`.

use std::time::Duration;

use client::Client;
use gfd::GlobalFaultDetector;
use lfd::LocalFaultDetector;
use node::mutant::{Mutant, is_off};
use node::{Event, Input, Output, RUNS_ALREADY};
use rm::ReplicationManager;
use server::Replica;
use wire::{ClientName, ClusterId, Incarnation, NodeName, ReplicaName, ports};

use crate::hosted::Hosted;
use crate::network::Segment;
use crate::observe::{Seen, Sight};
use crate::plan::{Kind, name};
use crate::process::{Actor, Mail, Pid, Process};
use crate::world::{Happening, World, Write};

/// How long it takes until somebody is told that a process has ended, in microseconds at most.
const REAPED: u64 = 200;

impl World {
    /// Does one thing that a role wants done.
    pub(crate) fn perform(&mut self, pid: Pid, output: Output) {
        match output {
            Output::Dial(conn, at) => self.dial(pid, conn, at),
            Output::Send(conn, message) => self.send(pid, conn, message),
            Output::SendMany(conns, messages) => {
                for conn in conns {
                    for message in &messages {
                        self.send(pid, conn, message.clone());
                    }
                }
            }
            Output::Close(conn) => self.close(pid, conn),
            Output::Pause(conn) => self.pause(pid, conn),
            Output::Resume(conn) => self.resume(pid, conn),
            Output::Launch(server) => self.launch(pid, server),
            Output::Adopt(of) => self.adopt(pid, of),
            Output::Kill(of) => self.end_process(of, "signal 9", Segment::Fin),
            Output::Persist(record) => self.persist(pid, record),
            Output::Note(event) => self.note(pid, &event),
            Output::Exit(code) => {
                self.flush(pid);
                self.end_process(pid, &format!("exit code {code}"), Segment::Fin);
            }
        }
    }

    fn note(&mut self, pid: Pid, event: &Event) {
        self.see(pid, Seen::Noted(event));
    }

    fn pause(&mut self, pid: Pid, conn: node::Conn) {
        let Some(process) = self.processes.get_mut(pid.into()) else { return };
        if let Some(id) = process.conns.get(&conn) {
            process.paused.insert(*id, ());
        }
    }

    fn resume(&mut self, pid: Pid, conn: node::Conn) {
        let Some(process) = self.processes.get_mut(pid.into()) else { return };
        let Some(id) = process.conns.get(&conn).copied() else { return };
        if process.paused.remove(&id).is_none() {
            return;
        }
        let held = std::mem::take(&mut process.held);
        for mail in held {
            let this = matches!(&mail, Mail::Of(of, _) | Mail::End(of) if *of == id);
            if this { process.mail.push_back(mail) } else { process.held.push_back(mail) }
        }
        self.turn_soon(pid);
    }

    // ---- the disk ----

    fn persist(&mut self, pid: Pid, record: String) {
        self.see(pid, Seen::PersistAsked(&record));
        self.disk.writes += 1;
        let number = self.disk.writes;
        self.disk.writing = Some(Write { number, pid, record });
        if !self.disk.held {
            self.write_soon();
        }
    }

    /// What is being written will be on the disk soon.
    pub(crate) fn write_soon(&mut self) {
        let Some(write) = self.disk.writing.clone() else { return };
        let at = self.now + self.random.within(self.plan.disk);
        self.at(at, Happening::Written { pid: write.pid, write: write.number });
    }

    pub(crate) fn written(&mut self, pid: Pid, number: u64) {
        let Some(write) = self.disk.writing.take_if(|w| w.number == number) else { return };
        let error = std::mem::take(&mut self.disk.fails_once);
        if self.disk.full || error {
            let why = if error { "input/output error" } else { "no space left on the device" };
            let text = why.to_owned();
            return self.post(pid, Mail::Input(Input::PersistFailed(text)));
        }
        self.see(pid, Seen::Persisted(&write.record));
        self.disk.record = Some(write.record);
        self.post(pid, Mail::Input(Input::Persisted));
    }

    /// A crash of the RM: what was not on the disk is lost, or was there already and nobody knew.
    fn tear(&mut self, pid: Pid) {
        if let Some(write) = self.disk.writing.take_if(|w| w.pid == pid)
            && self.disk.keeps > 0
            && self.random.chance(self.disk.keeps)
        {
            let what = Seen::Persisted(&write.record);
            self.show(&Sight { at: self.now, who: name("RM"), pid, what });
            self.disk.record = Some(write.record);
        }
    }

    // ---- processes ----

    fn launch(&mut self, lfd: Pid, server: ReplicaName) {
        let Some(kind) = Kind::of(server.into()) else { return };
        let pid = self.next_pid();
        if let Some(running) = self.process(kind.name()).map(|p| self.now.since(p.born)) {
            let what = Seen::LaunchedTwice { running };
            self.show(&Sight { at: self.now, who: kind.name(), pid, what });
        }
        self.watched.insert(pid, lfd);
        self.post(lfd, Mail::Input(Input::Launched { pid }));
        let at = self.now + self.random.within(self.plan.launch);
        self.at(at, Happening::Start { pid, kind });
    }

    fn adopt(&mut self, lfd: Pid, pid: Pid) {
        self.watched.insert(pid, lfd);
        if self.processes.get(pid.into()).is_some() {
            self.post(lfd, Mail::Input(Input::Launched { pid }));
        } else {
            self.reap(pid, "gone");
        }
    }

    /// A process starts, unless one of its name runs already: then its lock is taken, and it ends.
    pub(crate) fn start_process(&mut self, pid: Pid, kind: Kind) {
        let dark = self.network.off.contains(&crate::network::machine(kind));
        if self.names.contains_key(&kind.name()) && !is_off(Mutant::TwoOfAName) {
            return self.reap(pid, &format!("exit code {RUNS_ALREADY}"));
        }
        if dark {
            return;
        }
        let actor = match self.make(pid, kind) {
            Ok(actor) => actor,
            Err(text) => {
                let what = Seen::Ended(&text);
                self.show(&Sight { at: self.now, who: kind.name(), pid, what });
                return self.reap(pid, "exit code 2");
            }
        };
        let skew = self.plan.skew.min(900_000);
        let rate = self.random.between(1_000_000 - skew, 1_000_000 + skew);
        let process = Process::new(pid, kind, actor, self.now, rate);
        self.processes.insert(pid.into(), process);
        self.names.insert(kind.name(), pid);
        self.see(pid, Seen::Started);
        self.post(pid, Mail::Input(Input::Start));
    }

    /// A process ends: its sockets are closed, and whoever watches it is told.
    pub(crate) fn end_process(&mut self, pid: Pid, how: &str, last: Segment) {
        self.see(pid, Seen::Ended(how));
        let Some(process) = self.processes.remove(pid.into()) else {
            // It was launched and has not come so far.
            return self.reap(pid, how);
        };
        self.names.remove(&process.name);
        for id in process.conns.values() {
            self.shut(pid, *id, Some(last.clone()));
        }
        self.tear(pid);
        self.watched.retain(|_, lfd| *lfd != pid);
        self.reap(pid, how);
    }

    fn reap(&mut self, pid: Pid, how: &str) {
        if let Some(lfd) = self.watched.remove(&pid) {
            let exited = Input::Exited { pid, how: how.to_owned() };
            let at = self.now + Duration::from_micros(self.random.below(REAPED));
            self.at(at, Happening::Post(lfd, Box::new(Mail::Input(exited))));
        }
    }

    fn make(&mut self, pid: Pid, kind: Kind) -> Result<Actor, String> {
        self.incarnations += 1;
        let number = self.incarnations;
        Ok(match kind {
            Kind::Manager => {
                let role =
                    ReplicationManager::new(self.manager(number), self.disk.record.as_deref())
                        .map_err(|error| error.to_string())?;
                Actor::Manager(Box::new(role))
            }
            Kind::Global => Actor::Global(Box::new(GlobalFaultDetector::new(gfd::Config {
                name: kind.name(),
                rm: ports::door(Kind::Manager.address(), ports::RM_GFD),
                heartbeat_period: self.plan.heartbeat_period,
                heartbeat_timeout: self.plan.heartbeat_timeout,
            }))),
            Kind::Local(n) => Actor::Local(Box::new(LocalFaultDetector::new(self.local(n)))),
            Kind::Server(_) => {
                let config = self.replica(pid, kind, number);
                Actor::Server(Box::new(Replica::new(config, Hosted::of(&self.plan))))
            }
            Kind::Client(_) => {
                let nonce = self.nonce();
                Actor::Client(Box::new(Client::new(self.client(kind, nonce))))
            }
            Kind::Process(_) => {
                let nonce = self.nonce();
                Actor::Ivy(Box::new(client::ivy::Process::new(self.ivy(kind, nonce))))
            }
        })
    }

    /// What a client's wall clock says at its start, in microseconds, if it was not set back.
    fn nonce(&mut self) -> u64 {
        let back = self.random.chance(self.plan.clocks_set_back);
        let wall = u64::try_from(self.plan.wall_clock.as_micros()).unwrap_or(0);
        let set_back = self.random.below(if back { wall } else { 0 });
        1 + (self.now + self.plan.wall_clock).as_micros() - set_back
    }

    fn manager(&self, number: u64) -> rm::Config {
        let plan = &self.plan;
        rm::Config {
            name: name("RM"),
            mode: plan.mode,
            fresh: false,
            fresh_cluster: ClusterId(1000 + number),
            prefer: plan.prefer,
            on_total_loss: plan.on_total_loss,
            force_unclean: None,
            heartbeat_timeout: plan.manager_timeout,
            grace: plan.grace,
            hold_down: plan.hold_down,
            stable_before_failback: plan.stable_before_failback,
        }
    }

    fn local(&self, n: u8) -> lfd::Config {
        let plan = &self.plan;
        let lane = ports::lane(Kind::Local(n).name().as_str(), ports::GFD_LFDS.len());
        lfd::Config {
            name: Kind::Local(n).name(),
            server: ReplicaName::from(Kind::Server(n).name()),
            server_address: ports::door(Kind::Server(n).address(), ports::SERVER_LFD),
            gfd: ports::door(Kind::Global.address(), ports::GFD_LFDS[lane]),
            heartbeat_period: plan.heartbeat_period,
            heartbeat_timeout: plan.heartbeat_timeout,
            hung_grace: plan.hung_grace,
        }
    }

    fn replica(&self, pid: Pid, kind: Kind, number: u64) -> server::Config {
        let plan = &self.plan;
        server::Config {
            name: ReplicaName::from(kind.name()),
            incarnation: Incarnation(number),
            pid,
            address: kind.address(),
            checkpoint_period: plan.checkpoint_period,
            ack_timeout: plan.ack_timeout,
            peer_timeout: plan.peer_timeout,
            frame_limit: plan.frame_limit,
            narrate: false,
            audit: true,
        }
    }

    fn ivy(&self, kind: Kind, nonce: u64) -> client::ivy::Config {
        client::ivy::Config {
            name: kind.name().as_str().parse::<ClientName>().expect("a process's name"),
            rm: Kind::Manager.address(),
            address: ports::door(kind.address(), ports::PROCESS_PAGES),
            nonce,
            round: self.plan.round,
        }
    }

    fn client(&self, kind: Kind, nonce: u64) -> client::Config {
        let plan = &self.plan;
        let short_form = plan.is_short(kind.name());
        let servers = plan
            .server_names()
            .into_iter()
            .filter_map(|server| Some((server, Kind::of(NodeName::from(server))?.address())));
        client::Config {
            name: kind.name().as_str().parse::<ClientName>().expect("a client's name"),
            rm: Kind::Manager.address(),
            servers: servers.collect(),
            nonce,
            window: if short_form { 1 } else { plan.window },
            source: client::Source::Keyboard,
            retry: Duration::from_millis(200),
            round: plan.round,
            short_form,
        }
    }
}
