//! Reports: what goes up to the RM through LFD and GFD, and the orders that come down; and the
//! answers to tools.
//!
//! Not here: what follows from a view or an order; each is handed to its own file.

use std::time::Duration;

use node::{Conn, Event, Output, Time};
use wire::{ErrorCode, Health, Incarnation, Message, Mode, Phase, ReplicaName, Why};

use super::{Replica, Standing};
use crate::service::Service;

impl<S: Service> Replica<S> {
    fn phase(&self) -> Phase {
        match &self.standing {
            Standing::Joiner(_) => Phase::Joiner,
            Standing::Backup(_) => Phase::Backup,
            Standing::Primary(_) => Phase::Primary,
        }
    }

    fn health(&self) -> Health {
        Health {
            incarnation: self.config.incarnation,
            pid: self.config.pid,
            cluster: self.cluster,
            epoch: self.view.as_ref().map(|v| v.epoch).unwrap_or_default(),
            phase: self.phase(),
        }
    }

    /// Sends a frame towards the RM; without a detector it is dropped, and repeated by whoever asks
    /// for it.
    pub(super) fn send_up(&mut self, message: Message, out: &mut Vec<Output>) {
        match self.detector {
            Some(conn) => out.push(Output::Send(conn, message)),
            None => self.drop_counted("reports without an LFD to carry them", out),
        }
    }

    /// Complains to the RM (R3).
    pub(super) fn suspect(
        &mut self,
        suspect: ReplicaName,
        incarnation: Incarnation,
        why: Why,
        out: &mut Vec<Output>,
    ) {
        let (from, epoch) = (self.config.name, self.epoch);
        out.push(Output::Note(Event::Suspected { by: from, suspect, epoch, why }));
        let detail = Some((incarnation, why));
        self.send_up(Message::Suspect { from, suspect, epoch, detail }, out);
    }

    /// Says at once where this replica stands, when a view has changed it: the RM need not wait for
    /// the next heartbeat.
    fn say_health(&mut self, out: &mut Vec<Output>) {
        let Some((conn, from)) = self.detector.zip(self.detector_name) else { return };
        let (to, health) = (self.config.name.into(), Some(self.health()));
        out.push(Output::Send(
            conn,
            Message::Heartbeat { from, to, count: self.heartbeat, health },
        ));
    }

    pub(super) fn detector_or_tool(
        &mut self,
        now: Time,
        conn: Conn,
        message: Message,
        out: &mut Vec<Output>,
    ) {
        let own = self.config.name;
        match message {
            Message::Heartbeat { from, to, count, .. } if to == own.into() => {
                (self.detector, self.detector_name, self.heartbeat) =
                    (Some(conn), Some(from), count);
                out.push(Output::Note(Event::HeartbeatReceived { count, by: to, from }));
                let health = Some(self.health());
                out.push(Output::Send(conn, Message::Heartbeat { from, to, count, health }));
            }
            Message::Ready { server, view: Some(view), .. } if server == own => {
                self.adopt(now, &view, out);
                self.say_health(out);
            }
            Message::View { to, view } if to == own.into() => {
                self.adopt(now, &view, out);
                self.say_health(out);
            }
            Message::SendCheckpoint { donor, joiner, order: Some(order) } if donor == own => {
                self.join(now, joiner, order, out);
            }
            Message::Handover { from, to, epoch } if from == own => {
                self.hand_over(now, to, epoch, out);
            }
            Message::Ready { server, view: None, .. } if server == own => {
                self.say_short(conn, "ready", out);
            }
            Message::SendCheckpoint { donor, order: None, .. } if donor == own => {
                self.say_short(conn, "send_checkpoint", out);
            }
            Message::Inspect { .. } => out.push(Output::Send(conn, self.state())),
            Message::Error { from, code, text } => {
                out.push(Output::Note(Event::ErrorReceived { from, code, text }));
            }
            other => self.unexpected(conn, &other, out),
        }
    }

    /// The short form of an order has no epoch and no addresses: it cannot be followed safely (R6).
    fn say_short(&mut self, conn: Conn, kind: &str, out: &mut Vec<Output>) {
        let text = format!("`{kind}` without a view (R6); use the extended form");
        self.reject(conn, ErrorCode::Unexpected, text, out);
    }

    fn state(&self) -> Message {
        Message::State {
            from: self.config.name,
            cluster: self.cluster,
            epoch: self.epoch,
            mode: self.mode().unwrap_or(Mode::Passive),
            phase: self.phase(),
            last: self.log.last(),
            committed: self.committed,
            executed: self.machine.executed(),
            digest: self.machine.digest(),
            state: self.machine.service.summary(),
        }
    }

    pub(super) fn tick(&mut self, now: Time, late: Duration, out: &mut Vec<Output>) {
        match &self.standing {
            Standing::Primary(_) => self.tick_leading(now, late, out),
            Standing::Joiner(_) | Standing::Backup(_) => self.tick_following(now, out),
        }
    }

    /// When the next complaint is due, if everyone stays as silent as they are (R14).
    pub(super) fn complaint_due(&self, now: Time) -> Option<Time> {
        let (ack_timeout, peer_timeout) = (self.config.ack_timeout, self.config.peer_timeout);
        match &self.standing {
            Standing::Primary(leading) => leading.complaint_due(now, ack_timeout, peer_timeout),
            Standing::Backup(following) => following.complaint_due(now, ack_timeout),
            Standing::Joiner(_) => None,
        }
    }
}
