//! R3, R9, R14, R15: what members' complaints of each other lead to.
//!
//! Guarantees: only a living member of the current epoch is heard; the primary's word goes first;
//! a complaint never drops the last member, and a merely slow member never costs the redundancy of
//! two.

use node::Time;
use wire::{Incarnation, Member, View, Why};

use crate::complaints::Complaint;
use crate::facts::{Facts, Proposal, Reason, Standing};

/// R9: whoever diverged leaves at once, even the primary by its own word. Only the primary compares
/// digests, so nobody else is believed about another member.
pub(super) fn diverged(facts: &Facts, now: Time) -> Option<Proposal> {
    let view = facts.view.as_ref()?;
    first(facts, now, |c, _| c.why == Why::Diverged && (c.by == view.primary || c.by == c.of))
}

/// R3: a joiner whose acks the primary requires is gone. The same members in a new epoch free the
/// primary of it, and no late join of the old epoch can bring it back.
pub(super) fn abandoned(facts: &Facts, now: Time) -> Option<Proposal> {
    let view = facts.view.as_ref()?;
    let member = |c: &Complaint| match c.incarnation {
        Some(run) => view.contains(c.of, run),
        None => view.member(c.of).is_some(),
    };
    let complaint = heard(facts, now)
        .find(|c| c.why == Why::Abandoned && c.by == view.primary && !member(c))?;
    Some(Proposal { view: facts.same_again()?, reason: Reason::Abandoned(complaint.of) })
}

/// R15: its LFD is silent and a member cannot reach it either. Two signs are enough.
pub(super) fn unmonitored(facts: &Facts, now: Time) -> Option<Proposal> {
    first(facts, now, |c, of| {
        c.why == Why::Unreachable && facts.standing(now, of) == Standing::Unmonitored
    })
}

/// R14: the primary complains of a backup. Where two living members stay, the third is cheaper
/// dropped than waited for. Else it must have been unreachable for the whole timeout.
pub(super) fn of_a_backup(facts: &Facts, now: Time) -> Option<Proposal> {
    let view = facts.view.as_ref()?;
    first(facts, now, |c, of| {
        let by_primary = c.by == view.primary && of.name != view.primary;
        by_primary
            && match c.why {
                Why::Slow => two_stay(facts, of),
                Why::Unreachable => two_stay(facts, of) || is_mature(facts, c),
                Why::Diverged | Why::Abandoned => false,
            }
    })
}

/// R3: a backup complains of the primary. It must have been unreachable for the whole timeout, and
/// the primary must not say the same of the backup: then the primary's word goes first.
pub(super) fn of_the_primary(facts: &Facts, now: Time) -> Option<Proposal> {
    let view = facts.view.as_ref()?;
    let mutual = |c: &Complaint| {
        let says_so = |other: &Complaint| {
            other.by == view.primary && other.of == c.by && other.why == Why::Unreachable
        };
        heard(facts, now).any(says_so)
    };
    first(facts, now, |c, of| {
        let of_primary = of.name == view.primary && c.by != view.primary;
        of_primary && c.why == Why::Unreachable && is_mature(facts, c) && !mutual(c)
    })
}

/// Whether it was still repeated when the whole timeout had passed since it was first heard. Silence
/// proves nothing: an RM that was itself frozen does not accuse (R14).
fn is_mature(facts: &Facts, complaint: &Complaint) -> bool {
    complaint.last.since(complaint.first) >= facts.config.heartbeat_timeout
}

/// Whether two members that are alive stay without this one.
fn two_stay(facts: &Facts, leaver: &Member) -> bool {
    let alive = |m: &&Member| m.name != leaver.name && facts.alive_member(m.name).is_some();
    facts.view.as_ref().is_some_and(|view| view.members.iter().filter(alive).count() >= 2)
}

/// The complaints that count: by a member that is alive in its run.
fn heard(facts: &Facts, now: Time) -> impl Iterator<Item = &Complaint> {
    facts.complaints.standing(now).filter(|c| facts.alive_member(c.by).is_some())
}

/// The next view without the target of the first complaint that `counts`.
fn first(
    facts: &Facts,
    now: Time,
    counts: impl Fn(&Complaint, &Member) -> bool,
) -> Option<Proposal> {
    let view = facts.view.as_ref()?;
    heard(facts, now).find_map(|complaint| {
        let of = *accused(view, complaint)?;
        // R13: while the GFD may still be about to report it, nothing is held against anybody.
        if facts.standing(now, &of) == Standing::Unknown || !counts(complaint, &of) {
            return None;
        }
        let view = facts.without(now, |m| *m == of)?;
        let Complaint { by, why, .. } = *complaint;
        Some(Proposal { view, reason: Reason::Complaint { by, of, why } })
    })
}

/// The member that a complaint is about, if it is about the member's run.
fn accused<'a>(view: &'a View, complaint: &Complaint) -> Option<&'a Member> {
    let run = |m: &Member| -> Incarnation { complaint.incarnation.unwrap_or(m.incarnation) };
    view.member(complaint.of).filter(|m| run(m) == m.incarnation)
}
