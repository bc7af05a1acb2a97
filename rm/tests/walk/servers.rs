//! Servers and their LFDs, as far as the RM sees them.

use rm::Record;
use wire::{
    Change, ClusterId, Epoch, Gone, Incarnation, Member, Message, Phase, ReplicaName, Reported,
    Urgency, Why,
};

use super::{Process, Walk, gfd_name};

impl Walk {
    pub(super) fn order(&mut self, message: Message) {
        match &message {
            Message::Ready { view: Some(view), .. } | Message::View { view, .. } => {
                self.check_told(&view.clone());
            }
            Message::Launch { server, order: Some(order) } => {
                let record = self.record.as_ref().map(|text| Record::from_text(text).unwrap());
                let member = record.is_some_and(|r| r.view.contains(*server, order.incarnation));
                let target = &self.servers[server];
                let exists =
                    target.run == order.incarnation && !matches!(target.process, Process::Dead(_));
                let seed = self.seed;
                assert!(!(member && exists), "seed {seed}: R6: a living member is launched over");
            }
            _ => {}
        }
        if !self.calm && self.dice.roll(5) == 0 {
            return;
        }
        let Some(name) = detect::ordered(&message) else { return };
        if self.servers[&name].monitored {
            self.deliver(name, message);
        }
    }

    fn deliver(&mut self, name: ReplicaName, message: Message) {
        let impatient = self.dice.roll(3) == 0;
        let Some(server) = self.servers.get_mut(&name) else { return };
        let runs = server.process == Process::Runs;
        match message {
            Message::Ready { view: Some(view), .. }
                if runs && view.epoch >= server.epoch && view.contains(name, server.run) =>
            {
                if view.epoch > server.epoch {
                    server.joint.clear();
                }
                let primary = view.primary == name;
                server.phase = if primary { Phase::Primary } else { Phase::Backup };
                (server.cluster, server.epoch) = (view.cluster, view.epoch);
                server.view = Some(view);
                self.report(name);
            }
            Message::View { view, .. }
                if runs && view.epoch >= server.epoch && !view.contains(name, server.run) =>
            {
                (server.phase, server.epoch) = (Phase::Joiner, view.epoch);
                self.report(name);
            }
            Message::SendCheckpoint { joiner, order: Some((epoch, run, _)), .. } => {
                let primary = server.phase == Phase::Primary && server.epoch == epoch;
                let (cluster, log) = (server.cluster, server.log.clone());
                let Some(target) = self.servers.get_mut(&joiner) else { return };
                let there = target.process == Process::Runs && target.run == run;
                if runs && primary && there && target.epoch <= epoch {
                    (target.cluster, target.log) = (cluster, log);
                    self.servers.get_mut(&name).unwrap().joint.push((joiner, run));
                    let join = Message::Join { from: name, joiner, epoch, incarnation: run };
                    self.late.push(join.clone());
                    self.rising.push(join);
                    self.report(joiner);
                }
            }
            Message::Handover { from, to, epoch } if runs && server.epoch == epoch => {
                let drained = Message::Drained { from, to, epoch };
                self.late.push(drained.clone());
                self.rising.push(drained);
            }
            Message::Launch { order: Some(order), .. } if order.incarnation == server.run => {
                let relaunched = match server.process {
                    Process::Dead(_) => true,
                    Process::Hangs => impatient || order.urgency == Urgency::Now,
                    Process::Runs => order.urgency == Urgency::Now,
                };
                if relaunched {
                    self.relaunch(name);
                }
            }
            _ => {}
        }
    }

    pub(super) fn relaunch(&mut self, name: ReplicaName) {
        self.runs += 1;
        let run = Incarnation(self.runs);
        let server = self.servers.get_mut(&name).unwrap();
        (server.process, server.run) = (Process::Runs, run);
        (server.cluster, server.epoch, server.phase) = (ClusterId(0), Epoch(0), Phase::Joiner);
        (server.view, server.log) = (None, Vec::new());
        server.joint.clear();
        self.report(name);
    }

    /// R1: what the primary appends is acknowledged once everybody has it who is required: all
    /// members in its epoch, and the joiners whose acks it asked for. A joiner that is gone is
    /// complained of.
    pub(super) fn append(&mut self, name: ReplicaName) {
        let primary = &self.servers[&name];
        let (epoch, cluster) = (primary.epoch, primary.cluster);
        let Some(view) = primary.view.clone() else { return };
        if primary.process != Process::Runs || primary.phase != Phase::Primary {
            return;
        }
        let joins = |(joiner, run): &(ReplicaName, Incarnation)| {
            let server = &self.servers[joiner];
            server.run == *run && server.process == Process::Runs && server.epoch <= epoch
        };
        let lost = primary.joint.iter().find(|joint| !joins(joint)).copied();
        let joint = primary.joint.clone();
        if let Some((suspect, run)) = lost {
            let detail = Some((run, Why::Abandoned));
            return self.rising.push(Message::Suspect { from: name, suspect, epoch, detail });
        }
        let agrees = |m: &Member| {
            let server = &self.servers[&m.name];
            server.run == m.incarnation
                && server.process == Process::Runs
                && server.epoch == epoch
                && server.phase != Phase::Joiner
        };
        if !view.members.iter().all(agrees) {
            return;
        }
        self.runs += 1;
        let mut log = primary.log.clone();
        let seed = self.seed;
        let before = self.acknowledged.entry(cluster).or_default();
        assert!(log.starts_with(before), "seed {seed}: I4: {name} lost what was acknowledged");
        log.push(self.runs);
        *before = log.clone();
        for member in view.members.iter().map(|m| m.name).chain(joint.into_iter().map(|j| j.0)) {
            self.servers.get_mut(&member).unwrap().log = log.clone();
        }
    }

    fn word(&self, name: ReplicaName) -> Message {
        let server = &self.servers[&name];
        let change = match server.process {
            _ if !server.monitored => Change::Unmonitored,
            Process::Runs => Change::Add(Some(Reported {
                incarnation: server.run,
                address: ([127, 0, 0, 1], 8000).into(),
                cluster: server.cluster,
                epoch: server.epoch,
                phase: server.phase,
            })),
            Process::Hangs => Change::Delete(Some((server.run, Gone::Silent))),
            Process::Dead(gone) => Change::Delete(Some((server.run, gone))),
        };
        Message::Membership { from: gfd_name(), server: name, change }
    }

    pub(super) fn report(&mut self, name: ReplicaName) {
        let word = self.word(name);
        self.rising.push(word);
    }
}
