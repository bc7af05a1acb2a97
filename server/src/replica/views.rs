//! Views: what a replica becomes when the RM has decided.
//!
//! Views come from the RM through GFD and LFD (`ready` to members, `view` to the others) and from the
//! primary (`sync`); either way they were persisted before they were announced (I12). A replica
//! adopts the highest, each epoch once (I1).

use node::mutant::{Mutant, is_off};
use node::{Conn, Event, Output, Time};
use wire::{ClusterId, Epoch, Mode, Role, Sequence, View};

use super::following::Following;
use super::leading::{Checkpoints, Leading};
use super::links::State;
use super::{Replica, Standing};
use crate::service::Service;

impl<S: Service> Replica<S> {
    /// Adopts a view, unless it is older than what is known. Says whether it is the view now.
    pub(super) fn adopt(&mut self, now: Time, view: &View, out: &mut Vec<Output>) -> bool {
        let lower = is_off(Mutant::AcceptLower) && view.epoch < self.epoch;
        if view.epoch < self.epoch && !lower {
            return false;
        }
        let newest = self.view.as_ref().filter(|known| known.epoch >= view.epoch && !lower);
        if let Some(known) = newest {
            if known.epoch == view.epoch && known != view {
                let text = format!("two views of epoch {}: {known} and {view} (I2)", view.epoch);
                out.push(Output::Note(Event::Warning(text)));
            }
            return known == view;
        }
        let member = view.contains(self.config.name, self.config.incarnation);
        let founding = view.members.len() == 1 && view.cluster != self.cluster;
        if member && founding {
            self.begin_cluster(view);
        }
        if member && !(self.whole && self.cluster == view.cluster) {
            let text = format!("named a member of {view} without its state; waiting to be joined");
            out.push(Output::Note(Event::Warning(text)));
            return false;
        }
        self.epoch = view.epoch;
        let before = self.view.replace(view.clone());
        out.push(Output::Note(Event::ViewAdopted { by: self.name(), view: view.clone() }));
        let was_member =
            before.is_some_and(|b| b.contains(self.config.name, self.config.incarnation));
        match view.role(self.config.name).filter(|_| member) {
            Some(Role::Primary) => self.become_primary(now, out),
            Some(Role::Backup) => self.become_backup(now, out),
            None => self.become_joiner(now, out),
        }
        if let Some(role) = view.role(self.config.name).filter(|_| member) {
            out.push(Output::Note(Event::RoleTaken { mode: view.mode, role }));
            if !was_member {
                out.push(Output::Note(Event::ServerReady));
            }
        } else if was_member {
            out.push(Output::Note(Event::FencedOut { by: self.name(), epoch: view.epoch }));
        }
        true
    }

    /// A new cluster begins with nothing, or with what the one server holds that the operator lets
    /// lead although it may not be the newest (R12, `rm --force-unclean`).
    fn begin_cluster(&mut self, view: &View) {
        let keeps = is_off(Mutant::KeepLostState);
        let goes_on = self.whole && (keeps || view.cluster == self.cluster.continued());
        self.cluster = view.cluster;
        if goes_on {
            return;
        }
        self.machine.reset(&self.initial);
        self.log.reset(Sequence(0));
        self.clients.restored(&self.machine.sessions);
        self.committed = Sequence(0);
        self.whole = true;
    }

    fn become_primary(&mut self, now: Time, out: &mut Vec<Output>) {
        let (mut before, leader) = self.leave_standing(out);
        out.extend(leader.map(Output::Close));
        let links = before.as_mut().map(|b| std::mem::take(&mut b.links)).unwrap_or_default();
        let checkpoints = Checkpoints {
            at: now + self.config.checkpoint_period,
            count: 0,
            sequence: self.machine.executed(),
        };
        let leading =
            Leading::new((self.committed, self.log.last()), before.map(|b| *b), checkpoints);
        self.standing = Standing::Primary(Box::new(leading));
        // What a passive backup knows to be committed is replayed before anything else (R2).
        self.execute_to(self.committed, out);
        if let Standing::Primary(leading) = &mut self.standing {
            for entry in self.log.after(self.committed) {
                leading.pending.appended(entry);
            }
        }
        self.relink(now, links.into_values().collect(), out);
        self.order_waiting(now, out);
    }

    fn become_backup(&mut self, now: Time, out: &mut Vec<Output>) {
        let leader = self.stop_leading(out);
        self.standing = Standing::Backup(Following::new(now, leader));
        self.dismiss_clients(out);
        if is_off(Mutant::LoseBuffer) {
            self.clients.links.values_mut().for_each(|link| link.waiting.clear());
        }
        if self.mode() == Some(Mode::Active) {
            if is_off(Mutant::SwitchWithoutReplay) {
                self.machine.pass_over(self.committed);
            }
            self.execute_to(self.committed, out);
            self.answer_waiting(out);
        }
    }

    fn become_joiner(&mut self, now: Time, out: &mut Vec<Output>) {
        let leader = self.stop_leading(out);
        self.standing = Standing::Joiner(Following::new(now, leader));
        self.dismiss_clients(out);
    }

    /// Ends what this replica was: a primary's links are closed, a follower's leader is handed on.
    fn stop_leading(&mut self, out: &mut Vec<Output>) -> Option<Conn> {
        let (before, leader) = self.leave_standing(out);
        let links = before.into_iter().flat_map(|leading| leading.links.into_values());
        out.extend(links.filter(|l| l.state != State::Down).map(|l| Output::Close(l.conn)));
        leader
    }

    fn leave_standing(&mut self, out: &mut Vec<Output>) -> (Option<Box<Leading>>, Option<Conn>) {
        self.pause_clients(false, out);
        let joiner = Standing::Joiner(Following::default());
        match std::mem::replace(&mut self.standing, joiner) {
            Standing::Primary(leading) => (Some(leading), None),
            Standing::Joiner(following) | Standing::Backup(following) => (None, following.leader()),
        }
    }

    /// A peer knows a higher epoch: this one is over. What is held stays; nothing is ordered until
    /// the view behind it is known (R6).
    pub(super) fn fenced(&mut self, cluster: ClusterId, epoch: Epoch, out: &mut Vec<Output>) {
        // The epochs of another cluster say nothing about this one's.
        if epoch <= self.epoch || cluster != self.cluster {
            return;
        }
        self.epoch = epoch;
        out.push(Output::Note(Event::EpochHeard { by: self.name(), epoch }));
        if let Some(leading) = self.leading() {
            leading.fenced = true;
        }
    }
}
