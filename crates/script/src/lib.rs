//! Golden scripts for any role: a script's commands are a role's inputs, its expected text is the
//! role's outputs, one per line: frames in their text form, events with their fields (how an event
//! is printed is `node`'s own affair and test).
//!
//! ```text
//! # A server that runs already is adopted, not launched.
//! start
//! ---
//! dial #2 127.0.0.101:8003
//!
//! opened 2
//! received 2 "<LFD1,S1,1,7,4711,0,0,joiner,heartbeat>"
//! ---
//! ...
//! ```
//!
//! # Commands
//! | command | meaning |
//! |---|---|
//! | `start [key=value...]` | a new process: makes a role from the arguments and gives it `Start` |
//! | `opened CONN [door=N] [remote=IP:PORT]` | the dialled `CONN` is open, or (odd) was accepted |
//! | `received CONN FRAME...` | these frames arrive, in one batch |
//! | `ended CONN` | its peer has ended its sending and still reads |
//! | `closed CONN` | it is closed, or (dialled) was refused |
//! | `launched PID`, `launch_failed TEXT`, `exited PID [HOW]` | of the server process |
//! | `persisted`, `persist_failed TEXT` | of the record |
//! | `line TEXT`, `line_end` | the keyboard |
//! | `tune [heartbeat_period=D] [heartbeat_timeout=D] [checkpoint_period=D]` | new settings |
//! | `advance D` | time passes; the role is woken at each of its deadlines, exactly |
//! | `stall D` | time passes while the role does not run; `wake` wakes it then |
//! | `wake` | wakes the role, if its deadline has passed |
//! | `deadline` | prints how long until the role wants to be woken |
//! | `answer CONN FRAME` | from now on each heartbeat on `CONN` is answered like this one |
//! | `mute CONN` | no more |
//! | `hide heartbeats`, `show heartbeats` | leave heartbeats and their lines out of the output |
//!
//! Guarantees: the harness keeps the host's obligations (`node`'s documentation) and checks that
//! the role keeps its side: a dialled number is even and new. A script that uses a connection that
//! does not exist is an error, so a script cannot pass by accident of a typing mistake. What a role
//! sends on a closed connection is shown as `(dropped)`.
//!
//! Not here: more than one role at a time, and any real time.

mod arguments;
mod render;
mod world;

use std::error::Error;
use std::path::Path;

use goldenscript::{ArgumentConsumer, Command, Context};
use node::{Conn, Input, Peer, Role, Tune};

use arguments::{conn, need, number, parsed};
pub use arguments::{duration, frame, frames};
use world::World;

/// The arguments of a command, read one by one.
pub type Arguments<'a> = ArgumentConsumer<'a>;

/// How a role is made from the arguments of `start`.
type Make<R> = Box<dyn FnMut(&mut Arguments<'_>) -> Result<R, Box<dyn Error>>>;

/// Plays scripts against one role.
pub struct Runner<R: Role> {
    make: Make<R>,
    world: World<R>,
}

impl<R: Role> Runner<R> {
    /// A runner whose `start` command makes the role with `make`; arguments that `make` leaves
    /// unread are an error.
    pub fn new(
        make: impl FnMut(&mut Arguments<'_>) -> Result<R, Box<dyn Error>> + 'static,
    ) -> Self {
        Self { make: Box::new(make), world: World::new() }
    }

    fn input(&mut self, name: &str, args: &mut Arguments<'_>) -> Result<bool, Box<dyn Error>> {
        let input = match name {
            "closed" => {
                let conn = conn(args)?;
                self.world.close(conn)?;
                Input::Closed(conn)
            }
            "opened" => {
                let conn = conn(args)?;
                let peer = peer(conn, args)?;
                self.world.open(conn)?;
                Input::Opened(conn, peer)
            }
            "launched" => Input::Launched { pid: number(args)? },
            "launch_failed" => Input::LaunchFailed(need(args)?.to_owned()),
            "exited" => Input::Exited {
                pid: number(args)?,
                how: args.next_pos().unwrap_or("signal 9").to_owned(),
            },
            "persisted" => Input::Persisted,
            "persist_failed" => Input::PersistFailed(need(args)?.to_owned()),
            "line" => Input::Line(need(args)?.to_owned()),
            "ended" => Input::Ended(conn(args)?),
            "line_end" => Input::LineEnd,
            "tune" => Input::Tune(Tune {
                heartbeat_period: args.take_key("heartbeat_period").map(duration).transpose()?,
                heartbeat_timeout: args.take_key("heartbeat_timeout").map(duration).transpose()?,
                checkpoint_period: args.take_key("checkpoint_period").map(duration).transpose()?,
            }),
            _ => return Ok(false),
        };
        self.world.handle(vec![input])?;
        Ok(true)
    }

    fn control(&mut self, name: &str, args: &mut Arguments<'_>) -> Result<(), Box<dyn Error>> {
        match name {
            "start" => {
                let role = (self.make)(args)?;
                self.world.start(role)?;
            }
            "received" => {
                let conn = conn(args)?;
                self.world.check_open(conn)?;
                let mut batch = Vec::new();
                while let Some(text) = args.next_pos() {
                    batch.extend(frames(text)?.into_iter().map(|m| Input::Received(conn, m)));
                }
                self.world.handle(batch)?;
            }
            "advance" => self.world.advance(duration(need(args)?)?)?,
            "stall" => self.world.stall(duration(need(args)?)?),
            "wake" => self.world.wake_if_due()?,
            "deadline" => self.world.say_deadline()?,
            "answer" => {
                let conn = conn(args)?;
                self.world.answer(conn, frame(need(args)?)?)?;
            }
            "mute" => {
                let conn = conn(args)?;
                self.world.mute(conn)?;
            }
            "hide" => self.world.hide(need(args)?)?,
            "show" => self.world.show(need(args)?)?,
            other => return Err(format!("no such command: {other}").into()),
        }
        Ok(())
    }
}

impl<R: Role> goldenscript::Runner for Runner<R> {
    type Command = Command;

    fn run(&mut self, command: &Command, _context: &Context) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        if !self.input(&command.name, &mut args)? {
            self.control(&command.name, &mut args)?;
        }
        args.reject_next()?;
        Ok(self.world.take_output())
    }
}

/// Plays the script at `path`; panics where the role says something else than the script.
/// `UPDATE_GOLDENFILES=1` writes what the role says into the script instead.
///
/// # Panics
/// When the script does not hold, or is not a script.
pub fn play<R: Role>(
    path: &Path,
    make: impl FnMut(&mut Arguments<'_>) -> Result<R, Box<dyn Error>> + 'static,
) {
    if let Err(error) = goldenscript::run(&mut Runner::new(make), path) {
        panic!("{}: {error}", path.display());
    }
}

/// Reads a key of `start`, or takes the default.
///
/// # Errors
/// When the value cannot be read.
pub fn key<T>(args: &mut Arguments<'_>, name: &str, default: &str) -> Result<T, Box<dyn Error>>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    parsed(name, args.take_key(name).unwrap_or(default))
}

fn peer(conn: Conn, args: &mut Arguments<'_>) -> Result<Peer, Box<dyn Error>> {
    let dialled = conn.0.is_multiple_of(2);
    let remote = key(args, "remote", if dialled { "127.0.0.1:8000" } else { "127.0.0.1:40000" })?;
    let door: Option<u16> = args.take_key("door").map(|d| parsed("door", d)).transpose()?;
    Ok(Peer { remote, door: if dialled { None } else { Some(door.unwrap_or(0)) } })
}
