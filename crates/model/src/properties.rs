//! What must hold in every world, after every move (DESIGN section 5, I1 to I12).
//!
//! I8 is asserted by the replica itself, and I1 and I3 by the RM; here they are checked again, from
//! outside. That nothing gets stuck is checked by `recovery`.

use std::fmt;

use wire::{Incarnation, Message, SessionId, View};

use crate::access::{Access, Stop};
use crate::library::{ItemId, Library, LocalId, RecordId, Usual};
use crate::scope;
use crate::summary::Summary;
use crate::world::{Client, World};

/// A property that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which property.
    pub property: &'static str,
    /// What happened.
    pub text: String,
}

impl Violation {
    pub(crate) fn of(self, server: usize) -> Self {
        Self { text: format!("S{}: {}", server + 1, self.text), ..self }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.property, self.text)
    }
}

fn ensure(
    holds: bool,
    property: &'static str,
    text: impl FnOnce() -> String,
) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { property, text: text() }) }
}

// ---- a step of a server ----

/// I1, I8: nothing goes back in one run of a server.
pub(crate) fn check_step(
    library: &Library,
    before: LocalId,
    after: LocalId,
) -> Result<(), Violation> {
    let (Some(before), Some(after)) = (library.summary(before), library.summary(after)) else {
        return Ok(());
    };
    let epochs = (before.epoch, after.epoch);
    ensure(epochs.0 <= epochs.1, "I1", || {
        format!("its epoch goes from {} to {}", epochs.0, epochs.1)
    })?;
    if before.whole && after.whole && before.cluster == after.cluster {
        let executed = (before.executed, after.executed);
        ensure(executed.0 <= executed.1, "I8", || {
            format!("executed goes back from {} to {}", executed.0, executed.1)
        })?;
        let committed = (before.committed, after.committed);
        ensure(committed.0 <= committed.1, "I8", || {
            format!("committed goes back from {} to {}", committed.0, committed.1)
        })?;
    }
    ensure(after.executed <= after.committed && after.committed <= after.last, "I8", || {
        format!("executed {}, committed {}, last {}", after.executed, after.committed, after.last)
    })
}

// ---- views ----

/// I1, I3, R12: what the RM has recorded follows from what it recorded before.
pub(crate) fn check_recorded(
    library: &Library,
    world: &World,
    record: RecordId,
) -> Result<(), Violation> {
    let new = library.view(record).expect("it was written");
    let epochs = world.history.iter().filter_map(|r| library.view(*r)).map(|v| v.epoch);
    let highest = epochs.max().unwrap_or_default();
    ensure(new.epoch > highest, "I1", || format!("epoch {} after {highest}", new.epoch))?;
    ensure(new.members.iter().any(|m| m.name == new.primary), "I3", || {
        format!("the primary of {new} is no member")
    })?;
    let Some(old) = library.view(world.disk) else { return Ok(()) };
    if old.cluster != new.cluster {
        return check_given_up(library, world, old);
    }
    let joiners = new.members.iter().filter(|m| !old.contains(m.name, m.incarnation));
    let joiners: Vec<_> = joiners.map(|m| m.name).collect();
    ensure(joiners.len() <= 1 && !joiners.contains(&new.primary), "I3", || {
        format!("{new} after {old}")
    })
}

/// R12: nothing is given up while a member may hold it.
fn check_given_up(library: &Library, world: &World, old: &View) -> Result<(), Violation> {
    let lives = members(library, world, old).next().map(|(server, _)| server);
    ensure(lives.is_none(), "R12", || {
        format!("the state of {old} is given up, but S{} lives", lives.unwrap_or(0) + 1)
    })
}

/// I2, I12: what the RM tells is what is on its disk.
pub(crate) fn check_told(
    library: &Library,
    world: &World,
    message: &Message,
) -> Result<(), Violation> {
    let told = match message {
        Message::Ready { view, .. } | Message::ClientReady { view, .. } => view.as_ref(),
        Message::View { view, .. } => Some(view),
        _ => None,
    };
    let disk = library.view(world.disk);
    ensure(told.is_none() || told == disk, "I12", || {
        let disk = disk.map_or_else(|| "nothing".to_owned(), ToString::to_string);
        format!("the RM says `{message}`, and on its disk is {disk}")
    })
}

/// I2, I12: what a server has adopted was on the RM's disk, and nothing else in that epoch.
fn check_adopted(library: &Library, world: &World, seen: &Summary) -> Result<(), Violation> {
    let Some(view) = &seen.view else { return Ok(()) };
    let mut recorded = world.history.iter().rev().filter_map(|record| library.view(*record));
    let same = recorded.find(|v| v.epoch == view.epoch);
    ensure(same == Some(view), "I2", || format!("it has adopted {view}, recorded was {same:?}"))
}

/// The living members of a view, in exactly its runs.
fn members<'a>(
    library: &'a Library,
    world: &'a World,
    view: &'a View,
) -> impl Iterator<Item = (usize, &'a Summary)> {
    living(library, world)
        .filter(|(server, seen)| view.contains(scope::replica(*server), Incarnation(seen.run)))
}

fn living<'a>(
    library: &'a Library,
    world: &'a World,
) -> impl Iterator<Item = (usize, &'a Summary)> {
    let servers = world.servers.iter().enumerate();
    servers.filter_map(|(server, state)| Some((server, library.summary(state.local)?)))
}

// ---- every world ----

/// All that must hold in every world.
pub(crate) fn check(library: &Library, world: &World) -> Result<(), Violation> {
    for (server, seen) in living(library, world) {
        check_adopted(library, world, seen).map_err(|v| v.of(server))?;
        ensure(!seen.twice, "I9", || format!("S{}: a request took effect twice", server + 1))?;
    }
    check_agreement(library, world)?;
    check_acknowledged(library, world)
}

/// I5, I6: servers of one cluster agree on what is committed, and have executed it to the same end.
fn check_agreement(library: &Library, world: &World) -> Result<(), Violation> {
    for (one, seen) in living(library, world) {
        for (other, also) in living(library, world).filter(|(other, _)| *other > one) {
            check_pair(seen, also).map_err(|violation| Violation {
                text: format!("S{} and S{} {}", one + 1, other + 1, violation.text),
                ..violation
            })?;
        }
    }
    Ok(())
}

/// I5 and I6 for two servers.
fn check_pair(one: &Summary, other: &Summary) -> Result<(), Violation> {
    if one.cluster != other.cluster || one.cluster == 0 || !one.whole || !other.whole {
        return Ok(());
    }
    let common = one.committed.min(other.committed);
    let differ = one.first_difference(other, common);
    ensure(differ.is_none(), "I5", || format!("have committed different entries at {differ:?}"))?;
    ensure(!one.diverges_from(other), "I6", || {
        format!("have executed up to {} and differ", one.executed)
    })
}

/// I4: what was answered, or is known to anybody to be committed, is held by every living member of
/// the current view. This is I7 from outside, too: whoever must have acknowledged it is one of them.
fn check_acknowledged(library: &Library, world: &World) -> Result<(), Violation> {
    let Some(view) = library.view(world.disk) else { return Ok(()) };
    let this = u32::try_from(view.cluster.0).unwrap_or(0);
    for (server, member) in members(library, world, view) {
        for (request, client) in world.clients.iter().enumerate() {
            let answered = client.reply != 0 && client.cluster == this;
            let holds = member.cluster == view.cluster.0 && member.holds & 1 << request != 0;
            ensure(!answered || holds, "I4", || {
                format!(
                    "C{} was answered, S{} is in {view} and does not hold its request",
                    request + 1,
                    server + 1
                )
            })?;
        }
        for (knower, seen) in living(library, world).filter(|(_, s)| s.cluster == view.cluster.0) {
            let lacks = match member.cluster == seen.cluster {
                true => seen.first_difference(member, seen.committed),
                false => Some(1).filter(|_| seen.committed > 0),
            };
            ensure(lacks.is_none(), "I4", || {
                let (knower, server) = (knower + 1, server + 1);
                format!(
                    "S{knower} knows entry {lacks:?} to be committed, S{server} is in {view} and lacks it"
                )
            })?;
        }
    }
    Ok(())
}

// ---- replies ----

/// What a reply says, whoever says it.
///
/// # Errors
/// When nobody has said it before, and it must not be added.
pub(crate) fn told(library: &mut Access<'_>, item: ItemId) -> Result<ItemId, Stop> {
    library.usual(Usual::Told(item), |library| match library.frame(item).clone() {
        Message::Reply { client, number, body, .. } => {
            let server = scope::replica(0);
            Message::Reply { client, server, number, body, session: None }
        }
        other => other,
    })
}

/// I9, I10, I11: who answers may; the answer is the same as ever; what the client knew to have
/// happened before is in it.
pub(crate) fn check_reply(
    library: &mut Access<'_>,
    world: &World,
    (request, server): (usize, usize),
    item: ItemId,
) -> Result<(), Stop> {
    let client = &world.clients[request];
    let says = told(library, item)?;
    let Message::Reply { body: Some(body), .. } = library.frame(says) else {
        return Err(Violation { property: "I9", text: "a reply says nothing".to_owned() }.into());
    };
    let letters = String::from_utf8_lossy(body).into_owned();
    let seen = library.summary(world.servers[server].local);
    ensure(seen.is_some_and(Summary::may_answer), "I11", || {
        format!("S{} answers C{}, and may not", server + 1, request + 1)
    })?;
    // What was answered in a cluster whose state is lost binds nobody in the next one (R12).
    let cluster = seen.map_or(0, |seen| seen.cluster as u32);
    let here = |other: &Client| other.reply != 0 && other.cluster == cluster;
    ensure(!here(client) || client.reply == says, "I9", || {
        format!(
            "C{} is told {letters}, and was told {} before",
            request + 1,
            library.frame(client.reply)
        )
    })?;
    ensure(body.last() == Some(&scope::letter(request)), "I10", || {
        format!("C{} is told {letters}, which does not end in its own request", request + 1)
    })?;
    let known = world.clients.iter().enumerate();
    let known = known.filter(|(other, they)| client.seen >> other & 1 == 1 && here(they));
    let others = known.map(|(other, _)| other);
    let missing: Vec<usize> =
        others.filter(|other| !body.contains(&scope::letter(*other))).collect();
    ensure(missing.is_empty(), "I10", || {
        format!(
            "C{} is told {letters}, and had seen {missing:?} answered before it asked",
            request + 1
        )
    })?;
    Ok(())
}

/// I9: a client gets one session for one start.
pub(crate) fn check_session(
    world: &World,
    request: usize,
    session: SessionId,
) -> Result<(), Violation> {
    let before = u64::from(world.clients[request].session);
    ensure(before == 0 || before == session.0, "I9", || {
        format!("C{} is in session {session}, and was in {before} before", request + 1)
    })
}
