//! A replica without a host: a primary of three with clients, or a backup, fed by hand. For the
//! benchmark of the replica and the count of its allocations.

use std::time::Duration;

use bytes::Bytes;
use node::{Conn, Input, Output, Peer, Role as _, Time};
use server::service::Status;
use server::{Config, Replica};
use wire::{
    ClientName, DEFAULT_FRAME_LIMIT, Entry, Epoch, Incarnation, Message, Op, RequestNumber,
    Sequence, SessionId,
};

/// The connections on which the members follow the primary, or the primary leads the backup.
const LINKS: [Conn; 2] = [Conn(2), Conn(4)];
const LEADER: Conn = Conn(3);
/// The first client's connection; the others follow in steps of 2.
const FIRST_CLIENT: u64 = 101;
/// How many turns pass between two looks at what is due.
const TURNS: u64 = 16;

/// A replica on its own.
pub(crate) struct Stage {
    replica: Replica<Status>,
    now: Time,
    turns: u64,
    out: Vec<Output>,
}

impl Stage {
    fn new(name: &str, incarnation: u64) -> Self {
        let config = Config {
            name: name.parse().expect("a name"),
            incarnation: Incarnation(incarnation),
            pid: 1,
            address: format!("127.0.0.10{incarnation}:8000").parse().expect("an address"),
            checkpoint_period: Duration::from_secs(10),
            ack_timeout: Duration::from_secs(3600),
            peer_timeout: Duration::from_secs(3600),
            frame_limit: DEFAULT_FRAME_LIMIT,
            narrate: false,
            audit: false,
        };
        let replica = Replica::new(config, Status::default());
        let mut stage = Self { replica, now: Time::ZERO, turns: 0, out: Vec::new() };
        stage.turn([Input::Start]);
        stage.hear(Conn(1), &format!("<LFD{incarnation},{name},1,heartbeat>"));
        stage
    }

    /// One turn of a host: inputs, settle, and now and then what is due. Says how many messages
    /// went out.
    pub(crate) fn turn(&mut self, inputs: impl IntoIterator<Item = Input>) -> usize {
        self.now = self.now + Duration::from_micros(100);
        self.turns += 1;
        self.out.clear();
        for input in inputs {
            self.replica.handle(self.now, input, &mut self.out);
        }
        self.replica.settle(self.now, &mut self.out);
        if self.turns.is_multiple_of(TURNS) {
            self.replica.wake(self.now, &mut self.out);
        }
        let frames = |output: &Output| match output {
            Output::Send(..) => 1,
            Output::SendMany(_, messages) => messages.len(),
            _ => 0,
        };
        self.out.iter().map(frames).sum()
    }

    /// Frames arrive.
    fn hear(&mut self, conn: Conn, text: &str) {
        let frames = script::frames(text).expect("good frames");
        self.turn(frames.into_iter().map(|message| Input::Received(conn, message)));
    }

    fn open(&mut self, conn: Conn) {
        let remote = "127.0.0.1:40000".parse().expect("an address");
        let door = (!conn.0.is_multiple_of(2)).then_some(0);
        self.turn([Input::Opened(conn, Peer { remote, door })]);
    }
}

/// The primary S1 of S1, S2 and S3.
pub(crate) struct Primary {
    pub(crate) stage: Stage,
    /// Each client with its session and its last number.
    clients: Vec<(ClientName, SessionId, RequestNumber)>,
    body: Bytes,
    last: Sequence,
}

impl Primary {
    pub(crate) fn new(clients: u64) -> Self {
        let mut stage = Stage::new("S1", 1);
        let members = "S1/1/127.0.0.101:8000;S2/2/127.0.0.102:8000;S3/3/127.0.0.103:8000";
        stage.hear(Conn(1), "<S1,passive,primary,1,1,S1,S1/1/127.0.0.101:8000,ready>");
        stage.hear(Conn(1), &format!("<S1,passive,primary,1,2,S1,{members},ready>"));
        for (link, member) in LINKS.into_iter().zip(2..) {
            stage.open(link);
            stage.hear(link, &format!("<S{member},S1,2,{member},1,0,0,have>"));
        }
        let body = Bytes::from_static(b"xxxxxxxxxxxxxxxx");
        let mut primary = Self { stage, clients: Vec::new(), body, last: Sequence(0) };
        for client in 0..clients {
            primary.register(client);
        }
        primary
    }

    fn register(&mut self, client: u64) {
        let conn = Conn(FIRST_CLIENT + 2 * client);
        let name = format!("B{}", client + 1);
        self.stage.open(conn);
        self.stage.hear(conn, &format!("<{name},S1,7,1024,register>"));
        self.last = self.last.next();
        assert!(self.acknowledge() > 0, "the registration is answered");
        let session = SessionId(self.last.0);
        self.clients.push((name.parse().expect("a name"), session, RequestNumber(0)));
    }

    /// What a turn brings in which every client sends so many requests.
    pub(crate) fn requests(&mut self, each: usize) -> Vec<Input> {
        let server = "S1".parse().expect("a name");
        let mut inputs = Vec::with_capacity(each * self.clients.len());
        for ((client, session, last), conn) in
            self.clients.iter_mut().zip((FIRST_CLIENT..).step_by(2))
        {
            for _ in 0..each {
                *last = last.next();
                self.last = self.last.next();
                let (client, number, session) = (*client, *last, Some(*session));
                let body = self.body.clone();
                let request = Message::Request { client, server, number, body, session };
                inputs.push(Input::Received(Conn(conn), request));
            }
        }
        inputs
    }

    /// What a turn brings in which both members acknowledge everything.
    pub(crate) fn acks(&self) -> Vec<Input> {
        let ack = |(conn, member): (Conn, u64)| {
            let from = format!("S{member}").parse().expect("a name");
            let to = "S1".parse().expect("a name");
            let (epoch, incarnation) = (Epoch(2), Incarnation(member));
            let sequence = self.last;
            Input::Received(conn, Message::Ack { from, to, epoch, incarnation, sequence })
        };
        LINKS.into_iter().zip(2..).map(ack).collect()
    }

    /// Both members acknowledge everything.
    pub(crate) fn acknowledge(&mut self) -> usize {
        let acks = self.acks();
        self.stage.turn(acks)
    }
}

/// The backup S2 of S1 and S2.
pub(crate) struct Backup {
    pub(crate) stage: Stage,
    last: Sequence,
    body: Bytes,
}

impl Backup {
    pub(crate) fn new() -> Self {
        let mut stage = Stage::new("S2", 2);
        let members = "S1/1/127.0.0.101:8000;S2/2/127.0.0.102:8000";
        stage.open(LEADER);
        stage.hear(LEADER, "<S1,S2,2,0,0,1,1,passive,S1,S1/1/127.0.0.101:8000,sync>");
        let recovery = "<S1,S2,passive,primary,0,0 0 ?,1,0,0,5,476b00dc9853d1ef,recovery>";
        stage.hear(LEADER, recovery);
        stage.hear(Conn(1), &format!("<S2,passive,backup,1,2,S1,{members},ready>"));
        stage.hear(LEADER, &format!("<S1,S2,2,0,0,1,2,passive,S1,{members},sync>"));
        Self { stage, last: Sequence(0), body: Bytes::from_static(b"xxxxxxxxxxxxxxxx") }
    }

    /// What a turn brings in which so many entries arrive, and the ones before are committed.
    pub(crate) fn appends(&mut self, count: usize) -> Vec<Input> {
        let (from, epoch) = ("S1".parse().expect("a name"), Epoch(2));
        let commit = Message::Commit { from, epoch, sequence: self.last };
        let mut inputs = Vec::with_capacity(count + 1);
        inputs.push(Input::Received(LEADER, commit));
        for _ in 0..count {
            self.last = self.last.next();
            let sequence = self.last;
            let op = Op::Request {
                client: "B1".parse().expect("a name"),
                session: SessionId(1),
                number: RequestNumber(sequence.0),
                body: self.body.clone(),
            };
            let entry = Entry { sequence, epoch, op };
            inputs.push(Input::Received(LEADER, Message::Append { from, epoch, entry }));
        }
        inputs
    }
}
