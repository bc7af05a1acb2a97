//! Which servers are out of danger: nothing was done to them that may still have an effect.
//!
//! A server whose link is whole again, or that goes on, may still be given up: somebody has waited
//! for it, complains, and is heard when the RM has time. So it counts as hurt for a while longer;
//! and longer still when those who carry complaints were away meanwhile.
//!
//! Not here: who is a member; that is for the RM to say.

use std::collections::BTreeMap;
use std::time::Duration;

use wire::NodeName;

use crate::nemesis::deed::{Deed, Link};
use crate::roster::Roster;

/// How long after a fault somebody may still complain of it: the detectors' timeout, and a little.
const ECHO: Duration = Duration::from_millis(1_500);

/// A fault that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Process(NodeName),
    Link(Link),
}

/// What was done so far, as moments after the beginning.
#[derive(Debug)]
pub struct Guard {
    roster: Roster,
    in_force: BTreeMap<Fault, (Duration, Deed)>,
    hurt_until: Vec<Duration>,
}

impl Guard {
    /// A guard over a cluster to which nothing was done.
    #[must_use]
    pub fn new(roster: &Roster) -> Self {
        let hurt_until = vec![Duration::ZERO; roster.servers.len()];
        Self { roster: roster.clone(), in_force: BTreeMap::new(), hurt_until }
    }

    /// Something was done.
    pub fn note(&mut self, at: Duration, deed: Deed) {
        match deed {
            // A killed server is out until the RM has it as a member again, which only it can say.
            Deed::Kill(name) if self.roster.servers.contains(&name) => self.over(at, deed),
            Deed::Kill(name) | Deed::Stop(name) => {
                self.in_force.entry(Fault::Process(name)).or_insert((at, deed));
            }
            Deed::Cut(link, _) => {
                self.in_force.entry(Fault::Link(link)).or_insert((at, deed));
            }
            Deed::Start(name) | Deed::Cont(name) => self.end(at, Fault::Process(name)),
            Deed::Mend(link) => self.end(at, Fault::Link(link)),
            Deed::Switch(_) => {}
        }
    }

    fn end(&mut self, at: Duration, fault: Fault) {
        let Some((since, deed)) = self.in_force.remove(&fault) else { return };
        // TCP waits twice as long from one try to the next: as long again as the link was cut.
        let silent = matches!(fault, Fault::Link(_)).then_some(at - since).unwrap_or_default();
        self.over(at + silent + ECHO, deed);
        if carries(&self.roster, fault) {
            let late = at + silent + ECHO;
            for until in self.hurt_until.iter_mut().filter(|until| **until > since) {
                *until = (*until).max(late);
            }
        }
    }

    /// The servers that this deed harms are hurt until then.
    fn over(&mut self, until: Duration, deed: Deed) {
        for place in deed.harms(&self.roster.servers) {
            self.hurt_until[place] = self.hurt_until[place].max(until);
        }
    }

    /// Whether nothing that was done to this server can still have an effect.
    #[must_use]
    pub fn settled(&self, at: Duration, place: usize) -> bool {
        let hurt = |(_, deed): &(Duration, Deed)| deed.harms(&self.roster.servers).contains(&place);
        let away = self.in_force.iter().filter(|(fault, _)| carries(&self.roster, **fault));
        let since = away.map(|(_, (since, _))| *since).min().unwrap_or(at);
        self.hurt_until[place] <= since.min(at) && !self.in_force.values().any(hurt)
    }
}

/// Whether complaints pass through what this fault takes away.
fn carries(roster: &Roster, fault: Fault) -> bool {
    match fault {
        Fault::Process(name) => {
            name == roster.rm || name == roster.gfd || roster.lfds.contains(&name)
        }
        Fault::Link(link) => matches!(link, Link::Orders | Link::Reports(_)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nemesis::deed::Way;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn settled(guard: &Guard, at: f64) -> Vec<bool> {
        (0..3).map(|place| guard.settled(seconds(at), place)).collect()
    }

    #[test]
    fn a_cut_hurts_both_ends_for_as_long_again_and_an_echo() {
        let mut guard = Guard::new(&Roster::new(3, 1));
        assert_eq!(settled(&guard, 0.0), [true; 3]);
        guard.note(seconds(1.0), Deed::Cut(Link::Servers(0, 2), Way::There));
        assert_eq!(settled(&guard, 9.0), [false, true, false]);
        guard.note(seconds(3.0), Deed::Mend(Link::Servers(0, 2)));
        assert_eq!(settled(&guard, 6.4), [false, true, false]);
        assert_eq!(settled(&guard, 6.6), [true; 3]);
    }

    #[test]
    fn a_stop_is_remembered_for_as_long_as_the_manager_cannot_hear_of_it() {
        let roster = Roster::new(3, 1);
        let mut guard = Guard::new(&roster);
        guard.note(seconds(1.0), Deed::Stop(roster.servers[1]));
        guard.note(seconds(1.5), Deed::Stop(roster.rm));
        guard.note(seconds(2.0), Deed::Cont(roster.servers[1]));
        assert_eq!(settled(&guard, 9.0), [true, false, true], "the RM has not heard yet");
        guard.note(seconds(9.0), Deed::Cont(roster.rm));
        assert_eq!(settled(&guard, 10.0), [true, false, true]);
        assert_eq!(settled(&guard, 10.6), [true; 3]);
    }

    #[test]
    fn clients_and_their_links_hurt_no_server() {
        let roster = Roster::new(3, 1);
        let mut guard = Guard::new(&roster);
        guard.note(seconds(1.0), Deed::Kill(roster.clients[0]));
        guard.note(seconds(1.0), Deed::Cut(Link::Requests(0), Way::Both));
        assert_eq!(settled(&guard, 1.0), [true; 3]);
    }
}
