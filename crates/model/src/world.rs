//! A world: the RM with its disk, the servers, their detectors, the clients, and everything that is
//! on its way between them. It is a few dozen numbers; what they stand for is in the library.

use crate::library::{ItemId, LocalId, RecordId};
use crate::local::Slot;
use crate::scope::{REQUESTS, SERVERS};

/// One end of a connection that is closed there.
pub(crate) const CLOSED: Slot = Slot::MAX;

/// What a client is doing with one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub(crate) enum Talk {
    /// Nothing.
    #[default]
    Apart,
    /// It has asked for its session.
    Registering,
    /// It has its session, and will send its request.
    Registered,
    /// It has sent its request.
    Asked,
    /// The reply is on its way.
    Replied,
}

impl Talk {
    const ALL: [Self; 5] =
        [Self::Apart, Self::Registering, Self::Registered, Self::Asked, Self::Replied];
}

/// One server and its LFD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Server {
    /// Its state; 0 while there is no process.
    pub(crate) local: LocalId,
    /// How many runs of it there were.
    pub(crate) run: u8,
    /// What its LFD said last; 0 for nothing.
    pub(crate) report: ItemId,
    /// It is dead, and its LFD does not know yet.
    pub(crate) unseen: bool,
}

/// One client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Client {
    /// The first reply that any server gave to its request; 0 for none.
    pub(crate) reply: ItemId,
    /// In which cluster that was.
    pub(crate) cluster: u32,
    /// Whether the client has it.
    pub(crate) done: bool,
    /// Its session; 0 for none.
    pub(crate) session: u32,
    /// Whether it has asked anybody, and what had been answered when it first did.
    pub(crate) begun: bool,
    pub(crate) seen: u8,
    /// What it is doing with each server.
    pub(crate) talks: [Talk; SERVERS],
}

/// A connection between two servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The servers: who dialled, and who accepted.
    pub(crate) ends: [u8; 2],
    /// The connection's slot at each of them, or [`CLOSED`].
    pub(crate) slots: [Slot; 2],
    /// What is on its way to each of them.
    pub(crate) ways: [Vec<ItemId>; 2],
}

/// What may still go wrong, and how much may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Budget {
    pub(crate) epochs: u8,
    pub(crate) crashes: u8,
    pub(crate) launches: u8,
    pub(crate) replacements: u8,
    pub(crate) manager_crashes: u8,
    pub(crate) resets: u8,
    pub(crate) accusations: u8,
    pub(crate) cuts: u8,
    pub(crate) disk_errors: u8,
    pub(crate) ticks: u8,
}

impl Budget {
    const fn bytes(self) -> [u8; 12] {
        let Self { epochs, crashes, launches, replacements, manager_crashes, resets, .. } = self;
        let Self { accusations, cuts, disk_errors, ticks, .. } = self;
        [
            epochs,
            crashes,
            launches,
            replacements,
            manager_crashes,
            resets,
            accusations,
            cuts,
            disk_errors,
            ticks,
            0,
            0,
        ]
    }

    const fn from_bytes(bytes: [u8; 12]) -> Self {
        let [epochs, crashes, launches, replacements, manager_crashes, resets, rest @ ..] = bytes;
        let [accusations, cuts, disk_errors, ticks, ..] = rest;
        Self {
            epochs,
            crashes,
            launches,
            replacements,
            manager_crashes,
            resets,
            accusations,
            cuts,
            disk_errors,
            ticks,
        }
    }
}

/// See the module's documentation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct World {
    /// How many steps of time have passed.
    pub(crate) time: u16,
    pub(crate) budget: Budget,
    pub(crate) manager: LocalId,
    /// What is on the RM's disk,
    pub(crate) disk: RecordId,
    /// and what is being written.
    pub(crate) flight: RecordId,
    /// The last record of each epoch that was safe on the disk, oldest first.
    pub(crate) history: Vec<RecordId>,
    pub(crate) servers: Vec<Server>,
    /// What is on its way from each LFD to the RM,
    pub(crate) up: Vec<Vec<ItemId>>,
    /// and from the RM to each LFD and its server.
    pub(crate) down: Vec<Vec<ItemId>>,
    /// Sorted, so that equal worlds are written the same.
    pub(crate) links: Vec<Link>,
    /// A bit for each pair of servers whose network is cut.
    pub(crate) cut: u32,
    pub(crate) clients: Vec<Client>,
}

impl World {
    /// The bit of a pair of servers.
    pub(crate) const fn pair(a: usize, b: usize) -> u32 {
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        1 << (low * SERVERS + high)
    }

    /// Whether the network between two servers is cut.
    pub(crate) const fn is_cut(&self, a: usize, b: usize) -> bool {
        self.cut & Self::pair(a, b) != 0
    }

    /// The connection that has this slot at that server, and which of its ends that is.
    pub(crate) fn link(&self, server: usize, slot: Slot) -> Option<(usize, usize)> {
        let here = |link: &Link| {
            (0..2).find(|end| usize::from(link.ends[*end]) == server && link.slots[*end] == slot)
        };
        self.links.iter().enumerate().find_map(|(at, link)| Some((at, here(link)?)))
    }

    /// Forgets connections that are closed at both ends, and puts the others in order.
    pub(crate) fn tidy(&mut self) {
        self.links.retain(|link| link.slots != [CLOSED, CLOSED]);
        self.links.sort_by_key(|link| (link.ends, link.slots));
    }

    // ---- as numbers ----

    /// Writes the world as numbers, its own length first.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        let start = out.len();
        out.push(0);
        let budget = self.budget.bytes();
        out.push(
            u32::from(self.time) << 16
                | (self.servers.len() as u32) << 8
                | self.clients.len() as u32,
        );
        out.extend(budget.chunks(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])));
        out.extend([self.manager, self.disk, self.flight, self.cut]);
        list(&self.history, out);
        for server in &self.servers {
            out.push(server.local);
            out.push(server.report << 8 | u32::from(server.run) << 1 | u32::from(server.unseen));
        }
        for way in self.up.iter().chain(&self.down) {
            list(way, out);
        }
        out.push(self.links.len() as u32);
        for link in &self.links {
            let [dialler, acceptor] = link.ends;
            out.push(u32::from_le_bytes([dialler, acceptor, link.slots[0], link.slots[1]]));
            link.ways.iter().for_each(|way| list(way, out));
        }
        for client in &self.clients {
            let talks = client.talks.iter().fold(0, |all, talk| all << 3 | *talk as u32);
            out.extend([client.reply, client.cluster, client.session]);
            out.push(
                talks << 10
                    | u32::from(client.seen) << 2
                    | u32::from(client.done) << 1
                    | u32::from(client.begun),
            );
        }
        out[start] = (out.len() - start) as u32;
    }

    /// Reads what [`World::write`] wrote.
    pub(crate) fn read(words: &[u32]) -> Self {
        let mut from = Reader(&words[1..]);
        let head = from.word();
        let (servers, clients) = ((head >> 8) as u8 as usize, head as u8 as usize);
        let mut budget = [0; 12];
        budget.chunks_mut(4).for_each(|b| b.copy_from_slice(&from.word().to_le_bytes()));
        Self {
            time: (head >> 16) as u16,
            budget: Budget::from_bytes(budget),
            manager: from.word(),
            disk: from.word(),
            flight: from.word(),
            cut: from.word(),
            history: from.list(),
            servers: (0..servers).map(|_| from.server()).collect(),
            up: (0..servers).map(|_| from.list()).collect(),
            down: (0..servers).map(|_| from.list()).collect(),
            links: (0..from.word()).map(|_| from.link()).collect(),
            clients: (0..clients).map(|_| from.client()).collect(),
        }
    }
}

fn list(items: &[u32], out: &mut Vec<u32>) {
    out.push(items.len() as u32);
    out.extend_from_slice(items);
}

struct Reader<'a>(&'a [u32]);

impl Reader<'_> {
    fn word(&mut self) -> u32 {
        let (word, rest) = self.0.split_first().expect("a world is read as it was written");
        self.0 = rest;
        *word
    }

    fn list(&mut self) -> Vec<u32> {
        let length = self.word() as usize;
        let (items, rest) = self.0.split_at(length);
        self.0 = rest;
        items.to_vec()
    }

    fn server(&mut self) -> Server {
        let (local, word) = (self.word(), self.word());
        Server { local, run: (word >> 1 & 0x7f) as u8, report: word >> 8, unseen: word & 1 == 1 }
    }

    fn link(&mut self) -> Link {
        let [dialler, acceptor, here, there] = self.word().to_le_bytes();
        let (ends, slots) = ([dialler, acceptor], [here, there]);
        Link { ends, slots, ways: [self.list(), self.list()] }
    }

    fn client(&mut self) -> Client {
        let (reply, cluster, session, word) = (self.word(), self.word(), self.word(), self.word());
        let talk =
            |place: usize| Talk::ALL[(word >> 10 >> (3 * (SERVERS - 1 - place)) & 7) as usize];
        Client {
            reply,
            cluster,
            session,
            done: word & 2 != 0,
            begun: word & 1 != 0,
            seen: (word >> 2) as u8,
            talks: std::array::from_fn(talk),
        }
    }
}

/// Requests have a bit each in `seen`, and talks three bits each in 22.
const _: () = assert!(REQUESTS <= 8 && SERVERS * 3 <= 22);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_is_read_as_it_was_written() {
        let client = Client {
            reply: 7,
            cluster: 2,
            done: true,
            session: 9,
            begun: true,
            seen: 5,
            talks: [Talk::Apart, Talk::Asked, Talk::Replied, Talk::Registered, Talk::Registering],
        };
        let server = Server { local: 3, run: 2, report: 70_000, unseen: true };
        let world = World {
            time: 300,
            budget: Budget { epochs: 3, crashes: 1, ticks: 255, ..Budget::default() },
            manager: 1,
            disk: 2,
            flight: 3,
            history: vec![1, 2],
            servers: vec![server, Server::default()],
            up: vec![vec![4, 5], Vec::new()],
            down: vec![Vec::new(), vec![6]],
            links: vec![Link { ends: [0, 1], slots: [12, CLOSED], ways: [vec![1], vec![2, 3]] }],
            cut: World::pair(1, 0),
            clients: vec![client, Client::default(), Client { begun: true, ..client }],
        };
        let mut words = vec![99];
        world.write(&mut words);
        assert_eq!(words[1] as usize, words.len() - 1);
        assert_eq!(World::read(&words[1..]), world);
    }
}
