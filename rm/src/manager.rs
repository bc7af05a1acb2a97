//! The role: inputs into facts, decisions into outputs.
//!
//! Every input only changes the facts. [`ReplicationManager::reconcile`] runs once all inputs of a
//! turn are in, and at least four times a second: it asks the rules, then gives the orders that are
//! still open. Nothing is decided anywhere else.

use std::collections::BTreeSet;
use std::time::Duration;

use node::mutant::{Mutant, is_off};
use node::{Conn, Event, Input, Output, Role, Time, Tune};
use wire::{Change, ErrorCode, Message, Mode, NodeName, ReplicaName};

use crate::clients::Clients;
use crate::config::Config;
use crate::facts::{Facts, HIGHEST_EPOCH, JoinRequest};
use crate::gate::Gate;
use crate::gfd::Gfd;
use crate::members::Members;
use crate::orders::{self, Kind, Orders};
use crate::record::{Record, RecordError};
use crate::rules;
use crate::troubles::{self, Trouble};

/// The longest time between two evaluations of the rules.
const TICK: Duration = Duration::from_millis(250);
/// An RM that is later than this was frozen or starved: reports may lie unread beside it (R14).
const LATE: Duration = Duration::from_millis(500);

/// The Replication Manager.
#[derive(Debug, Clone)]
pub struct ReplicationManager {
    facts: Facts,
    gate: Gate,
    orders: Orders,
    members: Members,
    clients: Clients,
    gfd: Option<Gfd>,
    /// Connections that have not said who they are.
    unnamed: BTreeSet<Conn>,
    /// What is wrong, and was said.
    said: BTreeSet<Trouble>,
    /// How many frames and reports were dropped.
    dropped: u64,
    next: Time,
}

impl ReplicationManager {
    /// The Replication Manager with that record; `None` if there never was one.
    ///
    /// # Errors
    /// [`RecordError`] when there is a record that cannot be used: going on without it could fork
    /// the replicated state.
    pub fn new(config: Config, record: Option<&str>) -> Result<Self, RecordError> {
        let record = record.map(Record::from_text).transpose()?;
        assert_ne!(config.fresh_cluster.0, 0, "0 is no cluster");
        let facts = Facts::new(config, record);
        Ok(Self {
            gate: Gate::new(facts.epoch),
            facts,
            orders: Orders::default(),
            members: Members::default(),
            clients: Clients::default(),
            gfd: None,
            unnamed: BTreeSet::new(),
            said: BTreeSet::new(),
            dropped: 0,
            next: Time::ZERO,
        })
    }

    /// What it knows and decides from.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    // ---- connections ----

    fn received(&mut self, now: Time, conn: Conn, message: Message, out: &mut Vec<Output>) {
        if self.gfd.as_ref().is_some_and(|gfd| gfd.conn == conn) {
            return self.hear_gfd(now, message, out);
        }
        let view = self.facts.view.as_ref();
        match message {
            Message::Hello { from, server: None } | Message::Membership { from, .. } => {
                self.meet_gfd(now, conn, from, message, out);
            }
            Message::Client { client, known } => {
                self.unnamed.remove(&conn);
                self.clients.ask(conn, client, known, view, out);
            }
            Message::Inspect { from } => {
                self.unnamed.remove(&conn);
                match view {
                    Some(view) => {
                        let answer = Message::View { to: from, view: view.clone() };
                        out.push(Output::Send(conn, answer));
                    }
                    None => self.refuse(conn, ErrorCode::NotReady, "there is no view yet", out),
                }
            }
            Message::Switch { from, mode } => {
                self.unnamed.remove(&conn);
                self.clients.switch(conn, from, mode, view, out);
                self.want(mode, from, out);
            }
            Message::Error { from, code, text } => {
                out.push(Output::Note(Event::ErrorReceived { from, code, text }));
            }
            _ => {
                let text = "the RM takes hello, client, inspect and switch here";
                self.refuse(conn, ErrorCode::Unexpected, text, out);
            }
        }
    }

    /// A GFD names itself. One that is there already is kept until it is given up.
    fn meet_gfd(
        &mut self,
        now: Time,
        conn: Conn,
        name: NodeName,
        message: Message,
        out: &mut Vec<Output>,
    ) {
        if !self.unnamed.remove(&conn) {
            let text = "this connection is a client's";
            return self.refuse(conn, ErrorCode::Unexpected, text, out);
        }
        if self.gfd.is_some() {
            let text = "another GFD is connected; try again when it is gone";
            return self.refuse(conn, ErrorCode::Taken, text, out);
        }
        self.gfd = Some(Gfd::new(conn, name, self.facts.config.heartbeat_timeout));
        self.facts.registry.link_up(now);
        self.orders.clear();
        self.hear_gfd(now, message, out);
    }

    fn lose_gfd(&mut self, out: &mut Vec<Output>) {
        let Some(gfd) = self.gfd.take() else { return };
        self.facts.registry.link_down();
        self.facts.complaints.clear();
        self.facts.joins.clear();
        if is_off(Mutant::DeleteOnGfdRestart) {
            let members = self.facts.view.iter().flat_map(|view| &view.members);
            self.facts.proven = members.map(|m| m.name).collect();
        }
        out.push(Output::Note(Event::Disconnected { from: gfd.name }));
    }

    fn refuse(&mut self, conn: Conn, code: ErrorCode, text: &str, out: &mut Vec<Output>) {
        self.unnamed.remove(&conn);
        self.clients.closed(conn);
        let (from, text) = (self.facts.config.name, text.to_owned());
        out.push(Output::Send(conn, Message::Error { from, code, text: text.clone() }));
        out.push(Output::Close(conn));
        out.push(Output::Note(Event::Rejected { conn, code, text }));
    }

    fn closed(&mut self, conn: Conn, out: &mut Vec<Output>) {
        self.unnamed.remove(&conn);
        self.clients.closed(conn);
        if self.gfd.as_ref().is_some_and(|gfd| gfd.conn == conn) {
            self.lose_gfd(out);
        }
    }

    // ---- what the GFD carries ----

    /// A frame on the GFD's connection. It carries what servers say, so nonsense in it is dropped
    /// and does not cost everybody their only way to the RM.
    fn hear_gfd(&mut self, now: Time, message: Message, out: &mut Vec<Output>) {
        let Some(gfd) = &mut self.gfd else { return };
        match message {
            Message::Hello { .. } => gfd.hello(now),
            Message::Heartbeat { count, .. } => gfd.heard(now, count),
            Message::Membership { server, change, .. } => self.report(now, server, &change, out),
            Message::Suspect { from, suspect, epoch, detail } => {
                let view = self.facts.view.as_ref();
                if view.is_none_or(|v| v.epoch != epoch || v.member(from).is_none()) {
                    self.stale("suspect", from, epoch, out);
                } else if self.facts.complaints.hear(now, from, suspect, detail) {
                    let why = detail.map_or(wire::Why::Unreachable, |(_, why)| why);
                    out.push(Output::Note(Event::Suspected { by: from, suspect, epoch, why }));
                }
            }
            Message::Join { from, joiner, epoch, incarnation } => {
                // Only servers that are reported can join, so the table is as bounded as theirs.
                if self.facts.registry.entry(joiner).is_some() {
                    let request = JoinRequest { from, epoch, incarnation };
                    self.facts.joins.insert(joiner, request);
                }
            }
            Message::Drained { from, to, epoch } => self.drained(from, to, epoch, out),
            Message::Error { from, code, text } => {
                out.push(Output::Note(Event::ErrorReceived { from, code, text }));
            }
            _ => self.drop_frame("frames that the RM does not take from the GFD", out),
        }
    }

    fn report(&mut self, now: Time, server: ReplicaName, change: &Change, out: &mut Vec<Output>) {
        if matches!(change, Change::Add(Some(reported)) if reported.epoch >= HIGHEST_EPOCH) {
            return self.drop_frame("reports with an epoch that cannot be", out);
        }
        if !self.facts.registry.report(now, server, change) {
            return self.drop_frame("reports of too many servers", out);
        }
        if self.members.report(server, change) {
            self.print_members(out);
        }
        self.facts.note_proofs();
        self.facts.note_ahead();
    }

    fn drained(
        &mut self,
        from: ReplicaName,
        to: ReplicaName,
        epoch: wire::Epoch,
        out: &mut Vec<Output>,
    ) {
        let current = self.facts.view.as_ref();
        let fits = current.is_some_and(|view| view.epoch == epoch && view.primary == from)
            && self.facts.config.prefer == Some(to);
        match &mut self.facts.failback.attempt {
            Some(attempt) if fits && attempt.epoch == epoch => attempt.drained = true,
            _ => self.stale("drained", from, epoch, out),
        }
    }

    fn stale(
        &self,
        what: &'static str,
        from: ReplicaName,
        epoch: wire::Epoch,
        out: &mut Vec<Output>,
    ) {
        let ours = self.facts.epoch;
        out.push(Output::Note(Event::StaleEpoch { what, from, epoch, ours }));
    }

    fn drop_frame(&mut self, what: &'static str, out: &mut Vec<Output>) {
        self.dropped += 1;
        out.push(Output::Note(Event::Dropped { what, count: self.dropped }));
    }

    fn print_members(&self, out: &mut Vec<Output>) {
        let members = self.members.line();
        out.push(Output::Note(Event::Members { by: self.facts.config.name, members }));
    }

    // ---- the operator ----

    fn want(&mut self, mode: Mode, who: NodeName, out: &mut Vec<Output>) {
        if self.facts.config.mode != mode {
            self.facts.config.mode = mode;
            out.push(Output::Note(Event::Info(format!("{who} asks for the mode {mode}"))));
        }
    }

    fn line(&mut self, line: &str, out: &mut Vec<Output>) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => {}
            ["switch", mode] if mode.parse::<Mode>().is_ok() => {
                let mode = mode.parse().unwrap_or(self.facts.config.mode);
                self.want(mode, self.facts.config.name, out);
            }
            _ => {
                let help = format!("`{line}`: what can be typed here is `switch active|passive`");
                out.push(Output::Note(Event::Warning(help)));
            }
        }
    }

    fn tune(&mut self, tune: Tune) {
        if let Some(timeout) = tune.heartbeat_timeout {
            self.facts.config.heartbeat_timeout = timeout;
            if let Some(gfd) = &mut self.gfd {
                gfd.retune(timeout);
            }
        }
    }

    // ---- views ----

    fn persisted(&mut self, now: Time, out: &mut Vec<Output>) {
        let reason = self.gate.persisted(now, &mut self.facts);
        let Some(view) = self.facts.view.clone() else { return };
        self.gate.check_recorded(&view);
        if let Some(alarm) = troubles::alarm(&view, &reason) {
            out.push(Output::Note(Event::Warning(alarm)));
        }
        let made = Event::ViewMade { view: view.clone(), why: reason.to_string() };
        out.push(Output::Note(made));
        // First who is to serve, then who asks; what else is to be done comes after the next decision.
        self.orders.clear();
        self.give_orders(now, Kind::announces, out);
        self.clients.announce(&view, out);
    }

    fn persist_failed(&mut self, now: Time, why: &str, out: &mut Vec<Output>) {
        if self.gate.failed(now, why) {
            let text = format!(
                "the next view could not be recorded, so it is not made: {why}. The last one stays; \
                 make room or give the RM a state directory that it can write"
            );
            out.push(Output::Note(Event::Warning(text)));
        }
    }

    fn give_orders(&mut self, now: Time, which: fn(Kind) -> bool, out: &mut Vec<Output>) {
        let Some(gfd) = &self.gfd else { return };
        if let Some(view) = &self.facts.view {
            self.gate.check_recorded(view);
        }
        let mut wanted = orders::wanted(&self.facts, now);
        wanted.retain(|order| which(order.kind));
        let due = self.orders.due(now, wanted);
        out.extend(due.into_iter().map(|message| Output::Send(gfd.conn, message)));
    }

    /// Brings what is and what should be together.
    fn reconcile(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.members.forget_unreported(now, &self.facts) {
            self.print_members(out);
        }
        if rules::begin::withdraw_unclean(&mut self.facts, now) {
            let text = "--force-unclean is not needed: a member of the last view is alive";
            out.push(Output::Note(Event::Warning(text.to_owned())));
        }
        if !self.gate.is_closed(now) {
            self.refuse_stale_joins(out);
            match rules::decide(&self.facts, now) {
                Some(proposal) => {
                    self.gate.propose(&self.facts, proposal, out);
                    if is_off(Mutant::AnnounceFirst) {
                        self.persisted(now, out);
                    }
                }
                None => {
                    // What was not taken now is asked for again by the primary.
                    self.facts.joins.clear();
                    rules::failback::begin(&mut self.facts, now);
                    self.give_orders(now, |_| true, out);
                }
            }
        }
        if !self.gate.in_flight() {
            self.say_troubles(now, out);
        }
        let moments = [self.facts.settles(), self.gate.deadline(), self.orders.deadline()];
        let soon = moments.into_iter().flatten().filter(|at| *at > now);
        self.next = soon.fold(now + TICK, Time::min);
    }

    /// R3: compare-and-set. A join for another epoch than the current one is refused, except that a
    /// repetition of one that was granted is only late.
    fn refuse_stale_joins(&mut self, out: &mut Vec<Output>) {
        let current = self.facts.epoch;
        let joins = std::mem::take(&mut self.facts.joins);
        for (joiner, request) in joins {
            let view = self.facts.view.as_ref();
            if request.epoch == current || is_off(Mutant::JoinWithoutCompare) {
                self.facts.joins.insert(joiner, request);
            } else if !view.is_some_and(|view| view.contains(joiner, request.incarnation)) {
                self.stale("join", request.from, request.epoch, out);
            }
        }
    }

    fn say_troubles(&mut self, now: Time, out: &mut Vec<Output>) {
        let troubles: BTreeSet<Trouble> = troubles::all(&self.facts, now).into_iter().collect();
        for trouble in troubles.difference(&self.said) {
            out.push(Output::Note(Event::Warning(trouble.to_string())));
        }
        self.said = troubles;
    }

    /// A detector that was itself late does not accuse (R14): everybody gets the grace anew.
    fn excuse_own_lateness(&mut self, now: Time) {
        if now.since(self.next) > LATE && self.facts.registry.up().is_some() {
            self.facts.registry.link_up(now);
        }
    }
}

impl Role for ReplicationManager {
    fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        self.excuse_own_lateness(now);
        match input {
            Input::Start => self.print_members(out),
            Input::Opened(conn, _) => {
                self.unnamed.insert(conn);
            }
            Input::Received(conn, message) => self.received(now, conn, message, out),
            Input::Closed(conn) => self.closed(conn, out),
            Input::Persisted if is_off(Mutant::AnnounceFirst) => {}
            Input::Persisted => self.persisted(now, out),
            Input::PersistFailed(why) => self.persist_failed(now, &why, out),
            Input::Line(line) => self.line(&line, out),
            Input::Tune(tune) => self.tune(tune),
            // The RM has no child process, and goes on without a keyboard; a client that only asks
            // once is let go by the host.
            Input::LineEnd
            | Input::Ended(_)
            | Input::Launched { .. }
            | Input::LaunchFailed(_)
            | Input::Exited { .. } => {}
        }
    }

    fn settle(&mut self, now: Time, out: &mut Vec<Output>) {
        self.wake_gfd(now, out);
        self.reconcile(now, out);
    }

    fn wake(&mut self, now: Time, out: &mut Vec<Output>) {
        self.excuse_own_lateness(now);
        self.wake_gfd(now, out);
        self.reconcile(now, out);
    }

    fn deadline(&self) -> Option<Time> {
        let gfd = self.gfd.as_ref().and_then(Gfd::deadline);
        Some(gfd.map_or(self.next, |at| at.min(self.next)))
    }
}

impl ReplicationManager {
    fn wake_gfd(&mut self, now: Time, out: &mut Vec<Output>) {
        let me = self.facts.config.name;
        let Some(gfd) = &mut self.gfd else { return };
        if gfd.wake(now, me, out) {
            out.push(Output::Close(gfd.conn));
            self.lose_gfd(out);
        }
    }
}
