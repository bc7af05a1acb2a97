//! What the audit records say of the cluster now: the newest view, who runs, who is ready.
//!
//! Records of different processes are not read in the order of time, so everything here compares
//! their moments and never relies on the order of reading.

use std::collections::BTreeMap;

use wire::NodeName;

use crate::audit::{Record, ViewSeen, What};

/// One server, over all its runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerSeen {
    /// The process of its last launch or adoption, and when that was.
    pub running: Option<(u64, i32)>,
    /// When its last new process was launched.
    pub launched: u64,
    /// When a running process was last adopted.
    pub adopted: u64,
    /// When it last said that it is ready.
    pub ready: u64,
    /// When it last learnt that its epoch is over.
    pub fenced: u64,
    /// When it last adopted a view of which it is a member.
    pub member: u64,
    /// When the drill last killed it.
    pub killed: u64,
}

impl ServerSeen {
    /// Whether the present run said that it is ready, and is a member still: one that only hears of
    /// a newer view before it gets it has been fenced for that moment, and does not say it again.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let ready = self.ready > self.launched.max(self.killed);
        ready && self.ready.max(self.member) > self.fenced
    }
}

/// What the drill did to a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blow {
    /// When.
    pub at: u64,
    /// Whom.
    pub name: NodeName,
    /// Whether it was the primary of the newest view.
    pub primary: bool,
    /// Whether it was a server.
    pub server: bool,
    /// Whether it was only stopped, and not killed.
    pub stopped: bool,
}

/// The state of the cluster, as far as records tell it.
#[derive(Debug, Default)]
pub struct Picture {
    /// Every view that the RM made, in the order of time.
    pub views: Vec<ViewSeen>,
    /// The members that `GFD` and `RM` last counted, and when.
    pub counted: BTreeMap<NodeName, (u64, Vec<NodeName>)>,
    /// The servers.
    pub servers: BTreeMap<NodeName, ServerSeen>,
    /// When each server first told its digest at each place of the log.
    pub digests: BTreeMap<u64, BTreeMap<NodeName, u64>>,
    /// When each client's answers came.
    pub answers: BTreeMap<NodeName, Vec<u64>>,
    /// Every process that the drill killed or stopped, in the order of time.
    pub blows: Vec<Blow>,
}

impl Picture {
    /// Takes one record in.
    pub fn take(&mut self, record: &Record) {
        let at = record.at;
        match &record.what {
            What::ViewMade(view) => {
                let place = self.views.partition_point(|known| known.at <= at);
                self.views.insert(place, view.clone());
            }
            What::Members(members) => {
                let counted = self.counted.entry(record.who).or_default();
                if at >= counted.0 {
                    *counted = (at, members.clone());
                }
            }
            What::ViewAdopted(view) if view.members.contains(&record.who) => {
                latest(&mut self.server(record.who).member, at);
            }
            What::Ready => latest(&mut self.server(record.who).ready, at),
            What::Fenced => latest(&mut self.server(record.who).fenced, at),
            What::Running { server, pid, adopted } => {
                let seen = self.server(*server);
                latest(if *adopted { &mut seen.adopted } else { &mut seen.launched }, at);
                if seen.running.is_none_or(|(known, _)| at >= known) {
                    seen.running = Some((at, *pid));
                }
            }
            What::Digest { sequence, .. } => {
                let told = self.digests.entry(*sequence).or_default();
                told.entry(record.who).or_insert(at);
            }
            What::Answered { .. } => self.answers.entry(record.who).or_default().push(at),
            _ => {}
        }
    }

    /// The drill killed a process, or stopped it.
    pub fn hit(&mut self, at: u64, name: NodeName, server: bool, stopped: bool) {
        let primary = self.view().is_some_and(|view| view.primary == name);
        self.blows.push(Blow { at, name, primary, server, stopped });
        if server && !stopped {
            latest(&mut self.server(name).killed, at);
        }
    }

    /// The newest view.
    #[must_use]
    pub fn view(&self) -> Option<&ViewSeen> {
        self.views.last()
    }

    /// Views made at or after a moment.
    pub fn views_since(&self, mark: u64) -> impl Iterator<Item = &ViewSeen> {
        self.views.iter().filter(move |view| view.at >= mark)
    }

    /// Whether a server is in the newest view with a run that was not killed since.
    #[must_use]
    pub fn in_view(&self, server: NodeName) -> bool {
        let killed = self.servers.get(&server).map_or(0, |seen| seen.killed);
        self.view().is_some_and(|view| view.members.contains(&server) && view.at > killed)
    }

    /// At how many places of the log two servers told their digests at or after a moment.
    #[must_use]
    pub fn compared(&self, mark: u64) -> usize {
        let both =
            |told: &&BTreeMap<NodeName, u64>| told.values().filter(|at| **at >= mark).count() > 1;
        self.digests.values().filter(both).count()
    }

    /// How many answers a client got at or after a moment.
    #[must_use]
    pub fn progress(&self, client: NodeName, mark: u64) -> usize {
        let answers = self.answers.get(&client).map_or(&[][..], Vec::as_slice);
        answers.len() - answers.partition_point(|at| *at < mark)
    }

    /// The longest time between two answers of a client that ended between two moments; a client
    /// that still waits has waited until the second moment.
    #[must_use]
    pub fn longest_gap(&self, client: NodeName, from: u64, to: u64) -> u64 {
        let answers = self.answers.get(&client).map_or(&[][..], Vec::as_slice);
        let first = answers.partition_point(|at| *at <= from);
        let mut before = if first == 0 { from } else { answers[first - 1] };
        let mut longest = 0;
        for at in answers[first..].iter().copied().take_while(|at| *at <= to).chain([to]) {
            longest = longest.max(at.saturating_sub(before));
            before = at;
        }
        longest
    }

    fn server(&mut self, name: NodeName) -> &mut ServerSeen {
        self.servers.entry(name).or_default()
    }
}

fn latest(known: &mut u64, at: u64) {
    *known = (*known).max(at);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NodeName {
        text.parse().unwrap()
    }

    fn record(at: u64, who: &str, what: What) -> Record {
        Record { at, who: name(who), what }
    }

    fn view(at: u64, epoch: u64, primary: &str, members: &[&str]) -> Record {
        let members = members.iter().map(|member| name(member)).collect();
        let mode = "passive".into();
        let view = ViewSeen { at, epoch, mode, primary: name(primary), members };
        record(at, "RM", What::ViewMade(view))
    }

    #[test]
    fn views_are_ordered_by_time_not_by_reading() {
        let mut picture = Picture::default();
        picture.take(&view(20, 2, "S2", &["S2"]));
        picture.take(&view(10, 1, "S1", &["S1", "S2"]));
        assert_eq!(picture.view().unwrap().epoch, 2);
        assert_eq!(picture.views_since(15).count(), 1);
    }

    #[test]
    fn a_killed_server_is_not_ready_and_not_in_view_until_a_later_view_has_it() {
        let mut picture = Picture::default();
        picture.take(&view(10, 1, "S1", &["S1", "S2"]));
        picture.take(&record(11, "S1", What::Ready));
        assert!(picture.in_view(name("S1")) && picture.servers[&name("S1")].is_ready());

        picture.hit(20, name("S1"), true, false);
        assert!(picture.blows[0].primary);
        assert!(!picture.in_view(name("S1")) && !picture.servers[&name("S1")].is_ready());

        let running = What::Running { server: name("S1"), pid: 5, adopted: false };
        // `ready` is read before the launch that preceded it.
        picture.take(&record(40, "S1", What::Ready));
        picture.take(&record(30, "LFD1", running));
        picture.take(&view(39, 2, "S2", &["S2", "S1"]));
        assert!(picture.in_view(name("S1")) && picture.servers[&name("S1")].is_ready());

        picture.take(&record(50, "S1", What::Fenced));
        assert!(!picture.servers[&name("S1")].is_ready());
        let mut adopts = |at, members: &[&str]| {
            let What::ViewMade(seen) = view(at, 3, "S2", members).what else { panic!() };
            picture.take(&record(at, "S1", What::ViewAdopted(seen)));
            picture.servers[&name("S1")].is_ready()
        };
        assert!(!adopts(51, &["S2", "S3"]), "a view without it");
        assert!(adopts(52, &["S2", "S3", "S1"]), "it had only heard of the view before it had it");
    }

    #[test]
    fn a_gap_ends_with_an_answer_or_lasts_until_now() {
        let mut picture = Picture::default();
        let c1 = name("C1");
        for at in [100, 110, 190, 200] {
            let what = What::Answered { number: at, server: name("S1"), body: String::new() };
            picture.take(&record(at, "C1", what));
        }
        assert_eq!(picture.longest_gap(c1, 120, 205), 80, "from the answer before the kill");
        assert_eq!(picture.longest_gap(c1, 195, 500), 300, "still waiting");
        assert_eq!(picture.longest_gap(name("C2"), 195, 500), 305, "never answered");
        assert_eq!(picture.progress(c1, 110), 3);
    }
}
