//! An Ivy process: shared virtual memory, page by page (Li and Hudak; docs/IVY.md).
//!
//! [`Process`] is the role. It has one operation at a time. One on a page that it may use needs no
//! message; for any other it asks the central manager, takes the page from its owner, confirms it, and
//! uses it when the manager has answered `Done`: then, and not before, the operation has taken effect.
//! Meanwhile, and always, it does what the manager tells it for others: give a page, drop a copy.
//!
//! Guarantees: what it does with a page is allowed by the manager's log up to the last grant that it
//! heard of, so the histories of all processes together are sequentially consistent; an operation
//! takes effect once; what is waited for is asked for again; a process that the manager gave up drops
//! everything and begins another life, and its operation with it.
//!
//! By which mechanism: `suite` is the session with the manager, `pages` the page table, `transfers`
//! the connections between processes, `commands` what is typed.
//!
//! Not here: who owns what, and who is dead; that is the manager's (`server --service ivy`).

mod commands;
mod config;
mod manager_says;
mod pages;
mod suite;
mod transfers;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use node::ivy::{Access, Ivy, Outcome};
use node::mutant::{Mutant, is_off};
use node::{Conn, Event, Input, Output, Role, Time};
use wire::ivy::{Message as Asking, Page, PageNumber, Want, What};
use wire::{ClientName, ErrorCode, Message, NodeName, ReplicaName};

pub use config::File;

use crate::pace::earliest;
use commands::{Commands, HELP, Task, Typed};
use pages::Pages;
use suite::Suite;
use transfers::Transfers;

/// After this long without the page it is asked for again.
const RETRY: Duration = Duration::from_millis(250);
/// How many operations that need no message are done in one turn.
const TURN: u32 = 4096;

/// What a process is told at its start; [`File`] is where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its name: P1, P2, ...
    pub name: ClientName,
    /// The RM's IP and port base.
    pub rm: SocketAddr,
    /// Where it takes pages.
    pub address: SocketAddr,
    /// Greater at every start of this process: the host takes the clock's microseconds.
    pub nonce: u64,
    /// How long no manager may answer before the round is over.
    pub round: Duration,
}

/// How far the operation in hand has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// The manager does not know this process yet.
    Held,
    /// The page was asked for.
    Waiting {
        /// When to ask again.
        again_at: Time,
        /// The question itself is not answered yet.
        asking: bool,
    },
    /// The page is here, and the manager was told.
    Pending {
        /// By which grant.
        grant: u64,
        /// What was read, or will have been written.
        contents: Bytes,
    },
    /// The same, and then this life was over: the answer says whether it was confirmed before that.
    InDoubt {
        /// By which grant.
        grant: u64,
        /// What was read, or will have been written.
        contents: Bytes,
    },
}

/// The operation in hand.
#[derive(Debug, Clone)]
struct Operation {
    number: u64,
    /// Under which number the manager and other processes know it: no other life has used it.
    request: u64,
    task: Task,
    began: Time,
    stage: Stage,
    /// Pages of grants up to this one are not taken any more.
    refused: u64,
}

/// What typed work has come to.
#[derive(Debug, Clone, Copy)]
struct Tally {
    since: Time,
    operations: u64,
    local: u64,
    sent: u64,
}

/// An Ivy process; see the module's documentation.
#[derive(Debug)]
pub struct Process {
    name: ClientName,
    address: SocketAddr,
    clock: u64,
    /// What the manager knows it by; 0 while it does not.
    life: u64,
    /// An `Attach` that begins a life is on its way.
    attaching: bool,
    suite: Suite,
    pages: Pages,
    transfers: Transfers,
    commands: Commands,
    operation: Option<Operation>,
    operations: u64,
    /// The last number that the manager was told. It begins with the nonce: pages may still be on
    /// their way to an earlier run of this name, or were sent in a cluster that is lost.
    requests: u64,
    tally: Option<Tally>,
    /// Messages sent, to the manager and to processes.
    sent: u64,
    /// There is more to do than one turn may.
    more: bool,
    primary: Option<ReplicaName>,
    /// Who was the primary before.
    primaries: Vec<ReplicaName>,
    ended: bool,
}

impl Process {
    /// A process that has not started yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            name: config.name,
            address: config.address,
            clock: 0,
            life: 0,
            attaching: false,
            suite: Suite::new(&config),
            pages: Pages::default(),
            transfers: Transfers::default(),
            commands: Commands::default(),
            operation: None,
            operations: 0,
            requests: config.nonce,
            tally: None,
            sent: 0,
            more: false,
            primary: None,
            primaries: Vec::new(),
            ended: false,
        }
    }

    /// What it may do with a page without asking: for checkers.
    #[must_use]
    pub fn access(&self, page: PageNumber) -> Access {
        self.pages.access(page)
    }

    /// The life that the manager knows it by, 0 for none: for checkers.
    #[must_use]
    pub fn life(&self) -> u64 {
        self.life
    }

    /// Whether nothing is in hand and nothing waits: for checkers.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.operation.is_none() && !self.more
    }

    // ---- operations ----

    /// Begins what is to be done next, until something has to be waited for.
    fn work(&mut self, now: Time, out: &mut Vec<Output>) {
        self.more = false;
        let mut left = TURN;
        while self.operation.is_none() {
            if left == 0 {
                self.more = true;
                return;
            }
            left -= 1;
            let Some(task) = self.commands.next(self.name) else { return };
            self.begin(now, task, out);
        }
    }

    fn begin(&mut self, now: Time, task: Task, out: &mut Vec<Output>) {
        self.operations += 1;
        if task.work.is_some() && self.tally.is_none() {
            let sent = self.sent;
            self.tally = Some(Tally { since: now, operations: 0, local: 0, sent });
        }
        let (number, want, page) = (self.operations, task.want, task.page);
        let contents = task.contents.clone();
        self.say(Ivy::Began { operation: number, want, page, contents }, out);
        let local = match want {
            Want::Read => self.pages.read(page).map(Outcome::Read),
            Want::Write => self.pages.write(page, &task.contents).then_some(Outcome::Written),
        };
        let (stage, request) = (Stage::Held, self.next_request());
        let operation = Operation { number, request, task, began: now, stage, refused: 0 };
        match local {
            Some(outcome) => self.ended(now, operation, outcome, true, out),
            None => {
                self.operation = Some(operation);
                self.ask(now, out);
            }
        }
    }

    fn next_request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    /// Asks the manager for what the operation in hand needs, for the first time or again.
    fn ask(&mut self, now: Time, out: &mut Vec<Output>) {
        let life = self.life;
        let Some(operation) = self.operation.as_mut().filter(|_| life != 0) else { return };
        if matches!(operation.stage, Stage::InDoubt { .. }) {
            return;
        }
        operation.stage = Stage::Waiting { again_at: now + RETRY, asking: true };
        let (want, page) = (operation.task.want, operation.task.page);
        let what = What::Request { want, life, operation: operation.request, page };
        self.tell(what, page, out);
    }

    /// The page is here: tells the manager.
    fn confirm(&mut self, grant: u64, contents: Bytes, out: &mut Vec<Output>) {
        let life = self.life;
        let Some(operation) = &mut self.operation else { return };
        let (want, page) = (operation.task.want, operation.task.page);
        let contents = match want {
            Want::Read => contents,
            Want::Write => operation.task.contents.clone(),
        };
        operation.stage = Stage::Pending { grant, contents };
        for _ in 0..=usize::from(is_off(Mutant::ConfirmTwice)) {
            self.tell(What::Confirmation { want, life, page, grant }, page, out);
        }
    }

    /// The manager's log has the confirmation of the operation in hand.
    fn take_effect(&mut self, now: Time, out: &mut Vec<Output>) {
        let Some(mut operation) = self.operation.take() else { return };
        let stage = std::mem::replace(&mut operation.stage, Stage::Held);
        let (grant, contents, has_page) = match stage {
            Stage::Pending { grant, contents } => (grant, contents, true),
            Stage::InDoubt { grant, contents } => (grant, contents, false),
            stage => {
                self.operation = Some(Operation { stage, ..operation });
                return;
            }
        };
        let (want, page) = (operation.task.want, operation.task.page);
        let outcome = match want {
            Want::Read => Outcome::Read(contents.clone()),
            Want::Write => Outcome::Written,
        };
        if has_page {
            self.pages.install(page, want, grant, contents);
        }
        self.ended(now, operation, outcome, false, out);
    }

    fn ended(
        &mut self,
        now: Time,
        operation: Operation,
        outcome: Outcome,
        local: bool,
        out: &mut Vec<Output>,
    ) {
        let micros = u64::try_from(now.since(operation.began).as_micros()).unwrap_or(u64::MAX);
        let (number, page) = (operation.number, operation.task.page);
        let whole = match &outcome {
            Outcome::Read(contents) if operation.task.whole => Some(contents.clone()),
            _ => None,
        };
        self.say(Ivy::Ended { operation: number, page, outcome, local, micros }, out);
        if let Some(contents) = whole {
            self.say(Ivy::Whole { page, contents }, out);
        }
        let (Some(tally), Some(last)) = (&mut self.tally, operation.task.work) else { return };
        tally.operations += 1;
        tally.local += u64::from(local);
        if last {
            let Tally { since, operations, local, sent } = *tally;
            let micros = u64::try_from(now.since(since).as_micros()).unwrap_or(u64::MAX);
            let messages = self.sent - sent;
            self.tally = None;
            self.say(Ivy::Worked { operations, local, micros, messages }, out);
        }
    }

    // ---- messages ----

    /// Tells the manager something; `page` is what it is about, for the trace.
    fn tell(&mut self, what: What, page: PageNumber, out: &mut Vec<Output>) {
        self.clock += 1;
        self.sent += 1;
        let (from, to, kind, clock) = (self.name.into(), cm(), what.kind(), self.clock);
        let requester = match what {
            What::Request { .. } | What::Confirmation { .. } => Some(self.name),
            _ => None,
        };
        if let Some(requester) = requester {
            self.say(Ivy::Row { kind, from, to, page, requester }, out);
            self.say(Ivy::Sent { from, kind, page, to, clock }, out);
        }
        self.suite.ask(Asking { what, clock }.body(), out);
    }

    /// A message of this clock has arrived.
    fn hear(&mut self, clock: u64) {
        self.clock = self.clock.max(clock) + 1;
    }

    /// A process has sent a page.
    fn page(&mut self, page: Page, out: &mut Vec<Output>) {
        self.hear(page.clock);
        let (by, from, kind) = (self.name.into(), page.from.into(), page.want.page_kind());
        let clock = self.clock;
        self.say(Ivy::Received { by, from, kind, page: page.page, clock }, out);
        let Page { want, operation, grant, contents, .. } = page;
        let page = page.page;
        match self.operation.as_ref().filter(|_| self.life != 0) {
            Some(ours)
                if ours.request == operation
                    && (ours.task.want, ours.task.page) == (want, page) =>
            {
                let waits = matches!(ours.stage, Stage::Waiting { .. });
                if waits && grant > ours.refused && self.pages.is_new(page, grant) {
                    self.confirm(grant, contents, out);
                }
            }
            _ => self.refuse(page, grant, out),
        }
    }

    /// A page that nobody here waits for: the manager must not wait for it either.
    fn refuse(&mut self, page: PageNumber, grant: u64, out: &mut Vec<Output>) {
        let life = self.life;
        if life != 0 && self.pages.is_new(page, grant) {
            self.tell(What::NotReceived { life, page, grant }, page, out);
        }
    }

    fn say(&self, said: Ivy, out: &mut Vec<Output>) {
        out.push(Output::Note(Event::Ivy(said)));
    }

    // ---- what is typed ----

    fn line(&mut self, line: &str, out: &mut Vec<Output>) {
        match self.commands.line(line) {
            Typed::Queued | Typed::Blank => {}
            Typed::Print => {
                let rows: Vec<Ivy> = self.pages.table(self.name).collect();
                rows.into_iter().for_each(|row| self.say(row, out));
            }
            Typed::Help => HELP.iter().for_each(|text| self.say(Ivy::Help(text), out)),
            Typed::Wrong(why) => out.push(Output::Note(Event::Warning(why))),
        }
    }

    // ---- connections ----

    fn received(&mut self, now: Time, conn: Conn, message: Message, out: &mut Vec<Output>) {
        if self.suite.is(conn) {
            return self.suite.received(now, conn, message, out);
        }
        match message {
            Message::Page(page) if page.to == self.name => self.page(page, out),
            Message::Error { from, code, text } => {
                out.push(Output::Note(Event::ErrorReceived { from, code, text }));
                self.transfers.closed(conn);
                out.push(Output::Close(conn));
            }
            other => {
                let text = format!("`{}` has no place on this connection", other.kind());
                let (from, code) = (self.name.into(), ErrorCode::Unexpected);
                out.push(Output::Note(Event::Rejected { conn, code, text: text.clone() }));
                out.push(Output::Send(conn, Message::Error { from, code, text }));
                self.transfers.closed(conn);
                out.push(Output::Close(conn));
            }
        }
    }

    /// Does whatever follows from what has just happened.
    fn run_due(&mut self, now: Time, out: &mut Vec<Output>) {
        self.suite.run_due(now, out);
        self.suite_says(now, out);
        let again = self.operation.as_ref().is_some_and(|operation| {
            matches!(operation.stage, Stage::Waiting { again_at, asking: false } if again_at <= now)
        });
        if again {
            self.ask(now, out);
        }
        self.work(now, out);
        self.suite.run_due(now, out);
    }
}

/// The manager in trace and log lines.
fn cm() -> NodeName {
    NodeName::from_bytes(b"CM").expect("it has only letters")
}

impl Role for Process {
    fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        if self.ended {
            return;
        }
        match input {
            Input::Start => {
                self.say(Ivy::Trace, out);
                self.suite.start(now, out);
            }
            Input::Opened(conn, peer) => self.suite.opened(conn, peer.remote, out),
            Input::Received(conn, message) => self.received(now, conn, message, out),
            Input::Closed(conn) => {
                self.transfers.closed(conn);
                self.suite.closed(now, conn, out);
            }
            Input::Line(line) => self.line(&line, out),
            // It goes on giving pages to others; it is ended from outside.
            Input::LineEnd
            | Input::Ended(_)
            | Input::Persisted
            | Input::PersistFailed(_)
            | Input::Launched { .. }
            | Input::LaunchFailed(_)
            | Input::Exited { .. }
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
        let again = self.operation.as_ref().and_then(|operation| match operation.stage {
            Stage::Waiting { again_at, asking: false } => Some(again_at),
            _ => None,
        });
        earliest([self.suite.due(), again, self.more.then_some(Time::ZERO)])
    }
}
