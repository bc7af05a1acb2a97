//! A schedule: what is done to a cluster, and when, all drawn from one seed.
//!
//! Which kinds of faults there are differs from seed to seed, too: a bug that one kind of fault
//! hides is found where that kind is off (*swarm testing*, Groce et al.).
//!
//! Guarantees: the same seed and the same cluster give the same schedule. Whatever is broken is put
//! right before the end. At every moment at least one server has been left alone for [`RECOVERY`],
//! so that it can be a member while the others are down: nothing that was answered may be lost.
//!
//! Not here: whether that server *is* a member at that moment, which only shows when the schedule
//! is played; see `storm`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use wire::{Mode, NodeName};

use crate::nemesis::deed::{Deed, Link, Way};
use crate::nemesis::dice::Dice;
use crate::plan::Settings;
use crate::roster::Roster;

/// How long a server needs, after a fault of it is over, to be launched and a member again.
pub const RECOVERY: Duration = Duration::from_secs(3);
/// The quiet time before the first deed.
const CALM: Duration = Duration::from_millis(500);

/// Something that is done at a moment after the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// When.
    pub at: Duration,
    /// What.
    pub deed: Deed,
}

/// Everything that is done, in the order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Where it comes from.
    pub seed: u64,
    /// Which kinds of faults it is made of.
    pub kinds: Vec<Kind>,
    /// All of it.
    pub items: Vec<Item>,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A server is killed.
    KillServer,
    /// A server is stopped for a while.
    StopServer,
    /// A server is killed, and before it its LFD, which comes back later.
    KillMachine,
    /// An LFD, the GFD or the RM is killed, and launched again later.
    KillWatcher,
    /// An LFD, the GFD or the RM is stopped for a while.
    StopWatcher,
    /// A client is killed and launched again, or stopped for a while.
    Client,
    /// The link between two servers is cut for a while.
    CutServers,
    /// A link to or between the watchers is cut for a while.
    CutWatchers,
    /// The clients' link to a server or to the RM is cut for a while.
    CutClients,
    /// The mode is switched.
    Switch,
}

/// All kinds, each with how often it is drawn in relation to the others.
const KINDS: [(Kind, usize); 10] = [
    (Kind::KillServer, 6),
    (Kind::StopServer, 4),
    (Kind::KillMachine, 3),
    (Kind::KillWatcher, 5),
    (Kind::StopWatcher, 3),
    (Kind::Client, 2),
    (Kind::CutServers, 3),
    (Kind::CutWatchers, 3),
    (Kind::CutClients, 2),
    (Kind::Switch, 2),
];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::KillServer => "kill servers",
            Self::StopServer => "stop servers",
            Self::KillMachine => "kill machines",
            Self::KillWatcher => "kill watchers",
            Self::StopWatcher => "stop watchers",
            Self::Client => "kill and stop clients",
            Self::CutServers => "cut servers off each other",
            Self::CutWatchers => "cut watchers off",
            Self::CutClients => "cut clients off",
            Self::Switch => "switch the mode",
        }
    }
}

/// What cannot have two faults at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Process(NodeName),
    Link(Link),
    /// What the clients reach the cluster by.
    ClientLinks,
}

/// A schedule that is being drawn.
struct Draft<'a> {
    dice: Dice,
    roster: &'a Roster,
    mode: Mode,
    end: Duration,
    items: Vec<Item>,
    /// Until when each thing has a fault.
    busy: BTreeMap<Thing, Duration>,
    /// Until when each server may be out of the view.
    harmed: Vec<Duration>,
}

impl Schedule {
    /// The schedule of a seed for a cluster.
    #[must_use]
    pub fn new(seed: u64, time: Duration, settings: &Settings, roster: &Roster) -> Self {
        let mut dice = Dice::new(seed);
        let mut kinds: Vec<(Kind, usize)> = KINDS.to_vec();
        kinds.retain(|_| dice.percent(75));
        if kinds.is_empty() {
            kinds = KINDS.to_vec();
        }
        let mut draft = Draft {
            dice,
            roster,
            mode: settings.mode,
            end: time,
            items: Vec::new(),
            busy: BTreeMap::new(),
            harmed: vec![Duration::ZERO; roster.servers.len()],
        };
        let mut at = CALM;
        while at < time {
            draft.add(at, &kinds);
            at += draft.dice.time(50, 1_250);
        }
        let mut items = draft.items;
        // What stands at one moment stays in the order in which it was drawn.
        items.sort_by_key(|item| item.at);
        Self { seed, kinds: kinds.into_iter().map(|(kind, _)| kind).collect(), items }
    }
}

impl Draft<'_> {
    /// Adds one fault that begins now, if one of a few that are drawn is possible.
    fn add(&mut self, at: Duration, kinds: &[(Kind, usize)]) {
        for _ in 0..6 {
            let total: usize = kinds.iter().map(|(_, weight)| weight).sum();
            let mut place = self.dice.below(total);
            let kind = kinds.iter().find(|(_, weight)| match place.checked_sub(*weight) {
                Some(less) => {
                    place = less;
                    false
                }
                None => true,
            });
            if kind.is_some_and(|(kind, _)| self.fault(at, *kind)) {
                return;
            }
        }
    }

    fn fault(&mut self, at: Duration, kind: Kind) -> bool {
        let (servers, roster) = (self.roster.servers.len(), self.roster);
        let server = self.dice.below(servers);
        let name = roster.servers[server];
        match kind {
            Kind::KillServer => self.process(at, name, true, Duration::ZERO),
            Kind::StopServer => {
                let time = self.dice.time(50, 3_500);
                self.process(at, name, false, time)
            }
            Kind::KillMachine => self.machine(at, server),
            Kind::KillWatcher | Kind::StopWatcher => {
                let name = match self.dice.below(4) {
                    0 => roster.rm,
                    1 => roster.gfd,
                    _ => roster.lfds[server],
                };
                let time = self.dice.time(50, 2_500);
                self.process(at, name, kind == Kind::KillWatcher, time)
            }
            Kind::Client => {
                let Some(client) = self.dice.one(&roster.clients) else { return false };
                let (kill, time) = (self.dice.percent(50), self.dice.time(50, 2_500));
                self.process(at, client, kill, time)
            }
            Kind::CutServers => {
                let other = (server + 1 + self.dice.below(servers.max(2) - 1)) % servers;
                let link = Link::Servers(server.min(other), server.max(other));
                server != other && self.cut(at, link)
            }
            Kind::CutWatchers => {
                let link = [Link::Heartbeats(server), Link::Reports(server), Link::Orders];
                let link = link[self.dice.below(3)];
                self.cut(at, link)
            }
            Kind::CutClients => {
                let link = if self.dice.percent(75) { Link::Requests(server) } else { Link::Views };
                self.cut(at, link)
            }
            Kind::Switch => {
                self.mode = match self.mode {
                    Mode::Active => Mode::Passive,
                    Mode::Passive => Mode::Active,
                };
                self.items.push(Item { at, deed: Deed::Switch(self.mode) });
                true
            }
        }
    }

    /// A process is killed and launched again, or stopped and continued.
    fn process(&mut self, at: Duration, name: NodeName, kill: bool, time: Duration) -> bool {
        let (first, last) = match kill {
            true => (Deed::Kill(name), Deed::Start(name)),
            false => (Deed::Stop(name), Deed::Cont(name)),
        };
        // A server is launched by its LFD, without being asked.
        let last = (!time.is_zero()).then_some(last);
        self.place(at, time, &[Thing::Process(name)], &[first], last)
    }

    fn machine(&mut self, at: Duration, place: usize) -> bool {
        let (lfd, server) = (self.roster.lfds[place], self.roster.servers[place]);
        let things = [Thing::Process(lfd), Thing::Process(server)];
        let time = self.dice.time(300, 3_000);
        let first = [Deed::Kill(lfd), Deed::Kill(server)];
        self.place(at, time, &things, &first, Some(Deed::Start(lfd)))
    }

    fn cut(&mut self, at: Duration, link: Link) -> bool {
        let way = [Way::Both, Way::Both, Way::There, Way::Back][self.dice.below(4)];
        let time = self.dice.time(100, 3_500);
        let things = match link {
            Link::Requests(_) | Link::Views => vec![Thing::Link(link), Thing::ClientLinks],
            _ => vec![Thing::Link(link)],
        };
        let (first, last) = (Deed::Cut(link, way), Deed::Mend(link));
        let placed = self.place(at, time, &things, &[first], Some(last));
        if placed && things.contains(&Thing::ClientLinks) {
            // One cut after the other would keep them from everybody for as long as it takes them to
            // give up, and nothing would be shown by that.
            self.busy.insert(Thing::ClientLinks, at + time + RECOVERY);
        }
        placed
    }

    /// Adds a fault if nothing of it has one, and a server that is left alone remains.
    fn place(
        &mut self,
        at: Duration,
        time: Duration,
        things: &[Thing],
        first: &[Deed],
        last: Option<Deed>,
    ) -> bool {
        let over = (at + time).min(self.end);
        let harms: Vec<usize> =
            first.iter().flat_map(|deed| deed.harms(&self.roster.servers)).collect();
        let busy = |thing| self.busy.get(thing).is_some_and(|until| *until > at);
        let left = |(place, until): (usize, &Duration)| *until <= at && !harms.contains(&place);
        if things.iter().any(busy) || !self.harmed.iter().enumerate().any(left) {
            return false;
        }
        for thing in things {
            self.busy.insert(*thing, over);
        }
        for place in harms {
            self.harmed[place] = self.harmed[place].max(over + RECOVERY);
        }
        self.wait_for_watchers(at);
        self.items.extend(first.iter().map(|deed| Item { at, deed: *deed }));
        self.items.extend(last.map(|deed| Item { at: over, deed }));
        true
    }
}

impl Draft<'_> {
    /// A server that is out comes back only when those who bring it back are there.
    fn wait_for_watchers(&mut self, at: Duration) {
        let roster = self.roster;
        for (place, until) in self.harmed.iter_mut().enumerate().filter(|(_, until)| **until > at) {
            let watchers = [roster.rm, roster.gfd, roster.lfds[place]].map(Thing::Process);
            let links = [Link::Orders, Link::Reports(place)].map(Thing::Link);
            for over in watchers.iter().chain(&links).filter_map(|thing| self.busy.get(thing)) {
                if *over > at {
                    *until = (*until).max(*over + RECOVERY);
                }
            }
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8.3} s  {}", self.at.as_secs_f64(), self.deed)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.name()).collect();
        write!(f, "seed {}: {} deeds: {}", self.seed, self.items.len(), kinds.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TIME: Duration = Duration::from_secs(60);

    fn draw(seed: u64, replicas: usize) -> (Schedule, Roster) {
        let settings = Settings::new(Mode::Passive);
        let roster = Roster::new(replicas, 3);
        (Schedule::new(seed, TIME, &settings, &roster), roster)
    }

    /// What is broken, as it would be while the schedule is played.
    #[derive(Default)]
    struct Broken {
        processes: BTreeSet<NodeName>,
        links: BTreeSet<Link>,
        /// Servers that nobody launches until their LFD is back.
        orphans: BTreeSet<usize>,
        harmed: BTreeMap<usize, Duration>,
    }

    impl Broken {
        fn play(&mut self, item: &Item, roster: &Roster) {
            let servers = &roster.servers;
            match item.deed {
                Deed::Kill(name) if servers.contains(&name) => {
                    let place = servers.iter().position(|server| *server == name).unwrap();
                    if self.processes.contains(&roster.lfds[place]) {
                        self.orphans.insert(place);
                    }
                }
                Deed::Kill(name) | Deed::Stop(name) => assert!(self.processes.insert(name)),
                Deed::Start(name) | Deed::Cont(name) => assert!(self.processes.remove(&name)),
                Deed::Cut(link, _) => assert!(self.links.insert(link)),
                Deed::Mend(link) => assert!(self.links.remove(&link)),
                Deed::Switch(_) => {}
            }
            let over = match item.deed {
                Deed::Mend(link) => Deed::Cut(link, Way::Both),
                Deed::Cont(name) => Deed::Kill(name),
                other => other,
            };
            for place in over.harms(servers) {
                self.harmed.insert(place, item.at + RECOVERY);
            }
            if let Deed::Start(name) | Deed::Cont(name) = item.deed
                && let Some(place) = roster.lfds.iter().position(|lfd| *lfd == name)
                && self.orphans.remove(&place)
            {
                self.harmed.insert(place, item.at + RECOVERY);
            }
            for link in &self.links {
                for place in Deed::Cut(*link, Way::Both).harms(servers) {
                    self.harmed.insert(place, item.at + RECOVERY);
                }
            }
        }
    }

    #[test]
    fn one_seed_has_one_schedule_and_another_seed_another() {
        assert_eq!(draw(42, 3), draw(42, 3));
        assert_ne!(draw(42, 3).0.items, draw(43, 3).0.items);
        let (schedule, _) = draw(42, 3);
        assert_eq!(schedule.to_string(), draw(42, 3).0.to_string());
    }

    #[test]
    fn at_every_moment_a_server_is_left_alone_and_everything_is_put_right() {
        for seed in 0..1_000 {
            for replicas in [3, [1, 2, 5][seed as usize % 3]] {
                let (schedule, roster) = draw(seed, replicas);
                let mut broken = Broken::default();
                for item in &schedule.items {
                    assert!(item.at >= CALM && item.at <= TIME, "seed {seed}: {item}");
                    broken.play(item, &roster);
                    let hurt = |place| {
                        let down = broken.processes.contains(&roster.servers[place])
                            || broken.orphans.contains(&place);
                        let recent = broken.harmed.get(&place);
                        down || recent.is_some_and(|until| *until > item.at)
                    };
                    let alone = (0..replicas).filter(|place| !hurt(*place)).count();
                    assert!(alone > 0, "seed {seed}, {replicas} replicas: at {item}");
                }
                let left = (&broken.processes, &broken.links);
                assert!(left.0.is_empty() && left.1.is_empty(), "seed {seed}: {left:?}");
            }
        }
    }

    #[test]
    fn every_kind_of_deed_comes_up_and_a_minute_is_full_of_them() {
        let mut seen = BTreeSet::new();
        for seed in 0..100 {
            let (schedule, _) = draw(seed, 3);
            assert!(schedule.items.len() > 40, "seed {seed}: {}", schedule.items.len());
            let words = schedule.items.iter().map(|item| item.deed.to_string());
            seen.extend(words.map(|text| text.replace(|c: char| c.is_ascii_digit(), "")));
        }
        let wanted = [
            "kill S",
            "stop S",
            "cont S",
            "kill LFD",
            "start LFD",
            "kill GFD",
            "stop RM",
            "kill C",
            "start C",
            "cut S - S",
            "cut LFD - S",
            "cut LFD - GFD, that way only",
            "cut GFD - RM",
            "cut clients - S, the way back only",
            "mend clients - RM",
            "switch active",
            "switch passive",
        ];
        for wanted in wanted {
            assert!(seen.contains(wanted), "{wanted} never came up: {seen:?}");
        }
    }
}
