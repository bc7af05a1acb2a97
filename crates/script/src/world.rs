//! The world around one role: its time, its connections, and what it said.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Duration;

use node::{Conn, Input, Output, Role, Time};
use wire::{Health, Message};

use crate::render;

/// A role that asks this often to be woken without time passing would keep its host busy forever.
const WAKES_AT_ONE_MOMENT: usize = 100;

pub(crate) struct World<R: Role> {
    role: Option<R>,
    now: Time,
    dialled: BTreeSet<Conn>,
    open: BTreeSet<Conn>,
    used: BTreeSet<Conn>,
    answers: BTreeMap<Conn, Option<Health>>,
    hide_heartbeats: bool,
    said: String,
}

impl<R: Role> World<R> {
    pub(crate) fn new() -> Self {
        Self {
            role: None,
            now: Time::ZERO,
            dialled: BTreeSet::new(),
            open: BTreeSet::new(),
            used: BTreeSet::new(),
            answers: BTreeMap::new(),
            hide_heartbeats: false,
            said: String::new(),
        }
    }

    /// A new process: the connections of the last one are gone, time goes on.
    pub(crate) fn start(&mut self, role: R) -> Result<(), Box<dyn Error>> {
        self.role = Some(role);
        self.dialled.clear();
        self.open.clear();
        self.used.clear();
        self.answers.clear();
        self.handle(vec![Input::Start])
    }

    pub(crate) fn take_output(&mut self) -> String {
        std::mem::take(&mut self.said)
    }

    /// One batch of inputs, as a host gives them: each, then `settle`; answers that the script has
    /// promised come as the next batch.
    pub(crate) fn handle(&mut self, mut batch: Vec<Input>) -> Result<(), Box<dyn Error>> {
        while !batch.is_empty() {
            let now = self.now;
            let role = self.role.as_mut().ok_or("`start` comes first")?;
            let mut out = Vec::new();
            for input in batch {
                role.handle(now, input, &mut out);
            }
            role.settle(now, &mut out);
            batch = self.perform(&out)?;
        }
        Ok(())
    }

    fn wake(&mut self) -> Result<(), Box<dyn Error>> {
        let now = self.now;
        let role = self.role.as_mut().ok_or("`start` comes first")?;
        let mut out = Vec::new();
        role.wake(now, &mut out);
        role.settle(now, &mut out);
        let answers = self.perform(&out)?;
        self.handle(answers)
    }

    fn deadline(&self) -> Result<Option<Time>, Box<dyn Error>> {
        Ok(self.role.as_ref().ok_or("`start` comes first")?.deadline())
    }

    pub(crate) fn advance(&mut self, duration: Duration) -> Result<(), Box<dyn Error>> {
        let end = self.now + duration;
        let mut wakes = 0;
        while let Some(due) = self.deadline()?.filter(|due| *due <= end) {
            wakes = if due > self.now { 0 } else { wakes + 1 };
            if wakes > WAKES_AT_ONE_MOMENT {
                return Err(format!("the role wants to be woken at {:?} forever", self.now).into());
            }
            self.now = self.now.max(due);
            let before = std::mem::take(&mut self.said);
            self.wake()?;
            let said = std::mem::replace(&mut self.said, before);
            if !said.is_empty() {
                let millis = self.now.as_micros() / 1000;
                self.said.push_str(&format!("at {}.{:03}s\n", millis / 1000, millis % 1000));
                self.said.push_str(&said);
            }
        }
        self.now = end;
        Ok(())
    }

    pub(crate) fn stall(&mut self, duration: Duration) {
        self.now = self.now + duration;
    }

    pub(crate) fn wake_if_due(&mut self) -> Result<(), Box<dyn Error>> {
        if self.deadline()?.is_some_and(|due| due <= self.now) {
            self.wake()?;
        }
        Ok(())
    }

    pub(crate) fn say_deadline(&mut self) -> Result<(), Box<dyn Error>> {
        let line = match self.deadline()? {
            Some(due) => format!("in {:?}\n", due.since(self.now)),
            None => "never\n".to_owned(),
        };
        self.said.push_str(&line);
        Ok(())
    }

    pub(crate) fn open(&mut self, conn: Conn) -> Result<(), Box<dyn Error>> {
        let new = if conn.0.is_multiple_of(2) {
            self.dialled.remove(&conn)
        } else {
            self.used.insert(conn)
        };
        if !new {
            return Err(format!("{conn} was not dialled, or was used before").into());
        }
        self.open.insert(conn);
        Ok(())
    }

    pub(crate) fn close(&mut self, conn: Conn) -> Result<(), Box<dyn Error>> {
        self.answers.remove(&conn);
        if self.dialled.remove(&conn) || self.open.remove(&conn) {
            return Ok(());
        }
        Err(format!("there is no connection {conn}").into())
    }

    pub(crate) fn check_open(&self, conn: Conn) -> Result<(), Box<dyn Error>> {
        if self.open.contains(&conn) {
            return Ok(());
        }
        Err(format!("{conn} is not open").into())
    }

    pub(crate) fn answer(&mut self, conn: Conn, like: Message) -> Result<(), Box<dyn Error>> {
        self.check_open(conn)?;
        let Message::Heartbeat { health, .. } = like else {
            return Err("only heartbeats are answered".into());
        };
        self.answers.insert(conn, health);
        Ok(())
    }

    pub(crate) fn mute(&mut self, conn: Conn) -> Result<(), Box<dyn Error>> {
        self.answers.remove(&conn).map(|_| ()).ok_or_else(|| format!("{conn} is mute").into())
    }

    pub(crate) fn hide(&mut self, what: &str) -> Result<(), Box<dyn Error>> {
        self.set_hidden(what, true)
    }

    pub(crate) fn show(&mut self, what: &str) -> Result<(), Box<dyn Error>> {
        self.set_hidden(what, false)
    }

    fn set_hidden(&mut self, what: &str, hidden: bool) -> Result<(), Box<dyn Error>> {
        if what != "heartbeats" {
            return Err(format!("only `heartbeats` can be hidden, not `{what}`").into());
        }
        self.hide_heartbeats = hidden;
        Ok(())
    }

    /// Says what the role wants done, keeps its connections, and returns the promised answers.
    fn perform(&mut self, outputs: &[Output]) -> Result<Vec<Input>, Box<dyn Error>> {
        let mut answers = Vec::new();
        for output in outputs {
            let mut line = render::line(output);
            match output {
                Output::Dial(conn, _) => {
                    if !conn.0.is_multiple_of(2) || !self.used.insert(*conn) {
                        return Err(format!("{line}: the number must be even and new").into());
                    }
                    self.dialled.insert(*conn);
                }
                Output::Send(conn, message) => {
                    if !self.open.contains(conn) && !self.dialled.contains(conn) {
                        line.push_str(" (dropped)");
                    } else if let Some(health) = self.answers.get(conn) {
                        answers.extend(answered(*conn, message, *health));
                    }
                }
                Output::Close(conn) => {
                    self.answers.remove(conn);
                    if !self.open.remove(conn) && !self.dialled.remove(conn) {
                        return Err(format!("{line}: it is not open").into());
                    }
                }
                _ => {}
            }
            if !(self.hide_heartbeats && render::is_heartbeat(output)) {
                self.said.push_str(&line);
                self.said.push('\n');
            }
        }
        Ok(answers)
    }
}

fn answered(conn: Conn, message: &Message, health: Option<Health>) -> Option<Input> {
    let Message::Heartbeat { from, to, count, .. } = message else { return None };
    let answer = Message::Heartbeat { from: *from, to: *to, count: *count, health };
    Some(Input::Received(conn, answer))
}
