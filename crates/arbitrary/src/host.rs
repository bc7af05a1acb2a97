//! A host without a world: it gives a role whatever it is told to, and checks what the role wants.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use node::{Conn, Input, Output, Peer, Role, Time};
use proptest::sample::Index;
use wire::Message;

use crate::Play;

/// A role that wants to be woken this often without time passing would keep its host busy.
const WAKES_AT_ONE_MOMENT: usize = 20;

/// See the module's documentation.
#[derive(Debug)]
pub struct Host<R> {
    role: R,
    now: Time,
    /// Dialled and not open.
    dialling: BTreeSet<Conn>,
    open: BTreeSet<Conn>,
    /// Every number that was ever used.
    used: BTreeSet<Conn>,
    accepted: u64,
    writing: bool,
    launching: usize,
    children: BTreeSet<u32>,
    next_child: u32,
    over: bool,
    /// The most outputs that one input may have.
    limit: usize,
    /// How many outputs there were.
    outputs: usize,
    /// How many bytes of frames were given to the role.
    heard: usize,
}

impl<R: Role + Debug> Host<R> {
    /// A process that starts. `limit` is the most outputs that one input may have, apart from one
    /// for each connection.
    ///
    /// # Errors
    /// What the role does wrong.
    pub fn start(role: R, limit: usize) -> Result<Self, String> {
        let mut host = Self {
            role,
            now: Time::from_micros(1_000_000),
            dialling: BTreeSet::new(),
            open: BTreeSet::new(),
            used: BTreeSet::new(),
            accepted: 1,
            writing: false,
            launching: 0,
            children: BTreeSet::new(),
            next_child: 1000,
            over: false,
            limit,
            outputs: 0,
            heard: 0,
        };
        host.give(Input::Start)?;
        host.settle()?;
        Ok(host)
    }

    /// The role.
    pub fn role(&self) -> &R {
        &self.role
    }

    /// How many outputs there were.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// How many bytes of frames were given to the role.
    pub fn heard(&self) -> usize {
        self.heard
    }

    /// How many connections there are, open or dialled.
    pub fn connections(&self) -> usize {
        self.open.len() + self.dialling.len()
    }

    /// Whether the role has ended its process.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// How much memory the role takes, as the length of its text.
    pub fn size(&self) -> usize {
        format!("{:?}", self.role).len()
    }

    /// Something happens.
    ///
    /// # Errors
    /// What the role does wrong.
    pub fn play(&mut self, play: &Play) -> Result<(), String> {
        match play {
            Play::Accept(door) => self.accept(*door),
            Play::Open(index) => match chosen(&self.dialling, *index) {
                Some(conn) => {
                    self.dialling.remove(&conn);
                    self.open.insert(conn);
                    self.give(Input::Opened(conn, peer(None)))
                }
                None => Ok(()),
            },
            Play::Close(index) => match chosen(&(&self.open | &self.dialling), *index) {
                Some(conn) => self.close(conn),
                None => Ok(()),
            },
            Play::Frame(index, message) => match chosen(&self.open, *index) {
                Some(conn) => self.frame(conn, message),
                None => self.accept(0),
            },
            Play::Disk(safe) if std::mem::take(&mut self.writing) => self.give(match safe {
                true => Input::Persisted,
                false => Input::PersistFailed("no room".to_owned()),
            }),
            Play::Child(lives) if self.launching > 0 => self.child(*lives),
            Play::Exit(index) => match chosen(&self.children, *index) {
                Some(pid) => {
                    self.children.remove(&pid);
                    self.give(Input::Exited { pid, how: "signal 9".to_owned() })
                }
                None => Ok(()),
            },
            Play::Line(line) => self.give(Input::Line(line.clone())),
            Play::LineEnd => self.give(Input::LineEnd),
            Play::Tune(tune) => self.give(Input::Tune(*tune)),
            Play::Time(duration) => self.pass(*duration),
            Play::Frozen(duration) => {
                self.now = self.now + *duration;
                Ok(())
            }
            Play::Settle => self.settle(),
            Play::Disk(_) | Play::Child(_) => Ok(()),
        }
    }

    /// A frame arrives on that connection.
    ///
    /// # Errors
    /// What the role does wrong.
    pub fn frame(&mut self, conn: Conn, message: &Message) -> Result<(), String> {
        self.heard += message.to_string().len();
        self.give(Input::Received(conn, message.clone()))
    }

    /// Everything that was dialled opens.
    ///
    /// # Errors
    /// What the role does wrong.
    pub fn open_all(&mut self) -> Result<(), String> {
        while let Some(conn) = self.dialling.pop_first() {
            self.open.insert(conn);
            self.give(Input::Opened(conn, peer(None)))?;
        }
        Ok(())
    }

    /// Everybody hangs up, children end, and nobody comes back for a while.
    ///
    /// # Errors
    /// What the role does wrong.
    pub fn leave_alone(&mut self, rounds: usize) -> Result<(), String> {
        for _ in 0..rounds {
            while let Some(conn) = (&self.open | &self.dialling).first().copied() {
                self.close(conn)?;
            }
            while let Some(pid) = self.children.pop_first() {
                self.give(Input::Exited { pid, how: "signal 9".to_owned() })?;
            }
            while self.launching > 0 {
                self.child(false)?;
            }
            self.play(&Play::Disk(true))?;
            self.settle()?;
            self.pass(Duration::from_millis(500))?;
        }
        Ok(())
    }

    fn accept(&mut self, door: u16) -> Result<(), String> {
        let conn = Conn(self.accepted);
        self.accepted += 2;
        self.used.insert(conn);
        self.open.insert(conn);
        self.give(Input::Opened(conn, peer(Some(door))))
    }

    fn close(&mut self, conn: Conn) -> Result<(), String> {
        self.open.remove(&conn);
        self.dialling.remove(&conn);
        self.give(Input::Closed(conn))
    }

    fn child(&mut self, lives: bool) -> Result<(), String> {
        self.launching -= 1;
        if !lives {
            return self.give(Input::LaunchFailed("no such program".to_owned()));
        }
        let pid = self.next_child;
        self.next_child += 1;
        self.children.insert(pid);
        self.give(Input::Launched { pid })
    }

    /// Time passes; the role is woken whenever it wants to be.
    fn pass(&mut self, duration: Duration) -> Result<(), String> {
        let end = self.now + duration;
        let mut wakes = 0;
        while let Some(due) = self.role.deadline().filter(|due| *due <= end && !self.over) {
            wakes = if due > self.now { 0 } else { wakes + 1 };
            if wakes > WAKES_AT_ONE_MOMENT {
                return Err(format!("it wants to be woken at {:?} for ever", self.now));
            }
            self.now = self.now.max(due);
            let mut out = Vec::new();
            self.role.wake(self.now, &mut out);
            self.role.settle(self.now, &mut out);
            self.check(out)?;
        }
        self.now = end;
        Ok(())
    }

    fn give(&mut self, input: Input) -> Result<(), String> {
        if self.over {
            return Ok(());
        }
        let mut out = Vec::new();
        self.role.handle(self.now, input, &mut out);
        self.check(out)
    }

    fn settle(&mut self) -> Result<(), String> {
        if self.over {
            return Ok(());
        }
        let mut out = Vec::new();
        self.role.settle(self.now, &mut out);
        self.check(out)
    }

    // ---- what the role wants ----

    fn check(&mut self, out: Vec<Output>) -> Result<(), String> {
        let most = self.limit + 4 * (self.open.len() + self.dialling.len());
        if out.len() > most {
            return Err(format!("{} outputs to one input", out.len()));
        }
        self.outputs += out.len();
        out.into_iter().try_for_each(|output| self.perform(output))
    }

    fn perform(&mut self, output: Output) -> Result<(), String> {
        if self.over {
            return Err(format!("{output:?} after the end"));
        }
        match output {
            Output::Dial(conn, _) => {
                if !conn.0.is_multiple_of(2) || !self.used.insert(conn) {
                    return Err(format!("dials under the used or odd number {conn}"));
                }
                self.dialling.insert(conn);
            }
            Output::Send(conn, _) => self.known(conn)?,
            Output::SendMany(conns, _) => conns.into_iter().try_for_each(|c| self.known(c))?,
            Output::Close(conn) => {
                if !self.open.remove(&conn) && !self.dialling.remove(&conn) {
                    return Err(format!("closes {conn}, which is not there"));
                }
            }
            Output::Pause(conn) | Output::Resume(conn) => self.known(conn)?,
            Output::Launch(_) => self.launching += 1,
            Output::Adopt(pid) => {
                self.children.insert(pid);
            }
            Output::Kill(pid) => {
                if !self.children.contains(&pid) {
                    return Err(format!("kills {pid}, which it neither launched nor adopted"));
                }
            }
            Output::Persist(_) => {
                if std::mem::replace(&mut self.writing, true) {
                    return Err("persists while a record is being written".to_owned());
                }
            }
            Output::Note(event) => drop(event.to_string()),
            Output::Exit(_) => self.over = true,
        }
        Ok(())
    }

    /// What is sent on a closed connection is dropped; but there must have been one.
    fn known(&self, conn: Conn) -> Result<(), String> {
        match self.used.contains(&conn) {
            true => Ok(()),
            false => Err(format!("uses {conn}, which never was")),
        }
    }
}

fn peer(door: Option<u16>) -> Peer {
    Peer { remote: SocketAddr::from(([127, 0, 0, 1], 4000)), door }
}

fn chosen<T: Copy>(among: &BTreeSet<T>, index: Index) -> Option<T> {
    (!among.is_empty()).then(|| *index.get(&among.iter().copied().collect::<Vec<T>>()))
}
