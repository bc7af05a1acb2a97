//! The processes: what they are asked to do, and what they say they have done.

use bytes::Bytes;
use client::ivy::{Config, Process};
use node::ivy::{Ivy, Outcome};
use node::{Event, Input, Output, Role, Time};
use std::net::SocketAddr;
use std::time::Duration;
use wire::ClientName;
use wire::ivy::{PageNumber, Want};

use super::{Bug, OPERATIONS, World};
use drill::ivy::history::Did;

/// One run of one process.
pub(crate) struct Node {
    pub(crate) name: ClientName,
    pub(crate) number: usize,
    pub(crate) address: SocketAddr,
    pub(crate) role: Box<Process>,
    pub(crate) up: bool,
    pub(crate) frozen_until: Time,
    /// How many operations it will still be asked for.
    pub(crate) left: u64,
    /// The operation in hand: its number, what for, which page, and what it writes.
    pub(crate) hand: Option<(u64, Want, PageNumber, Bytes)>,
    /// The write in hand is in the manager's log already.
    pub(crate) effective: bool,
    /// When it found the page lost: the number of the loss.
    pub(crate) lost: Option<(u64, usize)>,
}

impl Node {
    pub(crate) fn in_hand(&self) -> Option<String> {
        self.up.then(|| format!("{} {:?}, {} to come", self.name, self.hand, self.left))
    }
}

impl World {
    /// Starts a process; its name may have been another one's, who is dead.
    pub(crate) fn launch(&mut self, number: usize) -> Result<(), String> {
        let config = Config {
            name: format!("P{number}").parse().expect("a name"),
            rm: "127.0.0.110:8000".parse().expect("an address"),
            address: SocketAddr::from(([127, 0, 0, 100], 8010 + number as u16)),
            nonce: 1 + self.nodes.len() as u64,
            round: Duration::from_secs(30),
        };
        let (name, address) = (config.name, config.address);
        let role = match self.bug {
            Some(Bug::Process(mutant) | Bug::Both(_, mutant)) => Process::broken(config, mutant),
            _ => Process::new(config),
        };
        self.nodes.push(Node {
            name,
            number,
            address,
            role: Box::new(role),
            up: true,
            frozen_until: Time::ZERO,
            left: OPERATIONS,
            hand: None,
            effective: false,
            lost: None,
        });
        self.input(self.nodes.len() - 1, Input::Start)
    }

    pub(crate) fn input(&mut self, node: usize, input: Input) -> Result<(), String> {
        let mut outputs = Vec::new();
        let now = self.now;
        let Some(this) = self.nodes.get_mut(node).filter(|node| node.up) else { return Ok(()) };
        this.role.handle(now, input, &mut outputs);
        self.perform(node, outputs)
    }

    pub(crate) fn wake_due(&mut self) -> Result<(), String> {
        for place in 0..self.nodes.len() {
            let node = &mut self.nodes[place];
            let awake = node.up && node.frozen_until <= self.now;
            if !awake || node.role.deadline().is_none_or(|deadline| deadline > self.now) {
                continue;
            }
            let mut outputs: Vec<Output> = Vec::new();
            node.role.wake(self.now, &mut outputs);
            self.perform(place, outputs)?;
        }
        Ok(())
    }

    /// Asks a process that has nothing to do for an operation.
    pub(crate) fn type_something(&mut self) -> Result<(), String> {
        if !self.random.one_in(4) {
            return Ok(());
        }
        let place = self.random.below(self.nodes.len());
        let node = &mut self.nodes[place];
        let free = node.up && node.left > 0 && node.hand.is_none() && node.frozen_until <= self.now;
        if !free {
            return Ok(());
        }
        node.left -= 1;
        let page = 1 + self.random.below(self.pages as usize);
        let line = if self.random.one_in(2) {
            format!("readPage P{page}")
        } else {
            self.values += 1;
            format!("writePage P{page} v{}", self.values)
        };
        self.input(place, Input::Line(line))
    }

    /// A process says something.
    pub(crate) fn noted(&mut self, place: usize, event: Event) -> Result<(), String> {
        let node = &mut self.nodes[place];
        match event {
            Event::Ivy(Ivy::Began { operation, want, page, contents }) => {
                node.hand = Some((operation, want, page, contents));
                node.effective = false;
            }
            Event::Ivy(Ivy::Ended { operation, page, outcome, local, .. }) => {
                let Some((number, want, ours, contents)) = node.hand.take() else {
                    return Err(format!("{} ended {operation}, which never began", node.name));
                };
                if (number, ours) != (operation, page) {
                    return Err(format!("{} ended {operation} instead of {number}", node.name));
                }
                self.seen.local += u64::from(local);
                self.seen.trace = self.seen.trace.wrapping_mul(31) ^ self.now.as_micros();
                let lost = node.lost.filter(|(lost, _)| *lost == operation);
                let did = match (want, outcome) {
                    // It was entered when the log had it.
                    (Want::Write, Outcome::Written) if !local => {
                        let why = format!("{}: {operation} ended and is not in the log", node.name);
                        return if node.effective { Ok(()) } else { Err(why) };
                    }
                    (Want::Write, Outcome::Written) => Did::Wrote(text(&contents)),
                    (Want::Read, Outcome::Read(contents)) => Did::Read(text(&contents)),
                    (Want::Read, Outcome::NeverWritten) => Did::FoundNothing,
                    (Want::Read, Outcome::LostWith(_)) => match lost {
                        Some((_, number)) => Did::FoundLost(number),
                        None => return Err(format!("page {page} is lost, says nobody")),
                    },
                    (want, outcome) => return Err(format!("{want:?} ended in {outcome:?}")),
                };
                self.history.did(place, page.0, did)?;
            }
            Event::Ivy(Ivy::Fenced { .. }) => self.seen.fenced_alive += 1,
            _ => {}
        }
        Ok(())
    }

    /// The manager's log has a write of a process.
    pub(crate) fn took_effect(&mut self, place: usize, page: PageNumber) -> Result<(), String> {
        let node = &mut self.nodes[place];
        let Some((_, Want::Write, ours, contents)) = node.hand.clone() else { return Ok(()) };
        if ours == page && !node.effective {
            node.effective = true;
            self.history.owned(place, page.0);
            self.history.did(place, page.0, Did::Wrote(text(&contents)))?;
        }
        Ok(())
    }
}

fn text(contents: &Bytes) -> String {
    String::from_utf8_lossy(contents).into_owned()
}
