//! What can happen next in a world.
//!
//! Guarantees: frames of one connection, and reports and orders of one server, come in order;
//! everything else happens in any order. Faults happen at any moment, as long as there is a budget.

use std::fmt;

use wire::Phase;

use crate::access::{Access, Stop};
use crate::library::{BROKEN, ItemId, Library, ORDERLY};
use crate::scope::SERVERS;
use crate::turn;
use crate::world::{CLOSED, Link, Talk, World};

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// The next frame of a connection, or its end, reaches one of its ends.
    Deliver(usize, usize),
    /// A connection that broke ends at one of its ends; what was on its way there is lost.
    Lose(usize, usize),
    /// The next report of a server's LFD reaches the RM.
    Up(usize),
    /// The next order reaches a server's LFD, and the server.
    Down(usize),
    /// The record is safe.
    Persisted,
    /// The record could not be written.
    PersistFailed,
    /// An LFD sees that its server has ended.
    Notice(usize),
    /// An LFD hears from its server what it has not reported yet.
    Beat(usize),
    /// A client connects to a server and asks.
    Ask(usize, usize),
    /// A client has its session and sends its request.
    Request(usize, usize),
    /// A client gets its reply.
    Take(usize, usize),
    /// A server's process ends.
    Crash(usize),
    /// A server's process ends and is replaced before anybody notices.
    Replace(usize),
    /// The RM's process ends and is replaced; the record that was being written is safe, or lost.
    ManagerCrash(bool),
    /// The connection between GFD and RM breaks.
    Reset,
    /// An LFD takes its living server for silent.
    Accuse(usize),
    /// The network between two servers is cut.
    Cut(usize, usize),
    /// It is whole again.
    Heal(usize, usize),
    /// Time passes.
    Tick,
}

impl Move {
    /// Whether this is something that need not happen.
    pub(crate) const fn is_fault(self) -> bool {
        matches!(
            self,
            Self::PersistFailed
                | Self::Crash(_)
                | Self::Replace(_)
                | Self::ManagerCrash(_)
                | Self::Reset
                | Self::Accuse(_)
                | Self::Cut(..)
                | Self::Tick
        )
    }

    /// As a number.
    pub(crate) const fn pack(self) -> u16 {
        let (kind, a, b) = match self {
            Self::Deliver(link, end) => (0, link, end),
            Self::Lose(link, end) => (1, link, end),
            Self::Up(server) => (2, server, 0),
            Self::Down(server) => (3, server, 0),
            Self::Persisted => (4, 0, 0),
            Self::PersistFailed => (5, 0, 0),
            Self::Notice(server) => (6, server, 0),
            Self::Beat(server) => (7, server, 0),
            Self::Ask(client, server) => (8, client, server),
            Self::Request(client, server) => (9, client, server),
            Self::Take(client, server) => (10, client, server),
            Self::Crash(server) => (11, server, 0),
            Self::Replace(server) => (12, server, 0),
            Self::ManagerCrash(kept) => (13, kept as usize, 0),
            Self::Reset => (14, 0, 0),
            Self::Accuse(server) => (15, server, 0),
            Self::Cut(a, b) => (16, a, b),
            Self::Heal(a, b) => (17, a, b),
            Self::Tick => (18, 0, 0),
        };
        (kind << 11 | a << 4 | b) as u16
    }

    /// The move of that number.
    pub(crate) fn unpack(number: u16) -> Self {
        let number = usize::from(number);
        let (a, b) = (number >> 4 & 0x7f, number & 0xf);
        match number >> 11 {
            0 => Self::Deliver(a, b),
            1 => Self::Lose(a, b),
            2 => Self::Up(a),
            3 => Self::Down(a),
            4 => Self::Persisted,
            5 => Self::PersistFailed,
            6 => Self::Notice(a),
            7 => Self::Beat(a),
            8 => Self::Ask(a, b),
            9 => Self::Request(a, b),
            10 => Self::Take(a, b),
            11 => Self::Crash(a),
            12 => Self::Replace(a),
            13 => Self::ManagerCrash(a == 1),
            14 => Self::Reset,
            15 => Self::Accuse(a),
            16 => Self::Cut(a, b),
            17 => Self::Heal(a, b),
            _ => Self::Tick,
        }
    }
}

/// Everything that can happen next, what has to happen first.
///
/// # Errors
/// When a server broke a rule of its host, or what its LFD would hear is unknown.
pub(crate) fn possible(library: &mut Access<'_>, world: &World) -> Result<Vec<Move>, Stop> {
    let mut moves = Vec::new();
    deliveries(world, &mut moves);
    for server in 0..world.servers.len() {
        reports(library, world, server, &mut moves)?;
    }
    if world.flight != 0 && world.budget.epochs > 0 {
        moves.push(Move::Persisted);
    }
    questions(library, world, &mut moves);
    heals(world, &mut moves);
    faults(world, &mut moves);
    Ok(moves)
}

fn deliveries(world: &World, moves: &mut Vec<Move>) {
    for (at, link) in world.links.iter().enumerate() {
        for end in 0..2 {
            let way = &link.ways[end];
            if link.slots[end] == CLOSED || way.is_empty() {
                continue;
            }
            moves.push(Move::Deliver(at, end));
            if way.len() > 1 && way.last() == Some(&BROKEN) {
                moves.push(Move::Lose(at, end));
            }
        }
    }
}

fn reports(
    library: &mut Access<'_>,
    world: &World,
    server: usize,
    moves: &mut Vec<Move>,
) -> Result<(), Stop> {
    if !world.up[server].is_empty() {
        moves.push(Move::Up(server));
    }
    if !world.down[server].is_empty() {
        moves.push(Move::Down(server));
    }
    if world.servers[server].unseen {
        moves.push(Move::Notice(server));
    }
    let known = world.servers[server].report;
    if turn::news(library, world, server)?.is_some_and(|report| report != known) {
        moves.push(Move::Beat(server));
    }
    Ok(())
}

/// Clients are alike, so the first to ask is the first one. A client asks whoever leads, by its own
/// word; one that waits elsewhere is told of the new primary. In active mode it asks every member.
fn questions(library: &Library, world: &World, moves: &mut Vec<Move>) {
    let current = library.view(world.disk);
    for (request, client) in world.clients.iter().enumerate() {
        let waits = client.talks.iter().any(|talk| *talk != Talk::Apart);
        for server in 0..world.servers.len() {
            match client.talks[server] {
                Talk::Registered => moves.push(Move::Request(request, server)),
                Talk::Replied => moves.push(Move::Take(request, server)),
                Talk::Apart if !client.done => {
                    let Some(seen) = library.summary(world.servers[server].local) else { continue };
                    let primary = seen.phase == Phase::Primary;
                    let named = current.is_some_and(|v| {
                        v.contains(crate::scope::replica(server), wire::Incarnation(seen.run))
                    });
                    let asks = match library.scope.mode {
                        wire::Mode::Active => seen.phase != Phase::Joiner,
                        wire::Mode::Passive => primary && (!waits || named),
                    };
                    if asks {
                        moves.push(Move::Ask(request, server));
                    }
                }
                _ => {}
            }
        }
        if !client.begun {
            break;
        }
    }
}

fn heals(world: &World, moves: &mut Vec<Move>) {
    for a in 0..world.servers.len() {
        for b in a + 1..world.servers.len() {
            if world.is_cut(a, b) {
                moves.push(Move::Heal(a, b));
            }
        }
    }
}

fn faults(world: &World, moves: &mut Vec<Move>) {
    let budget = world.budget;
    if world.flight != 0 && budget.disk_errors > 0 {
        moves.push(Move::PersistFailed);
    }
    for (server, state) in world.servers.iter().enumerate() {
        if state.local == 0 {
            continue;
        }
        if budget.crashes > 0 {
            moves.push(Move::Crash(server));
        }
        if budget.replacements > 0 {
            moves.push(Move::Replace(server));
        }
        if budget.accusations > 0 {
            moves.push(Move::Accuse(server));
        }
        for other in server + 1..world.servers.len() {
            if budget.cuts > 0 && !world.is_cut(server, other) {
                moves.push(Move::Cut(server, other));
            }
        }
    }
    if budget.manager_crashes > 0 {
        moves.push(Move::ManagerCrash(false));
        if world.flight != 0 && budget.epochs > 0 {
            moves.push(Move::ManagerCrash(true));
        }
    }
    if budget.resets > 0 {
        moves.push(Move::Reset);
    }
    if budget.ticks > 0 {
        moves.push(Move::Tick);
    }
}

/// A move, for people.
pub(crate) struct Told<'a>(pub(crate) &'a Library, pub(crate) &'a World, pub(crate) Move);

impl Told<'_> {
    fn item(&self, item: ItemId) -> String {
        match item {
            ORDERLY => "the end of the connection".to_owned(),
            BROKEN => "the break of the connection".to_owned(),
            frame => self.0.frame(frame).to_string(),
        }
    }
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(library, world, happens) = self;
        let name = |server: usize| format!("S{}", server + 1);
        let at = |link: &Link, end: usize| name(usize::from(link.ends[end]));
        let first = |way: &[ItemId]| way.first().map_or_else(String::new, |item| self.item(*item));
        match *happens {
            Move::Deliver(link, end) => {
                let link = &world.links[link];
                write!(f, "{} <- {}  {}", at(link, end), at(link, 1 - end), first(&link.ways[end]))
            }
            Move::Lose(link, end) => {
                let (link, lost) = (&world.links[link], world.links[link].ways[end].len() - 1);
                write!(f, "{} <- {}  broken, {lost} frames lost", at(link, end), at(link, 1 - end))
            }
            Move::Up(server) => write!(f, "RM <- LFD{}  {}", server + 1, first(&world.up[server])),
            Move::Down(server) => {
                write!(f, "LFD{} <- RM  {}", server + 1, first(&world.down[server]))
            }
            Move::Persisted => write!(f, "RM: its record is safe: {}", view(library, world.flight)),
            Move::PersistFailed => write!(f, "RM: its record could not be written"),
            Move::Notice(server) => write!(f, "LFD{} sees that its server ended", server + 1),
            Move::Beat(server) => write!(f, "LFD{} hears its server", server + 1),
            Move::Ask(request, server) => write!(f, "C{} asks {}", request + 1, name(server)),
            Move::Request(request, server) => {
                write!(f, "C{} has its session and asks {}", request + 1, name(server))
            }
            Move::Take(request, server) => {
                write!(f, "C{} gets its reply from {}", request + 1, name(server))
            }
            Move::Crash(server) => write!(f, "{} dies", name(server)),
            Move::Replace(server) => write!(f, "{} dies and is replaced at once", name(server)),
            Move::ManagerCrash(kept) => {
                write!(
                    f,
                    "RM dies and is replaced; what it was writing is {}",
                    match kept {
                        true => "safe",
                        false => "lost, if there was something",
                    }
                )
            }
            Move::Reset => write!(f, "the connection of GFD and RM breaks"),
            Move::Accuse(server) => write!(f, "LFD{} takes its server for silent", server + 1),
            Move::Cut(a, b) => write!(f, "the network of {} and {} is cut", name(a), name(b)),
            Move::Heal(a, b) => write!(f, "the network of {} and {} is whole", name(a), name(b)),
            Move::Tick => write!(f, "time passes"),
        }
    }
}

fn view(library: &Library, record: u32) -> String {
    library.view(record).map_or_else(String::new, ToString::to_string)
}

/// A move has four bits for a server.
const _: () = assert!(SERVERS <= 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_move_is_packed_and_unpacked() {
        let all = [
            Move::Deliver(127, 1),
            Move::Lose(3, 0),
            Move::Up(4),
            Move::Down(2),
            Move::Persisted,
            Move::PersistFailed,
            Move::Notice(1),
            Move::Beat(3),
            Move::Ask(3, 4),
            Move::Request(2, 4),
            Move::Take(1, 2),
            Move::Crash(4),
            Move::Replace(0),
            Move::ManagerCrash(true),
            Move::ManagerCrash(false),
            Move::Reset,
            Move::Accuse(2),
            Move::Cut(0, 4),
            Move::Heal(3, 4),
            Move::Tick,
        ];
        assert!(all.iter().all(|happens| Move::unpack(happens.pack()) == *happens));
    }
}
