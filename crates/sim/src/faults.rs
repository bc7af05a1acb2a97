//! What somebody outside does to a world: crashes, stops, cuts, restarts, and typed lines.
//!
//! Not here: who does it, and when; that is a script, or `swarm`.

use std::time::Duration;

use node::Input;
use wire::NodeName;

use crate::network::{Flow, Pipe, PipeId, Segment, machine};
use crate::observe::{Seen, Sight};
use crate::plan::Kind;
use crate::process::{Mail, Pid};
use crate::world::{Happening, World};

/// When the kernel asks whether the peer of a silent connection is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

impl World {
    /// Says what is done, to those who watch.
    fn done(&mut self, to: NodeName, what: &str) {
        let pid = self.names.get(&to).copied().unwrap_or_default();
        self.show(&Sight { at: self.now, who: to, pid, what: Seen::Done(what) });
    }

    fn pid(&self, name: NodeName) -> Option<Pid> {
        self.names.get(&name).copied()
    }

    /// Ends a process at once (SIGKILL). Says whether it ran.
    pub fn crash(&mut self, name: NodeName) -> bool {
        let Some(pid) = self.pid(name) else { return false };
        self.done(name, "crash");
        self.end_process(pid, "signal 9", Segment::Fin);
        true
    }

    /// Starts a process that does not run. Says whether it did not.
    pub fn restart(&mut self, name: NodeName) -> bool {
        let Some(kind) = Kind::of(name).filter(|_| self.pid(name).is_none()) else { return false };
        self.done(name, "restart");
        let pid = self.next_pid();
        self.start_process(pid, kind);
        true
    }

    /// Stops a process (SIGSTOP). Says whether it ran.
    pub fn freeze(&mut self, name: NodeName) -> bool {
        let pid = self.pid(name);
        let Some(process) = pid.and_then(|pid| self.processes.get_mut(pid.into())) else {
            return false;
        };
        let ran = !std::mem::replace(&mut process.frozen, true);
        self.done(name, "freeze");
        ran
    }

    /// Continues it (SIGCONT). Says whether it was stopped.
    pub fn thaw(&mut self, name: NodeName) -> bool {
        let Some(pid) = self.pid(name) else { return false };
        let Some(process) = self.processes.get_mut(pid.into()) else { return false };
        if !std::mem::replace(&mut process.frozen, false) {
            return false;
        }
        process.turn_due = false;
        self.done(name, "thaw");
        self.turn_soon(pid);
        true
    }

    /// Cuts the link between two processes, in one direction.
    pub fn cut_one_way(&mut self, from: NodeName, to: NodeName) {
        self.network.cut(from, to);
        self.done(from, &format!("cut to {to}"));
    }

    /// Cuts it in both.
    pub fn cut(&mut self, one: NodeName, other: NodeName) {
        self.cut_one_way(one, other);
        self.cut_one_way(other, one);
    }

    /// Mends one way, if it was cut.
    pub fn mend(&mut self, from: NodeName, to: NodeName) {
        self.network.mend(self.now, from, to);
        self.done(from, &format!("mend to {to}"));
        self.resume_flows();
    }

    /// Mends every link and switches every machine on.
    pub fn heal(&mut self) {
        for (from, to) in self.network.cut_ways() {
            self.network.mend(self.now, from, to);
        }
        let off: Vec<u8> = self.network.off.iter().copied().collect();
        for machine in off {
            self.network.off.remove(&machine);
        }
        self.done(crate::plan::name("RM"), "heal");
        self.resume_flows();
    }

    /// Cuts a machine's processes off from all others.
    pub fn isolate(&mut self, name: NodeName) {
        let Some(kind) = Kind::of(name) else { return };
        let everybody = self.everybody();
        let here = |k: &Kind| machine(*k) == machine(kind);
        for inside in everybody.iter().filter(|k| here(k)) {
            for outside in everybody.iter().filter(|k| !here(k)) {
                self.network.cut(inside.name(), outside.name());
                self.network.cut(outside.name(), inside.name());
            }
        }
        self.done(name, "isolate");
    }

    /// Every process that the plan knows of.
    #[must_use]
    pub fn everybody(&self) -> Vec<Kind> {
        let servers = self.plan.server_names().into_iter().map(NodeName::from);
        let all = self.plan.first_processes().into_iter().chain(servers);
        all.filter_map(Kind::of).collect()
    }

    /// A machine loses its power: its processes end, and nobody is told.
    pub fn power_off(&mut self, name: NodeName) {
        let Some(kind) = Kind::of(name) else { return };
        self.done(name, "power off");
        self.network.off.insert(machine(kind));
        let here: Vec<Pid> = self
            .processes
            .iter()
            .filter(|p| machine(p.kind) == machine(kind))
            .map(|p| p.pid)
            .collect();
        for pid in here {
            self.end_process(pid, "power off", Segment::Reset);
        }
    }

    /// It gets its power back; nothing starts by itself.
    pub fn power_on(&mut self, name: NodeName) {
        let Some(kind) = Kind::of(name) else { return };
        self.network.off.remove(&machine(kind));
        self.done(name, "power on");
        self.resume_flows();
    }

    /// Types a line at a process. Says whether it runs.
    pub fn type_line(&mut self, name: NodeName, line: &str) -> bool {
        let Some(pid) = self.pid(name) else { return false };
        self.post(pid, Mail::Input(Input::Line(line.to_owned())));
        true
    }

    /// The disk stops finishing what it writes.
    pub fn hold_disk(&mut self) {
        self.disk.held = true;
    }

    /// It goes on.
    pub fn release_disk(&mut self) {
        self.disk.held = false;
        self.write_soon();
    }

    /// A process's clock jumps ahead. Says whether it runs.
    pub fn jump(&mut self, name: NodeName, by: Duration) -> bool {
        let Some(pid) = self.pid(name) else { return false };
        if let Some(process) = self.processes.get_mut(pid.into()) {
            process.jump(by);
        }
        self.done(name, &format!("clock jumps by {by:?}"));
        self.turn_soon(pid);
        true
    }

    /// Breaks one of the connections that are open, chosen by `draw`: what was under way on it is
    /// lost, and one end is told so, or both.
    pub fn sever(&mut self, draw: u64, both: bool) {
        let open = |pipe: &Pipe| pipe.connected && pipe.ends.iter().all(|end| !end.closed);
        let pipes = self.network.pipes.iter_mut().filter(|(_, pipe)| open(pipe));
        let ids: Vec<PipeId> = pipes.map(|(id, _)| id).collect();
        let Some(id) = usize::try_from(draw).ok().and_then(|n| ids.get(n % ids.len().max(1)))
        else {
            return;
        };
        let Some(pipe) = self.network.pipes.get_mut(*id) else { return };
        pipe.flows = [Flow::default(), Flow::default()];
        let ends = [0, 1].map(|side| (pipe.ends[side].name, pipe.ends[side].pid));
        let what = if both { "connection broken with" } else { "connection half-open with" };
        let first = usize::try_from(draw >> 32 & 1).unwrap_or(0);
        let told = if both { 0..2 } else { first..first + 1 };
        for end in &mut pipe.ends[told.clone()] {
            end.severed = true;
        }
        self.done(ends[0].0, &format!("{what} {}", ends[1].0));
        let id = *id;
        for (side, (_, pid)) in ends.into_iter().enumerate() {
            if told.contains(&side) {
                self.post(pid, Mail::Severed(id));
            } else {
                // The peer's machine knows nothing of what keeps the connection alive.
                let lost = Happening::Post(pid, Box::new(Mail::Broken(id)));
                self.at(self.now + KEEP_ALIVE, lost);
            }
        }
    }

    /// A process gets nothing done for a while although it is not stopped: its machine is busy.
    pub fn stall(&mut self, name: NodeName, micros: u64) {
        let Some(pid) = self.pid(name) else { return };
        let Some(process) = self.processes.get_mut(pid.into()) else { return };
        if process.frozen || process.turn_due {
            return;
        }
        process.turn_due = true;
        let at = self.now + Duration::from_micros(micros);
        self.at(at, Happening::Turn(pid));
    }
}
