//! [`Bench`], the load generator as a role: many simulated clients ("users") in one process.
//!
//! Each user has what a [`crate::Client`] has, a session and a connection per server, and follows
//! the same rules: passive, the primary is asked and after a fail-over everything unanswered is sent
//! again in order under the same numbers; active, every member is asked and the first reply counts.
//! One connection to the RM, in the name of the first user, serves all of them.
//!
//! Guarantees: the load begins when every user's session is open; never more than `pipeline`
//! requests of a user are unanswered; a wait counts from when the request was due (see
//! [`schedule`]), through any number of fail-overs; nothing is allocated per request.
//! By: [`Schedule`] says when, [`User`] says to whom, [`Tally`] keeps the figures.
//!
//! Not here: the printing of the [`Report`], and clients of the documents' short form.

mod from_rm;
mod from_server;
mod schedule;
mod tally;
mod user;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use node::{Event, Input, Output, Role, Time};
use wire::{ClientName, NameError, ReplicaName};

use crate::client::{PATIENCE, SEEK};
use crate::directory::Directory;
use crate::links::{Links, Numbering};
use crate::pace::{Pace, earliest};
use crate::rounds::{End, ROUNDS, Rounds};
use schedule::Schedule;
use tally::Tally;
use user::User;

pub use schedule::Load;
pub use tally::{Gap, Report};

/// What a load generator is told at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The names of its users.
    pub users: Vec<ClientName>,
    /// How many requests of each may be unanswered.
    pub pipeline: u32,
    /// What every request says.
    pub body: Bytes,
    /// How much is asked, and how fast.
    pub load: Load,
    /// The time from one [`Event::Load`] to the next; `None` for none.
    pub progress: Option<Duration>,
    /// The RM's IP and port base.
    pub rm: SocketAddr,
    /// The IP and port base of servers, for an RM that names them without addresses.
    pub servers: BTreeMap<ReplicaName, SocketAddr>,
    /// Greater at every start of these users: the host takes the clock's microseconds.
    pub nonce: u64,
    /// Active mode: the pause before a lost server is dialled again.
    pub retry: Duration,
    /// How long no server may answer before the round is over.
    pub round: Duration,
}

/// The names of so many users: `B1`, `B2` and so on for the prefix `B`.
///
/// # Errors
/// When the prefix makes no name.
pub fn users(prefix: &str, count: u32) -> Result<Vec<ClientName>, NameError> {
    (1..=count).map(|number| format!("{prefix}{number}").parse()).collect()
}

/// The load generator.
#[derive(Debug)]
pub struct Bench {
    users: Vec<User>,
    body: Bytes,
    retry: Duration,
    directory: Directory,
    numbering: Numbering,
    schedule: Schedule,
    tally: Tally,
    rounds: Rounds,
    /// The earliest moment at which something is to be dialled or asked; perhaps too early.
    due: Option<Time>,
    /// Passive: when to ask the RM (again) for the primary.
    seek_at: Option<Time>,
    pace: Pace,
    progress: Option<Duration>,
    progress_at: Option<Time>,
    /// How many sessions are open.
    open: usize,
    begun: bool,
    /// Requests that are sent and not answered.
    in_flight: u64,
    /// Whose turn it is.
    turn: usize,
    /// No user has room: the next answer will make some.
    full: bool,
    /// An error of a server was said in this interval; the others are only counted.
    complained: bool,
    ended: bool,
    report: Option<Report>,
}

impl Bench {
    /// A load generator that has not started yet.
    ///
    /// # Panics
    /// When it has no users.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let first = *config.users.first().expect("a load generator has users");
        // Connection numbers say whose they are: lane 0 is the RM's, the others the users'.
        let lanes = config.users.len() + 1;
        let user = |(place, name): (usize, &ClientName)| {
            let numbering = Numbering::lane(place + 1, lanes);
            User::new(*name, config.nonce.max(1), config.pipeline, numbering)
        };
        Self {
            users: config.users.iter().enumerate().map(user).collect(),
            body: config.body,
            retry: config.retry,
            directory: Directory::new(first, false, config.rm, config.servers),
            numbering: Numbering::lane(0, lanes),
            schedule: Schedule::new(config.load),
            tally: Tally::new(config.load.rate.is_some()),
            rounds: Rounds::new(config.round),
            due: None,
            seek_at: None,
            pace: Pace::new(Duration::ZERO, SEEK.0, SEEK.1),
            progress: config.progress,
            progress_at: None,
            open: 0,
            begun: false,
            in_flight: 0,
            turn: 0,
            full: false,
            complained: false,
            ended: false,
            report: None,
        }
    }

    /// The figures, once the run is over.
    pub fn take_report(&mut self) -> Option<Report> {
        self.report.take()
    }

    /// Something may have to be dialled or asked at this moment.
    fn sooner(&mut self, at: Option<Time>) {
        self.due = earliest([self.due, at]);
    }

    /// Does what is due at this moment; afterwards nothing that is due by then is left.
    fn run_due(&mut self, now: Time, out: &mut Vec<Output>) {
        self.end_round(now, out);
        if self.ended {
            return;
        }
        if self.due.is_some_and(|due| due <= now) {
            self.connect(now, out);
        }
        if !self.begun && self.open == self.users.len() {
            self.begin(now);
        }
        self.send_due(now, out);
        if self.progress_at.is_some_and(|at| at <= now) {
            self.progress_at = self.progress.map(|period| now + period);
            self.complained = false;
            out.push(Output::Note(self.tally.progress(now)));
        }
        if self.begun && self.in_flight == 0 && self.schedule.is_over(now) {
            let code = u8::from(self.tally.lost > 0);
            return self.end(now, None, code, out);
        }
        self.rounds.arm(now, self.is_waiting(now));
    }

    /// Dials and asks what is due, and finds out when that is to be done next.
    fn connect(&mut self, now: Time, out: &mut Vec<Output>) {
        self.seek(now, out);
        self.directory.dial_due(now, &mut self.numbering, out);
        for user in &mut self.users {
            user.dial_due(now, out);
        }
        let links = self.users.iter().map(|user| user.links.due());
        self.due = earliest(links.chain([self.seek_at, self.directory.due()]));
    }

    /// Asks the RM whom to ask, if that is due. If it cannot tell, the server that it named last is
    /// tried again: servers go on answering while the RM is away.
    fn seek(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.seek_at.is_none_or(|at| at > now) {
            return;
        }
        let tried = self.directory.is_silent() && self.hasten(now);
        self.seek_at = (!tried).then_some(now + PATIENCE);
        self.directory.ask(now, out);
    }

    /// Dial every link that is down now. Returns whether there is any.
    fn hasten(&mut self, now: Time) -> bool {
        let hastened = self.users.iter_mut().filter_map(|u| u.links.hasten(now).then_some(()));
        hastened.count() > 0
    }

    /// Every session is open.
    fn begin(&mut self, now: Time) {
        self.begun = true;
        self.schedule.begin(now);
        self.tally.begin(now);
        self.progress_at = self.progress.map(|period| now + period);
    }

    /// Sends what is due, to each user in turn. Once all are full, answers make room.
    fn send_due(&mut self, now: Time, out: &mut Vec<Output>) {
        let mut full = 0;
        while self.begun && !self.full && self.schedule.is_due(now) {
            self.turn = (self.turn + 1) % self.users.len();
            full = if self.send_one(self.turn, now, out) { 0 } else { full + 1 };
            self.full = full == self.users.len();
        }
    }

    /// Sends one request of a user, if one is due and there is room for it.
    fn send_one(&mut self, place: usize, now: Time, out: &mut Vec<Output>) -> bool {
        if !self.users[place].can_send() {
            return false;
        }
        let Some(since) = self.schedule.take(now) else { return false };
        self.tally.sent(now, since);
        self.in_flight += 1;
        self.users[place].send(since, &self.body, out);
        true
    }

    /// A user has room: it sends what is due, before its turn.
    fn refill(&mut self, place: usize, now: Time, out: &mut Vec<Output>) {
        while self.begun && self.send_one(place, now, out) {}
        // Nothing more is due for now, so this user still has room when something is.
        if self.schedule.is_open_loop() && !self.schedule.is_due(now) {
            self.full = false;
        }
    }

    /// Whether an answer of a server is missing.
    fn is_waiting(&self, now: Time) -> bool {
        !self.begun || self.in_flight > 0 || (self.full && !self.schedule.is_over(now))
    }

    /// Looks whether a round without any answer is over.
    fn end_round(&mut self, now: Time, out: &mut Vec<Output>) {
        match self.rounds.end(now) {
            None => {}
            Some(End::Stopped) => {
                let text = "this process was itself stopped: the round does not count";
                out.push(Output::Note(Event::Info(text.to_owned())));
            }
            Some(End::Again(round)) => {
                out.push(Output::Note(Event::Warning(format!(
                    "no server has answered for {:?} (round {round} of {ROUNDS}): connecting anew",
                    self.rounds.length()
                ))));
                self.seek_at = None;
                for user in &mut self.users {
                    user.links.restart(now, out);
                }
                self.directory.restart(now, out);
                self.due = Some(now);
            }
            Some(End::Dead) => {
                out.push(Output::Note(Event::ServersDead));
                self.end(now, Some(self.in_flight), 1, out);
            }
        }
    }

    fn end(&mut self, now: Time, dead: Option<u64>, code: u8, out: &mut Vec<Output>) {
        let mode = self.directory.target().map(|target| target.mode);
        self.report = Some(self.tally.report(now, mode, dead));
        self.ended = true;
        out.push(Output::Exit(code));
    }

    /// Whose connection this is: `None` for the RM's.
    fn place(&self, conn: node::Conn) -> Option<usize> {
        Numbering::lane_of(conn, self.users.len() + 1).checked_sub(1)
    }

    fn links(&mut self, place: usize) -> &mut Links {
        &mut self.users[place].links
    }
}

impl Role for Bench {
    fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        if self.ended {
            return;
        }
        match input {
            Input::Received(conn, message) => match self.place(conn) {
                Some(place) => self.server_says(now, (place, conn), message, out),
                None => self.rm_says(now, conn, message, out),
            },
            Input::Start => {
                self.directory.ask(now, out);
                self.sooner(self.directory.due());
            }
            Input::Opened(conn, peer) => match self.place(conn) {
                Some(place) => self.links(place).opened(conn),
                None => self.rm_opened(conn, peer.remote, out),
            },
            Input::Closed(conn) => match self.place(conn) {
                Some(place) => self.server_closed(now, (place, conn), out),
                None => self.rm_closed(now, conn, out),
            },
            // It listens nowhere, launches and persists nothing, and has no keyboard.
            Input::Ended(_)
            | Input::Persisted
            | Input::PersistFailed(_)
            | Input::Launched { .. }
            | Input::LaunchFailed(_)
            | Input::Exited { .. }
            | Input::Line(_)
            | Input::LineEnd
            | Input::Tune(_) => {}
        }
        self.run_due(now, out);
    }

    fn wake(&mut self, now: Time, out: &mut Vec<Output>) {
        if !self.ended {
            self.run_due(now, out);
        }
    }

    fn deadline(&self) -> Option<Time> {
        if self.ended {
            return None;
        }
        let request_at = if self.begun && !self.full { self.schedule.due() } else { None };
        let end_at = if self.in_flight == 0 { self.schedule.ends() } else { None };
        earliest([self.due, self.rounds.due(), self.progress_at, request_at, end_at])
    }
}
