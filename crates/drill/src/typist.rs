//! Requests for a replicated map, typed at the clients at a fixed pace.
//!
//! All clients set, ask and take out the same few keys, so that they meet; a value is set once in a
//! run, so that an answer says whose it is. What is asked comes from a seed; when, from the clock.
//!
//! Not here: what must come out of it; see `linearizable`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use wire::NodeName;

use crate::nemesis::dice::Dice;

/// So many keys are there.
const KEYS: usize = 5;
/// So many lines may wait in a client for its window; while it is cut off, nothing more is typed.
const WAITING: usize = 4;

/// One client's keyboard.
#[derive(Debug)]
struct Keyboard {
    pid: i32,
    due: Instant,
    waiting: usize,
}

/// Whoever types.
#[derive(Debug)]
pub struct Typist {
    dice: Dice,
    interval: Duration,
    keyboards: BTreeMap<NodeName, Keyboard>,
    typed: u64,
}

impl Typist {
    /// One who types at each client once per interval.
    #[must_use]
    pub fn new(seed: u64, interval: Duration) -> Self {
        Self { dice: Dice::new(seed), interval, keyboards: BTreeMap::new(), typed: 0 }
    }

    /// A client has asked what was typed first of that which waits.
    pub fn taken(&mut self, client: NodeName) {
        if let Some(keyboard) = self.keyboards.get_mut(&client) {
            keyboard.waiting = keyboard.waiting.saturating_sub(1);
        }
    }

    /// What is to be typed now at the running process of a client.
    pub fn due(&mut self, client: NodeName, pid: i32, now: Instant) -> Option<String> {
        let fresh = || Keyboard { pid, due: now, waiting: 0 };
        let keyboard = self.keyboards.entry(client).or_insert_with(fresh);
        if keyboard.pid != pid {
            *keyboard = fresh();
        }
        if now < keyboard.due || keyboard.waiting >= WAITING {
            return None;
        }
        keyboard.waiting += 1;
        keyboard.due = (keyboard.due + self.interval).max(now);
        self.typed += 1;
        let key = self.dice.below(KEYS);
        Some(match self.dice.below(100) {
            0..25 => format!("k{key}"),
            25..35 => format!("k{key}="),
            _ => format!("k{key}={client}.{}", self.typed),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_client_is_typed_at_in_time_until_lines_wait() {
        let (client, start) = ("C1".parse().unwrap(), Instant::now());
        let mut typist = Typist::new(1, Duration::from_millis(10));
        let at = |millis| start + Duration::from_millis(millis);
        assert!(typist.due(client, 7, at(0)).is_some());
        assert!(typist.due(client, 7, at(9)).is_none(), "not yet");
        assert!((1..4).all(|turn| typist.due(client, 7, at(10 * turn)).is_some()));
        assert!(typist.due(client, 7, at(90)).is_none(), "four wait");
        typist.taken(client);
        assert!(typist.due(client, 7, at(90)).is_some());
        assert!(typist.due(client, 8, at(91)).is_some(), "a new process has read nothing");
    }

    #[test]
    fn every_kind_of_request_comes_up_and_a_value_once() {
        let client = "C1".parse().unwrap();
        let mut typist = Typist::new(1, Duration::ZERO);
        let requests: Vec<String> = (0..500)
            .map(|_| {
                typist.taken(client);
                typist.due(client, 7, Instant::now()).unwrap()
            })
            .collect();
        let count = |what: fn(&str) -> bool| requests.iter().filter(|text| what(text)).count();
        assert!(count(|text| text.ends_with('=')) > 20 && count(|text| !text.contains('=')) > 50);
        let set: Vec<_> = requests.iter().filter(|text| text.contains('.')).collect();
        assert_eq!(set.len(), set.iter().collect::<BTreeSet<_>>().len());
    }
}
