//! The nemesis: what it can do to a world, and what undoes it.
//!
//! Guarantees: each fault has a number and draws from its own stream, so a run without some of its
//! faults has the others as they were.
//!
//! Not here: which faults a run has, and when; see `draw` and `swarm`.

use std::time::Duration;

use wire::{Mode, NodeName};

use crate::draw::stream;
use crate::plan::{Kind, name};
use crate::random::Random;
use crate::swarm::Swarm;

/// What a nemesis can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    CrashServer,
    CrashServerAndLfd,
    /// Every member of the view at once: total loss, while a joiner may live on (R12).
    CrashMembers,
    CrashLfd,
    CrashGfd,
    CrashManager,
    CrashClient,
    FreezeServer,
    FreezeDetector,
    FreezeManager,
    Stall,
    JumpClock,
    Cut,
    CutOneWay,
    /// Between two processes of one machine.
    CutWithin,
    Isolate,
    Sever,
    PowerOff,
    HoldDisk,
    FillDisk,
    FailDisk,
    Switch,
    /// Many switches at once.
    SwitchStorm,
    /// A process of Ivy, which others wait for.
    FreezeClient,
}

/// All of them.
pub(crate) const FAULTS: [Fault; 23] = [
    Fault::CrashServer,
    Fault::CrashServerAndLfd,
    Fault::CrashMembers,
    Fault::CrashLfd,
    Fault::CrashGfd,
    Fault::CrashManager,
    Fault::CrashClient,
    Fault::FreezeServer,
    Fault::FreezeDetector,
    Fault::FreezeManager,
    Fault::Stall,
    Fault::JumpClock,
    Fault::Cut,
    Fault::CutOneWay,
    Fault::CutWithin,
    Fault::Isolate,
    Fault::Sever,
    Fault::PowerOff,
    Fault::HoldDisk,
    Fault::FillDisk,
    Fault::FailDisk,
    Fault::Switch,
    Fault::SwitchStorm,
];

/// What is left out where Ivy is played, which is passive, and what comes to it.
pub(crate) const NOT_IVY: [Fault; 2] = [Fault::Switch, Fault::SwitchStorm];
pub(crate) const ONLY_IVY: [Fault; 4] =
    [Fault::CrashClient, Fault::FreezeClient, Fault::FreezeClient, Fault::Sever];

/// What undoes a fault.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Repair {
    Restart(NodeName),
    Thaw(NodeName),
    Mend(NodeName, NodeName),
    PowerOn(NodeName),
    ReleaseDisk,
    ClearDisk,
    Switch(Mode),
}

/// The stream of a run's fault of that number.
fn of_fault(seed: u64, number: u64) -> Random {
    stream(seed, 1000 + number)
}

impl Swarm {
    /// The next fault, unless it is left out.
    pub(crate) fn fault(&mut self) {
        self.faults += 1;
        let mut random = of_fault(self.world.plan.seed, self.faults);
        let Some(fault) = random.pick(&self.settings.faults).copied() else { return };
        if !self.settings.narrowed.allows(self.faults) {
            return;
        }
        self.happened.push(self.faults);
        let server = self.any_server(&mut random);
        match fault {
            Fault::CrashServer => {
                self.world.crash(server);
            }
            Fault::CrashServerAndLfd => {
                self.world.crash(server);
                self.crash(lfd_of(server), &mut random);
            }
            Fault::CrashMembers => self.crash_members(),
            Fault::CrashLfd => self.crash(lfd_of(server), &mut random),
            Fault::CrashGfd => self.crash(name("GFD"), &mut random),
            Fault::CrashManager => self.crash(name("RM"), &mut random),
            Fault::CrashClient => {
                let clients = self.world.plan.client_names();
                if let Some(client) = random.pick(&clients).copied() {
                    self.crash(client, &mut random);
                }
            }
            Fault::FreezeServer => self.freeze(server, &mut random),
            Fault::FreezeDetector => {
                let who = if random.chance(50) { name("GFD") } else { lfd_of(server) };
                self.freeze(who, &mut random);
            }
            Fault::FreezeManager => self.freeze(name("RM"), &mut random),
            Fault::FreezeClient => {
                let clients = self.world.plan.client_names();
                if let Some(client) = random.pick(&clients).copied() {
                    self.freeze(client, &mut random);
                }
            }
            other => self.fault_of_things(other, server, &mut random),
        }
    }

    /// Faults of clocks, links, machines and disks.
    fn fault_of_things(&mut self, fault: Fault, server: NodeName, random: &mut Random) {
        match fault {
            Fault::Stall => {
                let who = self.anybody(random);
                self.world.stall(who, random.between(1000, 3_000_000));
            }
            Fault::JumpClock => {
                let who = self.anybody(random);
                let most = *random.pick(&[100_000, 2_000_000, 60_000_000]).unwrap_or(&100_000);
                self.world.jump(who, Duration::from_micros(random.between(1000, most)));
            }
            Fault::Sever => {
                let draw = random.draw() >> 1;
                self.world.sever(draw, random.chance(50));
            }
            Fault::PowerOff => {
                self.world.power_off(server);
                self.later(Repair::PowerOn(server), random);
            }
            Fault::HoldDisk => {
                self.world.hold_disk();
                self.later(Repair::ReleaseDisk, random);
            }
            Fault::FillDisk => {
                self.world.disk.full = true;
                self.later(Repair::ClearDisk, random);
            }
            Fault::FailDisk => self.world.disk.fails_once = true,
            Fault::Switch => self.switch(any_mode(random)),
            Fault::SwitchStorm => {
                for _ in 0..random.between(2, 6) {
                    let at = self.world.now() + Duration::from_micros(random.below(1_000_000));
                    self.repair_at(at, Repair::Switch(any_mode(random)));
                }
            }
            other => self.fault_of_links(other, server, random),
        }
    }

    fn fault_of_links(&mut self, fault: Fault, server: NodeName, random: &mut Random) {
        let (one, other) = (self.anybody(random), self.anybody(random));
        match fault {
            Fault::CutOneWay => {
                self.world.cut_one_way(one, other);
                self.later(Repair::Mend(one, other), random);
            }
            Fault::CutWithin => {
                let manager = (name("RM"), name("GFD"));
                let (one, other) =
                    if random.chance(30) { manager } else { (lfd_of(server), server) };
                self.world.cut(one, other);
                self.later(Repair::Mend(one, other), random);
            }
            Fault::Isolate => {
                self.world.isolate(one);
                for (from, to) in self.world.network().cut_ways() {
                    if from == one || to == one {
                        self.later(Repair::Mend(from, to), random);
                    }
                }
            }
            _ => {
                self.world.cut(one, other);
                self.later(Repair::Mend(one, other), random);
            }
        }
    }

    fn any_server(&self, random: &mut Random) -> NodeName {
        let n = random.between(1, self.world.plan.servers);
        name(&format!("S{n}"))
    }

    fn anybody(&self, random: &mut Random) -> NodeName {
        let all = self.world.everybody();
        random.pick(&all).map_or_else(|| name("RM"), |kind| kind.name())
    }

    fn crash_members(&mut self) {
        let Some(view) = self.world.ledger().current() else { return };
        let members: Vec<NodeName> = view.members.iter().map(|m| m.name.into()).collect();
        for member in members {
            self.world.crash(member);
        }
    }

    fn switch(&mut self, mode: Mode) {
        self.world.type_line(name("RM"), &format!("switch {mode}"));
    }

    fn crash(&mut self, who: NodeName, random: &mut Random) {
        if self.world.crash(who) {
            self.later(Repair::Restart(who), random);
        }
    }

    fn freeze(&mut self, who: NodeName, random: &mut Random) {
        if self.world.freeze(who) {
            self.later(Repair::Thaw(who), random);
        }
    }

    fn later(&mut self, repair: Repair, random: &mut Random) {
        let at = self.world.now() + random.within(self.settings.repair_after);
        self.repair_at(at, repair);
    }

    pub(crate) fn repair(&mut self, repair: Repair) {
        match repair {
            Repair::Restart(who) => {
                self.world.restart(who);
            }
            Repair::Thaw(who) => {
                self.world.thaw(who);
            }
            Repair::Mend(from, to) => {
                self.world.mend(from, to);
                self.world.mend(to, from);
            }
            Repair::PowerOn(who) => {
                self.world.power_on(who);
                self.world.restart(lfd_of(who));
            }
            Repair::ReleaseDisk => self.world.release_disk(),
            Repair::ClearDisk => self.world.disk.full = false,
            Repair::Switch(mode) => self.switch(mode),
        }
    }

    pub(crate) fn repair_everything(&mut self) {
        self.repairs.clear();
        self.world.disk.full = false;
        self.world.disk.fails_once = false;
        self.world.release_disk();
        self.world.heal();
        for kind in self.world.everybody() {
            self.world.thaw(kind.name());
            // A server is its LFD's to launch.
            if !matches!(kind, Kind::Server(_)) {
                self.world.restart(kind.name());
            }
        }
    }
}

fn any_mode(random: &mut Random) -> Mode {
    if random.chance(50) { Mode::Active } else { Mode::Passive }
}

fn lfd_of(server: NodeName) -> NodeName {
    name(&format!("LFD{}", &server.as_str()[1..]))
}
