//! The stories of Ivy's central manager: one file each in `tests/ivy`, its first line is its claim.
//!
//! | command | meaning |
//! |---|---|
//! | `ask P1 "0 127.0.0.1:1 1 Attach"` | a request of a process is executed; its answer and all notices |
//! | `absent P1` | the log says that a process has had no connection for a while |
//! | `promote` | another manager restores the checkpoint and resumes |
//! | `print` | the table |

use std::error::Error;
use std::path::Path;

use bytes::Bytes;
use goldenscript::{Command, Context};
use node::Event;
use node::ivy::Ivy;
use server::machine::{Machine, Outcome};
use server::service::{CentralManager, Effects, Service};
use test_each_file::test_each_path;
use wire::{ClientName, Entry, Epoch, Op, RequestNumber, SessionId};

struct Runner {
    machine: Machine<CentralManager>,
    number: u64,
}

impl Runner {
    fn execute(&mut self, op: Op, out: &mut String) -> Option<Outcome> {
        let sequence = self.machine.executed().next();
        let mut effects = Effects::default();
        let entry = Entry { sequence, epoch: Epoch(1), op };
        let outcome = self.machine.execute(&entry, &mut effects);
        if let Outcome::Answer { client, reply, .. } = &outcome {
            *out += &format!("{client} <- {}\n", text(reply));
        }
        said(&mut effects, out);
        Some(outcome)
    }

    /// The session of a process, opened when it is first needed.
    fn session(&mut self, client: ClientName) -> SessionId {
        if self.machine.sessions.session(client).is_none() {
            self.execute(Op::Register { client, nonce: 1, window: 64 }, &mut String::new());
        }
        self.machine.sessions.session(client).expect("it was opened").id
    }
}

/// Notices, and what is said to people but is no message.
fn said(effects: &mut Effects, out: &mut String) {
    for (client, body) in effects.take_notices() {
        *out += &format!("notice {client} <- {}\n", text(&body));
    }
    for note in effects.take_notes() {
        if let Event::Ivy(said @ (Ivy::Done | Ivy::Gone { .. } | Ivy::Lost { .. })) = note {
            *out += &format!("{said}\n");
        }
    }
}

fn text(body: &Bytes) -> String {
    String::from_utf8_lossy(body).into_owned()
}

impl goldenscript::Runner for Runner {
    type Command = Command;

    fn run(&mut self, command: &Command, _context: &Context) -> Result<String, Box<dyn Error>> {
        let mut out = String::new();
        let mut args = command.consume_args();
        match command.name.as_str() {
            "ask" => {
                let client: ClientName = args.next_pos().ok_or("who?")?.parse()?;
                let body = Bytes::from(args.next_pos().ok_or("what?")?.to_owned());
                let session = self.session(client);
                self.number += 1;
                let number = RequestNumber(self.number);
                self.execute(Op::Request { client, session, number, body }, &mut out);
            }
            "absent" => {
                let client: ClientName = args.next_pos().ok_or("who?")?.parse()?;
                let session = self.session(client);
                self.execute(Op::Absent { client, session }, &mut out);
            }
            "promote" => {
                let (sequence, checkpoint) = (self.machine.executed(), self.machine.checkpoint());
                let mut machine = Machine::new(CentralManager::default());
                machine.restore(sequence, &checkpoint)?;
                assert_eq!(machine.digest(), self.machine.digest());
                self.machine = machine;
                let mut effects = Effects::default();
                self.machine.service.resume(&mut effects);
                said(&mut effects, &mut out);
                assert_eq!(
                    checkpoint,
                    self.machine.checkpoint(),
                    "resuming is no entry of the log"
                );
            }
            "print" => {
                for row in self.machine.service.table(true) {
                    out += &format!("{row}\n");
                }
            }
            other => return Err(format!("no such command: {other}").into()),
        }
        args.reject_next()?;
        Ok(out)
    }
}

fn play(path: &Path) {
    let mut runner = Runner { machine: Machine::new(CentralManager::default()), number: 0 };
    goldenscript::run(&mut runner, path).expect("the story is as it is told");
}

test_each_path! { in "./server/tests/ivy" => play }
