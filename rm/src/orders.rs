//! What the servers are told, until they report that it is so.
//!
//! [`wanted`] is a pure function of the facts: every order that is not fulfilled yet, the primary's
//! first. [`Orders`] only says how often each is repeated. So an order that was lost on its way, or
//! was cut off by a restart, is given again without anybody remembering it.
//!
//! Guarantees: only the current, persisted view is told (I12); a member of it is never ended, and is
//! launched again only once it is proven dead (R6).
//!
//! Not here: clients, who are told by `clients`.

use std::collections::BTreeMap;
use std::time::Duration;

use node::Time;
use wire::{
    Gone, Incarnation, LaunchOrder, Member, Message, Phase, ReplicaName, Reported, Role, Urgency,
    View,
};

use crate::config::OnTotalLoss;
use crate::facts::{Facts, Kin};
use crate::registry::{Entry, State};

/// What an order is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// You are a member of this view.
    Ready,
    /// You are not a member of this view.
    View,
    /// Run again.
    Launch,
    /// Run again, and end what runs now.
    End,
    /// Bring the joiner to your state.
    Checkpoint,
    /// Hand over to the preferred primary.
    Handover,
}

impl Kind {
    /// Whether it only says what the view is.
    #[must_use]
    pub const fn announces(self) -> bool {
        matches!(self, Self::Ready | Self::View)
    }
}

/// One order that is not fulfilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What it is for.
    pub kind: Kind,
    /// The server that it is about.
    pub server: ReplicaName,
    /// Which run of it; an order about another run is another order.
    pub run: Incarnation,
    /// The frame.
    pub message: Message,
}

/// Every order that is not fulfilled yet.
#[must_use]
pub fn wanted(facts: &Facts, now: Time) -> Vec<Order> {
    let mut orders = Vec::new();
    if facts.ahead.is_some() {
        return orders;
    }
    ready(facts, &mut orders);
    launch(facts, now, &mut orders);
    view(facts, &mut orders);
    checkpoint(facts, now, &mut orders);
    handover(facts, &mut orders);
    orders
}

/// R4: living members whose report does not show that they have taken their place in the view.
fn ready(facts: &Facts, orders: &mut Vec<Order>) {
    let Some(view) = &facts.view else { return };
    let mut members: Vec<&Member> = view.members.iter().collect();
    members.sort_by_key(|m| m.name != view.primary);
    for member in members {
        let (Some(role), Some(_)) = (view.role(member.name), facts.alive_member(member.name))
        else {
            continue;
        };
        if facts.alive(member.name).is_some_and(|r| !has_adopted(view, &r, phase(role))) {
            orders.push(Order {
                kind: Kind::Ready,
                server: member.name,
                run: member.incarnation,
                message: Message::Ready {
                    server: member.name,
                    role: Some((view.mode, role)),
                    view: Some(view.clone()),
                },
            });
        }
    }
}

const fn phase(role: Role) -> Phase {
    match role {
        Role::Primary => Phase::Primary,
        Role::Backup => Phase::Backup,
    }
}

fn has_adopted(view: &View, reported: &Reported, phase: Phase) -> bool {
    reported.cluster == view.cluster && reported.epoch >= view.epoch && reported.phase == phase
}

/// R6: dead servers, and living ones whose state must not be used.
fn launch(facts: &Facts, now: Time, orders: &mut Vec<Order>) {
    for (server, entry) in facts.registry.entries().filter(|(_, entry)| entry.fresh) {
        let (kind, run, urgency) = match entry.state {
            State::Dead(Some((run, gone))) if may_launch(facts, server, entry, run, gone) => {
                (Kind::Launch, run, Some(Urgency::Grace))
            }
            // A detector that speaks the short form is answered in it.
            State::Dead(None) if !is_member(facts, server) => (Kind::Launch, Incarnation(0), None),
            State::Alive(reported) if must_end(facts, now, server, &reported) => {
                (Kind::End, reported.incarnation, Some(Urgency::Now))
            }
            _ => continue,
        };
        let order = urgency.map(|urgency| LaunchOrder { incarnation: run, urgency });
        orders.push(Order { kind, server, run, message: Message::Launch { server, order } });
    }
}

fn is_member(facts: &Facts, server: ReplicaName) -> bool {
    facts.view.as_ref().is_some_and(|view| view.member(server).is_some())
}

/// A member is launched over only once it is proven dead: a silent one may hold what nobody else
/// does (R12). A silent stranger with state that nobody gave up is left alone for the same reason.
fn may_launch(
    facts: &Facts,
    server: ReplicaName,
    entry: &Entry,
    run: Incarnation,
    gone: Gone,
) -> bool {
    if facts.view.as_ref().is_some_and(|view| view.contains(server, run)) {
        return facts.proven.contains(&server);
    }
    let of_run = entry.last.filter(|last| last.incarnation == run);
    let known = of_run.map(|last| facts.kin(last.cluster));
    let harmless = match known {
        Some(kin) => kin != Kin::Foreign,
        None => facts.view.is_some() || facts.config.fresh,
    };
    gone == Gone::Exited || harmless
}

/// Its state diverged (R9), or is of a cluster that was given up or lost (R12).
fn must_end(facts: &Facts, now: Time, server: ReplicaName, reported: &Reported) -> bool {
    let run = reported.incarnation;
    let member = facts.view.as_ref().is_some_and(|view| view.contains(server, run));
    if member || facts.config.force_unclean == Some(server) {
        return false;
    }
    let restart = facts.config.on_total_loss == OnTotalLoss::Restart
        && facts.config.force_unclean.is_none()
        && facts.foreigner().is_none()
        && facts.settled(now);
    let stale = match facts.kin(reported.cluster) {
        Kin::Retired => true,
        Kin::Current => restart && facts.state_is_lost(),
        Kin::Empty | Kin::Foreign => false,
    };
    stale || facts.condemned.get(&server) == Some(&run)
}

/// Living servers that are not members: not in this run, or not at all.
fn strangers(facts: &Facts) -> impl Iterator<Item = (&View, ReplicaName, Reported)> {
    let view = facts.view.as_ref();
    facts.registry.alive().filter_map(move |(server, reported)| {
        let view = view.filter(|view| !view.contains(server, reported.incarnation))?;
        let usable = matches!(facts.kin(reported.cluster), Kin::Empty | Kin::Current)
            && facts.condemned.get(&server) != Some(&reported.incarnation);
        usable.then_some((view, server, reported))
    })
}

/// R6: servers that are not members and may not know it.
fn view(facts: &Facts, orders: &mut Vec<Order>) {
    for (view, server, reported) in strangers(facts) {
        if reported.epoch < view.epoch || reported.phase != Phase::Joiner {
            orders.push(Order {
                kind: Kind::View,
                server,
                run: reported.incarnation,
                message: Message::View { to: server.into(), view: view.clone() },
            });
        }
    }
}

/// R8: the primary brings every living server that is not a member to its state, unless it was
/// removed on complaint too often (R14). One whose name is still a member's waits for the view
/// without that member.
fn checkpoint(facts: &Facts, now: Time, orders: &mut Vec<Order>) {
    for (view, server, reported) in strangers(facts) {
        let run = (server, reported.incarnation);
        let held = facts.holds.holds(now, run, facts.config.hold_down);
        let donor = facts.alive_member(view.primary);
        let (Some(donor), None, false) = (donor, view.member(server), held) else { continue };
        let order = (view.epoch, reported.incarnation, reported.address);
        orders.push(Order {
            kind: Kind::Checkpoint,
            server,
            run: reported.incarnation,
            message: Message::SendCheckpoint {
                donor: donor.name,
                joiner: server,
                order: Some(order),
            },
        });
    }
}

/// R11: the acting primary hands over to the preferred one.
fn handover(facts: &Facts, orders: &mut Vec<Order>) {
    let (Some(view), Some(to)) = (&facts.view, facts.config.prefer) else { return };
    let attempt = facts.failback.attempt.filter(|a| !a.drained && a.epoch == view.epoch);
    let (Some(_), Some(acting)) = (attempt, facts.alive_member(view.primary)) else { return };
    orders.push(Order {
        kind: Kind::Handover,
        server: acting.name,
        run: acting.incarnation,
        message: Message::Handover { from: acting.name, to, epoch: view.epoch },
    });
}

/// When each order is due again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Orders {
    paces: BTreeMap<(Kind, ReplicaName, Incarnation), Pace>,
}

#[derive(Debug, Clone, Copy)]
struct Pace {
    next: Time,
    gap: Duration,
}

impl Orders {
    /// All orders are due: the view is a new one, or the way to the servers is.
    pub(crate) fn clear(&mut self) {
        self.paces.clear();
    }

    /// When the next one is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.paces.values().map(|pace| pace.next).min()
    }

    /// Of what is wanted, what is to be said now. An order that is no longer wanted is forgotten.
    pub(crate) fn due(&mut self, now: Time, wanted: Vec<Order>) -> Vec<Message> {
        let old = std::mem::take(&mut self.paces);
        let mut due = Vec::new();
        for order in wanted {
            let key = (order.kind, order.server, order.run);
            let (first, longest) = gaps(order.kind);
            let mut pace = old.get(&key).copied().unwrap_or(Pace { next: now, gap: first });
            if pace.next <= now {
                pace.next = now + pace.gap;
                pace.gap = (pace.gap * 2).min(longest);
                due.push(order.message);
            }
            self.paces.insert(key, pace);
        }
        due
    }
}

/// The first and the longest wait before an order is repeated. A report comes once per heartbeat,
/// which may be seconds, so what a report fulfils is repeated less and less often.
const fn gaps(kind: Kind) -> (Duration, Duration) {
    let (first, longest) = match kind {
        Kind::Ready | Kind::View => (250, 2000),
        Kind::Launch | Kind::End => (1000, 1000),
        Kind::Checkpoint => (500, 500),
        Kind::Handover => (250, 250),
    };
    (Duration::from_millis(first), Duration::from_millis(longest))
}
