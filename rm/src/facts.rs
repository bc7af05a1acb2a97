//! All that the rules decide from, and what they decide.
//!
//! [`Facts`] is plain data: the current view, what is reported, who complains, who wants to join.
//! The rules read it and return a [`Proposal`]; nothing here sends or stores anything. So a model
//! checker can build every [`Facts`] it likes and ask the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use node::Time;
use wire::{ClusterId, Epoch, Gone, Incarnation, Member, Mode, ReplicaName, Reported, View, Why};

use crate::complaints::Complaints;
use crate::config::Config;
use crate::record::Record;
use crate::registry::{Registry, State};
use crate::rules::failback::FailBack;
use crate::rules::holds::Holds;

/// The highest epoch that is believed; it fits every integer that a record or a peer may use.
pub(crate) const HIGHEST_EPOCH: Epoch = Epoch(1 << 62);

/// How a member of the current view stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It answers its LFD, in the member's run.
    Alive,
    /// Its LFD says that it is dead or silent.
    Dead(Gone),
    /// Another run of that name is alive.
    Replaced,
    /// Its LFD is silent: nothing is known (R15).
    Unmonitored,
    /// The GFD is not there, or had no time yet to say anything (R13).
    Unknown,
}

/// Whose state a server holds, as far as its cluster says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kin {
    /// None.
    Empty,
    /// That of the current cluster, if not always of its last epoch.
    Current,
    /// That of a cluster which was given up.
    Retired,
    /// That of a cluster which this RM never heard of. Nobody gave it up, so it is not touched.
    Foreign,
}

/// A request of the primary to make a member of a joiner (R3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinRequest {
    /// The primary.
    pub from: ReplicaName,
    /// The epoch that must still be the current one.
    pub epoch: Epoch,
    /// Which run of the joiner.
    pub incarnation: Incarnation,
}

/// Everything the rules know.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The settings; `mode` is the mode wanted now, `force_unclean` is taken away once it is done.
    pub config: Config,
    /// The current view, which is persisted; `None` before the first one.
    pub view: Option<View>,
    /// The highest epoch that was ever persisted.
    pub epoch: Epoch,
    /// The clusters whose state was given up or lost, the latest last.
    pub retired: Vec<ClusterId>,
    /// Runs whose state must never be used again, because it diverged (R9).
    pub condemned: BTreeMap<ReplicaName, Incarnation>,
    /// What the GFD reports.
    pub registry: Registry,
    /// The members of the current view that are proven dead (R12).
    pub proven: BTreeSet<ReplicaName>,
    /// A server that knows a later epoch than the record: the record is an old copy.
    pub ahead: Option<(ReplicaName, Epoch)>,
    /// Who complains of whom.
    pub complaints: Complaints,
    /// Who is to join, by name.
    pub joins: BTreeMap<ReplicaName, JoinRequest>,
    /// Who was removed on complaint, and when it may come back.
    pub holds: Holds,
    /// Where a fail-back stands.
    pub failback: FailBack,
    /// Since when each member has been one, in its present run, if that was not before the start.
    pub member_since: BTreeMap<ReplicaName, Time>,
}

impl Facts {
    /// What is known at the start of the process: the record and nothing else.
    #[must_use]
    pub fn new(config: Config, record: Option<Record>) -> Self {
        let mut facts = Self {
            config,
            view: None,
            epoch: Epoch(0),
            retired: Vec::new(),
            condemned: BTreeMap::new(),
            registry: Registry::default(),
            proven: BTreeSet::new(),
            ahead: None,
            complaints: Complaints::default(),
            joins: BTreeMap::new(),
            holds: Holds::default(),
            failback: FailBack::default(),
            member_since: BTreeMap::new(),
        };
        let Some(record) = record else { return facts };
        facts.epoch = record.view.epoch;
        facts.retired = record.retired;
        facts.condemned = record.condemned;
        if facts.config.fresh {
            facts.retire(record.view.cluster);
        } else {
            facts.view = Some(record.view);
        }
        facts
    }

    /// Whether the GFD had its time to report everybody: from now on absence means something (R13).
    #[must_use]
    pub fn settled(&self, now: Time) -> bool {
        self.settles().is_some_and(|at| at <= now)
    }

    /// When it will have had it.
    #[must_use]
    pub fn settles(&self) -> Option<Time> {
        self.registry.up().map(|up| up + self.config.grace)
    }

    /// How a member of the current view stands.
    #[must_use]
    pub fn standing(&self, now: Time, member: &Member) -> Standing {
        if self.proven.contains(&member.name) {
            return self.replaced(member).unwrap_or(Standing::Dead(Gone::Exited));
        }
        let absent = if self.settled(now) { Standing::Unmonitored } else { Standing::Unknown };
        let Some(entry) = self.registry.entry(member.name).filter(|entry| entry.fresh) else {
            return absent;
        };
        match entry.state {
            State::Alive(_) => self.replaced(member).unwrap_or(Standing::Alive),
            State::Dead(Some((run, gone))) if run == member.incarnation => Standing::Dead(gone),
            // The LFD watches one process; if that is another run, the member's does not run there.
            State::Dead(Some(_)) => Standing::Dead(Gone::Closed),
            State::Dead(None) => Standing::Dead(Gone::Silent),
            State::Bare | State::Unmonitored => Standing::Unmonitored,
        }
    }

    fn replaced(&self, member: &Member) -> Option<Standing> {
        let alive = self.registry.entry(member.name)?.alive()?;
        (alive.incarnation != member.incarnation).then_some(Standing::Replaced)
    }

    /// The report of that server, if it is alive.
    #[must_use]
    pub fn alive(&self, name: ReplicaName) -> Option<Reported> {
        self.registry.entry(name)?.alive()
    }

    /// The current view's member of that name, if it is alive in the member's run.
    #[must_use]
    pub fn alive_member(&self, name: ReplicaName) -> Option<&Member> {
        let member = self.view.as_ref()?.member(name)?;
        let alive = self.alive(name)?;
        (alive.incarnation == member.incarnation).then_some(member)
    }

    /// Whose state it is that a server of this cluster holds.
    #[must_use]
    pub fn kin(&self, cluster: ClusterId) -> Kin {
        if cluster == ClusterId(0) {
            Kin::Empty
        } else if self.view.as_ref().is_some_and(|view| view.cluster == cluster) {
            Kin::Current
        } else if self.config.fresh || self.retired.contains(&cluster) {
            Kin::Retired
        } else {
            Kin::Foreign
        }
    }

    /// A server that may still hold state of a cluster that nobody gave up.
    #[must_use]
    pub fn foreigner(&self) -> Option<(ReplicaName, Reported)> {
        self.registry.entries().find_map(|(name, entry)| {
            let last = entry.last.filter(|_| !entry.exited())?;
            (self.kin(last.cluster) == Kin::Foreign).then_some((name, last))
        })
    }

    /// Whether every member of the current view is proven dead, and the state with them (R12).
    #[must_use]
    pub fn state_is_lost(&self) -> bool {
        let lost = |view: &View| view.members.iter().all(|m| self.proven.contains(&m.name));
        self.view.as_ref().is_some_and(lost)
    }

    /// Takes note of the proofs of death in what is reported: the member's exit, or another run of
    /// it on the same machine, where a lock allows one at a time (R12). A sign of life refutes them.
    pub fn note_proofs(&mut self) {
        let Some(view) = &self.view else { return };
        for member in &view.members {
            let entry = self.registry.entry(member.name).filter(|entry| entry.fresh);
            let Some(entry) = entry else { continue };
            let proof = match entry.state {
                State::Alive(r) if r.incarnation == member.incarnation => false,
                State::Alive(r) if r.address.ip() == member.address.ip() => true,
                State::Dead(Some(run)) if run == (member.incarnation, Gone::Exited) => true,
                _ => continue,
            };
            if proof {
                self.proven.insert(member.name);
            } else {
                self.proven.remove(&member.name);
            }
        }
    }

    /// Takes note of a server that knows a later epoch of this cluster than the RM itself.
    pub fn note_ahead(&mut self) {
        let Some(view) = &self.view else { return };
        self.ahead = self.ahead.or_else(|| {
            let ahead = |r: &Reported| r.cluster == view.cluster && r.epoch > view.epoch;
            self.registry.alive().find(|(_, r)| ahead(r)).map(|(name, r)| (name, r.epoch))
        });
    }

    /// Gives up the state of a cluster. Old ones are forgotten after a while, and are foreign then.
    pub fn retire(&mut self, cluster: ClusterId) {
        const REMEMBERED: usize = 64;
        if cluster != ClusterId(0) && !self.retired.contains(&cluster) {
            self.retired.push(cluster);
            let surplus = self.retired.len().saturating_sub(REMEMBERED);
            self.retired.drain(..surplus);
        }
    }

    /// The next view without the members for which `leaves` holds. `None` if nobody would be left
    /// that is alive to lead it: the last member is never dropped (R12).
    pub fn without(&self, now: Time, leaves: impl Fn(&Member) -> bool) -> Option<View> {
        let view = self.view.as_ref()?;
        let members: Vec<Member> = view.members.iter().filter(|m| !leaves(m)).copied().collect();
        let primary = self.primary_among(now, view, &members)?;
        Some(View { epoch: view.epoch.next(), primary, members, ..view.clone() })
    }

    /// R4: the primary stays if it can be told of the view. Else the preferred one or the
    /// longest-standing of those that can be. While the GFD may still be about to report the
    /// primary, there is no hurry to replace it (R13).
    fn primary_among(&self, now: Time, view: &View, members: &[Member]) -> Option<ReplicaName> {
        if let Some(primary) = members.iter().find(|m| m.name == view.primary) {
            match self.standing(now, primary) {
                Standing::Alive => return Some(primary.name),
                Standing::Unknown => return None,
                _ => {}
            }
        }
        let alive = |m: &&Member| self.standing(now, m) == Standing::Alive;
        let preferred = |m: &&Member| Some(m.name) == self.config.prefer;
        let mut living = members.iter().filter(alive);
        living.clone().find(preferred).or_else(|| living.next()).map(|m| m.name)
    }

    /// The next view with the same members, primary and mode, if its primary can be told of it.
    #[must_use]
    pub fn same_again(&self) -> Option<View> {
        let view = self.view.as_ref()?;
        self.alive_member(view.primary)?;
        Some(View { epoch: view.epoch.next(), ..view.clone() })
    }

    /// The first view of a cluster: one member, in an epoch later than any that was ever heard of.
    #[must_use]
    pub fn beginning(&self, cluster: ClusterId, name: ReplicaName, first: Reported) -> View {
        let reported = self.registry.entries().filter_map(|(_, entry)| entry.last);
        let highest = reported.map(|r| r.epoch).fold(self.epoch, Epoch::max);
        View {
            cluster,
            epoch: highest.next(),
            mode: self.config.mode,
            primary: name,
            members: vec![Member { name, incarnation: first.incarnation, address: first.address }],
        }
    }
}

/// A view that a rule wants, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The view.
    pub view: View,
    /// Why; it also says what else changes with the view.
    pub reason: Reason,
}

/// Why a view is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// There was none (R8).
    First,
    /// The operator gave the old state up, or there was none (R12).
    Fresh,
    /// Every member of the last view is proven dead (R12).
    StateLost,
    /// The operator lets a server lead that is not a member of the last view (R12).
    Unclean,
    /// Members are dead, or were replaced by another run (R4).
    Gone(Vec<ReplicaName>),
    /// A member is removed on complaint (R3).
    Complaint {
        /// Who complained.
        by: ReplicaName,
        /// Of whom.
        of: Member,
        /// Why.
        why: Why,
    },
    /// The primary need not wait for a joiner that is gone (R3).
    Abandoned(ReplicaName),
    /// A joiner is caught up (R8).
    Joined(ReplicaName),
    /// Another mode is wanted (R10).
    Switched(Mode),
    /// The preferred primary gets its role back (R11).
    FailedBack,
    /// The acting primary could not hand over in time; a new epoch lets it go on (R11).
    NotHandedOver,
}

impl Reason {
    /// Whether the view begins a new cluster, and takes over no state by right.
    #[must_use]
    pub const fn begins(&self) -> bool {
        matches!(self, Self::First | Self::Fresh | Self::StateLost | Self::Unclean)
    }

    /// Who diverged, in which run: its state must not be used again (R9).
    #[must_use]
    pub fn condemns(&self) -> Option<Member> {
        match self {
            Self::Complaint { of, why: Why::Diverged, .. } => Some(*of),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => write!(f, "the first server is there"),
            Self::Fresh => write!(f, "a fresh start was asked for"),
            Self::StateLost => write!(f, "every member is proven dead, the state is lost"),
            Self::Unclean => write!(f, "an unclean start was forced"),
            Self::Gone(names) => {
                let names: Vec<&str> = names.iter().map(ReplicaName::as_str).collect();
                write!(f, "gone: {}", names.join(", "))
            }
            Self::Complaint { by, of, why } => {
                let fault = match why {
                    Why::Slow | Why::Unreachable => format!("is {}", why.as_str()),
                    Why::Diverged | Why::Abandoned => format!("has {}", why.as_str()),
                };
                write!(f, "{by} says that {} {fault}", of.name)
            }
            Self::Abandoned(joiner) => write!(f, "{joiner} gave up joining"),
            Self::Joined(joiner) => write!(f, "{joiner} has joined"),
            Self::Switched(mode) => write!(f, "the mode is to be {mode}"),
            Self::FailedBack => write!(f, "the preferred primary is back"),
            Self::NotHandedOver => write!(f, "the primary did not hand over in time"),
        }
    }
}
