//! Whatever arrives in whatever order: the client keeps its side.
//!
//! Many seeded runs of a world that opens, closes, answers, lies and lets time pass at random. After
//! each step it is checked that connections are used as the host demands, that the window holds,
//! that no number is delivered twice or sent again after its answer, and that the client never asks
//! to be woken at a moment that has passed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use client::{Client, Config, Source};
use node::{Conn, Event, Input, Output, Peer, Role, Time};
use wire::{
    ClientName, ClusterId, Epoch, ErrorCode, Incarnation, Member, Message, Mode, ReplicaName,
    RequestNumber, SessionId, View,
};

const WINDOW: u32 = 3;
const RUNS: u64 = 300;
const STEPS: usize = 400;

/// xorshift64*: the runs are the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        (!choices.is_empty()).then(|| choices[self.below(choices.len() as u64) as usize])
    }
}

fn name() -> ClientName {
    "C1".parse().expect("a name")
}

fn server(number: u64) -> ReplicaName {
    format!("S{}", number + 1).parse().expect("a name")
}

/// What was asked and answered in the session that is under way.
#[derive(Default)]
struct Ledger {
    invoked: u64,
    answered: BTreeSet<RequestNumber>,
    delivered: u64,
}

struct World {
    client: Client,
    short_form: bool,
    random: Random,
    now: Time,
    /// What was registered on each connection that exists; open ones are in `open` as well.
    conns: BTreeMap<Conn, Option<u64>>,
    open: BTreeSet<Conn>,
    last_dialled: u64,
    ledger: Ledger,
    over: bool,
}

impl World {
    fn new(seed: u64, short_form: bool) -> Self {
        let rm: SocketAddr = "127.0.0.110:8000".parse().expect("an address");
        let source = Source::Automatic {
            message: "m".into(),
            interval: Duration::from_millis(seed % 3 * 10),
            count: 0,
        };
        let client = Client::new(Config {
            name: name(),
            rm,
            servers: (0..3).map(|n| (server(n), rm)).collect(),
            nonce: 100,
            window: WINDOW,
            source,
            retry: Duration::from_millis(200),
            round: Duration::from_secs(2),
            short_form,
        });
        Self {
            client,
            short_form,
            random: Random(seed + 1),
            now: Time::ZERO,
            conns: BTreeMap::new(),
            open: BTreeSet::new(),
            last_dialled: 0,
            ledger: Ledger::default(),
            over: false,
        }
    }

    fn step(&mut self) {
        let mut out = Vec::new();
        match self.input() {
            Some(input) => self.client.handle(self.now, input, &mut out),
            None => {
                let millis = self.random.below(300);
                self.now = self.now + Duration::from_millis(millis);
                if self.client.deadline().is_some_and(|due| due <= self.now) {
                    self.client.wake(self.now, &mut out);
                }
            }
        }
        for output in out {
            self.check(output);
        }
        match self.client.deadline() {
            Some(due) => assert!(!self.over && due > self.now, "to be woken in the past"),
            None => assert!(self.over, "a client with requests to make waits for something"),
        }
    }

    fn input(&mut self) -> Option<Input> {
        let dialled: Vec<Conn> =
            self.conns.keys().filter(|conn| !self.open.contains(conn)).copied().collect();
        let open: Vec<Conn> = self.open.iter().copied().collect();
        match self.random.below(20) {
            0..5 => {
                let conn = self.random.of(&dialled)?;
                self.open.insert(conn);
                let remote = "127.0.0.1:8000".parse().expect("an address");
                Some(Input::Opened(conn, Peer { remote, door: None }))
            }
            5..7 => {
                let all: Vec<Conn> = self.conns.keys().copied().collect();
                let conn = self.random.of(&all)?;
                self.conns.remove(&conn);
                self.open.remove(&conn);
                Some(Input::Closed(conn))
            }
            7..18 => {
                let conn = self.random.of(&open)?;
                let message = self.message(conn);
                Some(Input::Received(conn, message))
            }
            _ => None,
        }
    }

    fn message(&mut self, conn: Conn) -> Message {
        let client = name();
        let server = server(self.random.below(3));
        match self.random.below(12) {
            0..5 => Message::Reply {
                client,
                server,
                number: RequestNumber(self.random.below(self.ledger.invoked + 3)),
                body: Some(Bytes::from_static(b"x")),
                session: match self.random.below(4) {
                    0 => Some(SessionId(2)),
                    _ => (!self.short_form).then_some(SessionId(1)),
                },
            },
            5..8 => Message::Registered {
                client,
                server,
                nonce: self.conns[&conn].unwrap_or(7),
                session: SessionId(self.random.below(8) / 7 + 1),
            },
            8..11 => self.view(),
            _ => {
                let codes = [
                    ErrorCode::NotPrimary,
                    ErrorCode::NotReady,
                    ErrorCode::Expired,
                    ErrorCode::Stale,
                    ErrorCode::Taken,
                ];
                let code = self.random.of(&codes).unwrap_or(ErrorCode::Other);
                Message::Error { from: server.into(), code, text: "x".into() }
            }
        }
    }

    fn view(&mut self) -> Message {
        let mode = if self.random.below(2) == 0 { Mode::Active } else { Mode::Passive };
        let count = 1 + self.random.below(3);
        let members: Vec<Member> = (0..count)
            .map(|n| Member {
                name: server(n),
                incarnation: Incarnation(self.random.below(2)),
                address: format!("127.0.0.{}:8000", 101 + n).parse().expect("an address"),
            })
            .collect();
        let view = View {
            cluster: ClusterId(9 + self.random.below(20) / 19),
            epoch: Epoch(self.now.as_micros() / 100_000 + self.random.below(3)),
            mode,
            primary: members[0].name,
            members,
        };
        let servers = view.members.iter().map(|member| member.name).collect();
        let view = (self.random.below(4) > 0).then_some(view);
        Message::ClientReady { client: name(), mode, servers, view }
    }

    fn check(&mut self, output: Output) {
        assert!(!self.over, "{output:?} after the end");
        match output {
            Output::Dial(conn, _) => {
                assert!(conn.0.is_multiple_of(2) && conn.0 > self.last_dialled, "{conn} again");
                self.last_dialled = conn.0;
                self.conns.insert(conn, None);
            }
            Output::Close(conn) => {
                assert!(self.conns.remove(&conn).is_some(), "{conn} is not there to be closed");
                self.open.remove(&conn);
            }
            Output::Send(conn, message) => self.check_sent(conn, &message),
            Output::Note(event) => self.check_note(event),
            Output::Exit(code) => {
                assert_eq!(code, 1, "it has no end of its own");
                self.over = true;
            }
            other => panic!("a client has no business with {other:?}"),
        }
    }

    fn check_sent(&mut self, conn: Conn, message: &Message) {
        assert!(self.conns.contains_key(&conn), "{message:?} on a closed connection");
        match message {
            Message::Register { nonce, .. } => {
                self.conns.insert(conn, Some(*nonce));
            }
            Message::Request { number, .. } => {
                assert!(self.open.contains(&conn), "a request on a connection not yet open");
                assert!(number.0 <= self.ledger.invoked, "{number} was never made");
                assert!(!self.ledger.answered.contains(number), "{number} was answered");
            }
            _ => {}
        }
    }

    fn check_note(&mut self, event: Event) {
        match event {
            Event::Invoked { number, .. } => {
                if number.0 != self.ledger.invoked + 1 {
                    assert_eq!(number.0, 1, "a new session begins with number 1");
                    let delivered = self.ledger.delivered;
                    self.ledger = Ledger { delivered, ..Ledger::default() };
                }
                self.ledger.invoked = number.0;
                let unanswered = self.ledger.invoked - self.ledger.answered.len() as u64;
                assert!(unanswered <= u64::from(WINDOW), "{unanswered} are unanswered");
            }
            Event::Answered { number, .. } => {
                assert!(self.ledger.answered.insert(number), "{number} was delivered twice");
                self.ledger.delivered += 1;
            }
            _ => {}
        }
    }
}

fn run(short_form: bool) -> u64 {
    let mut delivered = 0;
    for seed in 0..RUNS {
        let mut world = World::new(seed, short_form);
        let mut out = Vec::new();
        world.client.handle(world.now, Input::Start, &mut out);
        out.into_iter().for_each(|output| world.check(output));
        for _ in 0..STEPS {
            if !world.over {
                world.step();
            }
        }
        delivered += world.ledger.delivered;
    }
    delivered
}

#[test]
fn a_client_with_sessions_keeps_its_side() {
    let delivered = run(false);
    assert!(delivered > RUNS, "the runs are to get somewhere: only {delivered} answers");
}

#[test]
fn a_client_of_the_short_forms_keeps_its_side() {
    let delivered = run(true);
    assert!(delivered > RUNS, "the runs are to get somewhere: only {delivered} answers");
}
