//! What the tests of the host share: a role that reports every input and does what it is told, a
//! host that runs it in a thread, and a peer that speaks to it over a socket.
//!
//! A peer tells the role what to do in the body of a request: `close`, `pause`, `dial=ADDRESS` and
//! so on (see [`Probe::obey`]); any other body is echoed.

#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use host::{Settings, Shell};
use node::{Conn, Event, Input, Output, Role, Time};
use wire::{Message, RequestNumber};

/// How long a test waits for something before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A role that reports its inputs and obeys.
pub(crate) struct Probe {
    seen: Sender<Input>,
    last: Time,
    started: bool,
    open: Vec<Conn>,
    paused: Vec<Conn>,
    dialled: u64,
    batch: Vec<Conn>,
    alarm: Option<(Time, Time, Conn)>,
    asker: Option<Conn>,
    wakes: usize,
}

impl Probe {
    pub(crate) fn new(seen: Sender<Input>) -> Self {
        Self {
            seen,
            last: Time::ZERO,
            started: false,
            open: Vec::new(),
            paused: Vec::new(),
            dialled: 0,
            batch: Vec::new(),
            alarm: None,
            asker: None,
            wakes: 0,
        }
    }

    fn obey(&mut self, now: Time, conn: Conn, text: &str, out: &mut Vec<Output>) {
        let (word, value) = text.split_once('=').unwrap_or((text, ""));
        match word {
            "close" => out.extend([Output::Send(conn, reply(text)), Output::Close(conn)]),
            "exit" => {
                out.push(Output::Send(conn, reply(text)));
                out.push(Output::Exit(value.parse().expect("an exit code")));
            }
            "pause" => {
                self.paused.push(conn);
                out.push(Output::Pause(conn));
            }
            "resume" => {
                out.extend(self.paused.drain(..).map(Output::Resume));
                out.push(Output::Send(conn, reply(text)));
            }
            "dial" | "dial-and-close" => {
                self.dialled += 2;
                let dialled = Conn(self.dialled);
                out.push(Output::Dial(dialled, value.parse().expect("an address")));
                out.push(Output::Send(dialled, reply("sent before it is open")));
                if word == "dial-and-close" {
                    out.push(Output::Close(dialled));
                }
            }
            "all" => out.push(Output::SendMany(self.open.clone(), vec![reply(text)])),
            "flood" => {
                let frame = reply(&"x".repeat(50_000));
                let frames: usize = value.parse().expect("a number of frames");
                out.extend((0..frames).map(|_| Output::Send(conn, frame.clone())));
            }
            "settled" => self.batch.push(conn),
            "alarm" => {
                let millis = value.parse().expect("milliseconds");
                self.alarm = Some((now, now + Duration::from_millis(millis), conn));
            }
            "persist" => {
                self.asker = Some(conn);
                out.push(Output::Persist(value.to_owned()));
            }
            "note" => {
                let body = Bytes::copy_from_slice(value.as_bytes());
                out.push(Output::Send(conn, reply(text)));
                out.push(Output::Note(Event::Invoked { number: RequestNumber(1), body }));
            }
            "launch" => out.push(Output::Launch("S1".parse().expect("a name"))),
            "adopt" => out.push(Output::Adopt(value.parse().expect("a process"))),
            "kill" => out.push(Output::Kill(value.parse().expect("a process"))),
            _ => out.push(Output::Send(conn, reply(text))),
        }
    }
}

impl Role for Probe {
    fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        assert!(now >= self.last, "time never goes back");
        self.last = now;
        let first = !std::mem::replace(&mut self.started, true);
        assert_eq!(first, input == Input::Start, "the first input is Start, and no other");
        match &input {
            Input::Opened(conn, _) => self.open.push(*conn),
            Input::Closed(conn) => self.open.retain(|open| open != conn),
            Input::Received(conn, Message::Request { body, .. }) => {
                self.obey(now, *conn, &String::from_utf8_lossy(body), out);
            }
            Input::Persisted | Input::PersistFailed(_) => {
                let text = format!("{input:?}");
                out.extend(self.asker.take().map(|conn| Output::Send(conn, reply(&text))));
            }
            _ => {}
        }
        // A test that has seen enough no longer listens.
        let _ = self.seen.send(input);
    }

    fn settle(&mut self, _now: Time, out: &mut Vec<Output>) {
        let text = format!("settled with {}", self.batch.len());
        out.extend(self.batch.drain(..).map(|conn| Output::Send(conn, reply(&text))));
    }

    fn wake(&mut self, now: Time, out: &mut Vec<Output>) {
        let (set, due, conn) = self.alarm.take().expect("woken only when there is a deadline");
        assert!(now >= due, "woken {:?} early", due.since(now));
        self.wakes += 1;
        let text = format!("woken {} after {}", self.wakes, now.since(set).as_millis());
        out.push(Output::Send(conn, reply(&text)));
    }

    fn deadline(&self) -> Option<Time> {
        self.alarm.map(|(_, due, _)| due)
    }
}

/// What the role says: a reply with this body.
pub(crate) fn reply(body: &str) -> Message {
    Message::Reply {
        client: "C1".parse().expect("a name"),
        server: "S1".parse().expect("a name"),
        number: RequestNumber(1),
        body: Some(Bytes::copy_from_slice(body.as_bytes())),
        session: None,
    }
}

/// The frame of [`reply`].
pub(crate) fn reply_frame(body: &str) -> String {
    format!("<C1,S1,1,{body},reply>")
}

/// The frame that asks for `body`.
pub(crate) fn request_frame(body: &str) -> String {
    format!("<C1,S1,1,{body},request>")
}

/// A host that runs a [`Probe`] in a thread.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Receiver<Input>,
    thread: Option<JoinHandle<u8>>,
}

impl Host {
    /// Starts it with one door, after `change` has changed the settings.
    pub(crate) fn start(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new("S1".parse().expect("a name"));
        settings.listen = vec!["127.0.0.1:0".parse().expect("an address")];
        settings.console.quiet = true;
        settings.base = 0xffff;
        change(&mut settings);
        let shell = Shell::bind(settings).expect("a free port");
        let address = shell.addresses()[0];
        let (sender, seen) = channel();
        let thread = std::thread::spawn(move || shell.run(Probe::new(sender)).expect("it runs"));
        Self { address, seen, thread: Some(thread) }
    }

    /// A new connection.
    pub(crate) fn peer(&self) -> Peer {
        Peer::new(TcpStream::connect(self.address).expect("the door is open"))
    }

    /// A new connection, and the number that the role knows it by.
    pub(crate) fn known_peer(&self) -> (Peer, Conn) {
        let peer = self.peer();
        let own = peer.stream.local_addr().expect("a socket");
        let opened = self.wait("Opened", |input| match input {
            Input::Opened(conn, who) if who.remote == own => Some(*conn),
            _ => None,
        });
        (peer, opened)
    }

    /// Waits for an input, skipping those before it.
    pub(crate) fn wait<T>(&self, what: &str, wanted: impl Fn(&Input) -> Option<T>) -> T {
        loop {
            let input = self.seen.recv_timeout(PATIENCE);
            let input = input.unwrap_or_else(|_| panic!("waited in vain for {what}"));
            if let Some(found) = wanted(&input) {
                return found;
            }
        }
    }

    /// Waits until the role is told that a connection is closed.
    pub(crate) fn wait_closed(&self, conn: Conn) {
        self.wait("Closed", |input| (*input == Input::Closed(conn)).then_some(()));
    }

    /// Everything that the role was told up to now: an echo on a new connection is the mark.
    pub(crate) fn up_to_now(&self) -> Vec<Input> {
        assert_eq!(self.peer().ask("mark"), reply_frame("mark"));
        let mut inputs = Vec::new();
        loop {
            let input = self.seen.recv_timeout(PATIENCE).expect("the mark comes");
            if matches!(&input, Input::Received(_, Message::Request { body, .. }) if body == "mark")
            {
                return inputs;
            }
            inputs.push(input);
        }
    }

    /// Ends it, and gives its exit code.
    pub(crate) fn end(mut self) -> u8 {
        self.peer().say(&request_frame("exit=0"));
        self.join()
    }

    /// Waits for its end.
    pub(crate) fn join(&mut self) -> u8 {
        let thread = self.thread.take().expect("it runs");
        thread.join().expect("the role did not fail")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.thread.is_some() && !std::thread::panicking() {
            self.peer().say(&request_frame("exit=0"));
            self.join();
        }
    }
}

/// The other side of a connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
}

impl Peer {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Self { stream }
    }

    /// Sends bytes.
    pub(crate) fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("the host reads");
    }

    /// The next frame.
    pub(crate) fn hear(&mut self) -> String {
        let mut frame = Vec::new();
        while !frame.ends_with(b">") {
            let mut byte = [0];
            let read = self.stream.read(&mut byte).expect("the host answers");
            assert_eq!(read, 1, "the end instead of a frame, after {frame:?}");
            frame.push(byte[0]);
        }
        String::from_utf8(frame).expect("text")
    }

    /// Sends a request and waits for the answer.
    pub(crate) fn ask(&mut self, body: &str) -> String {
        self.say(&request_frame(body));
        self.hear()
    }

    /// Ends the own sending.
    pub(crate) fn end_sending(&self) {
        self.stream.shutdown(Shutdown::Write).expect("it is open");
    }

    /// Waits for the end; true if it is an orderly one without any byte before it.
    pub(crate) fn is_ended(&mut self) -> bool {
        match self.stream.read(&mut [0]) {
            Ok(bytes) => bytes == 0,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("the host did not close: {error}"),
        }
    }
}

/// A directory of a test's own, removed at its end.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("chevron-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("the temporary directory can be written");
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
