//! The harness holds a role to its side of the bargain, and a script to what exists.

use std::error::Error;

use goldenscript::generate;
use node::{Conn, Event, Input, Output, Role, Time};
use script::Runner;

/// Does what its lines tell it.
struct Puppet {
    deadline: Option<Time>,
}

impl Role for Puppet {
    fn handle(&mut self, _now: Time, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Line(line) => match line.split_once(' ') {
                Some(("dial", conn)) => {
                    let conn = Conn(conn.parse().expect("a number"));
                    out.push(Output::Dial(conn, ([127, 0, 0, 1], 8000).into()));
                }
                Some(("close", conn)) => {
                    out.push(Output::Close(Conn(conn.parse().expect("a number"))));
                }
                _ => self.deadline = Some(Time::ZERO),
            },
            Input::Received(conn, message) => out.push(Output::Send(conn, message)),
            _ => {}
        }
    }

    fn wake(&mut self, _now: Time, out: &mut Vec<Output>) {
        out.push(Output::Note(Event::Info("awake".to_owned())));
    }

    fn deadline(&self) -> Option<Time> {
        self.deadline
    }
}

fn puppet(_args: &mut script::Arguments<'_>) -> Result<Puppet, Box<dyn Error>> {
    Ok(Puppet { deadline: None })
}

/// What the last of these commands is answered with, or why the script fails.
fn play(commands: &str) -> Result<String, String> {
    let text = commands.replace('\n', "\n---\n\n") + "\n---\n";
    let said = generate(&mut Runner::new(puppet), &text).map_err(|error| error.to_string())?;
    Ok(said.rsplit("---\n").next().unwrap_or_default().trim().to_owned())
}

fn refused(commands: &str, why: &str) {
    let error = play(commands).expect_err(commands);
    assert!(error.contains(why), "{commands}: {error}");
}

#[test]
fn a_role_that_breaks_the_rules_fails_the_script() {
    refused("start\nline 'dial 3'", "even and new");
    refused("start\nline 'dial 2'\nline 'dial 2'", "even and new");
    refused("start\nline 'close 2'", "not open");
    refused("start\nline 'wake me'\nadvance 1s", "forever");
}

#[test]
fn a_script_that_uses_what_does_not_exist_fails() {
    refused("wake", "`start` comes first");
    refused("start\nopened 2", "was not dialled");
    refused("start\nopened 1\nopened 1", "used before");
    refused("start\nclosed 1", "no connection");
    refused("start\nreceived 1 '<S1,launch>'", "not open");
    refused("start\nopened 1\nreceived 1 '<S1,launch'", "not a whole frame");
    refused("start speed=9", "unexpected argument");
    refused("start\nadvance 3h", "no such unit");
    refused("start\njump", "no such command");
}

#[test]
fn frames_go_in_and_out_in_their_text_form() {
    let said = play("start\nopened 1\nreceived 1 '<S1,launch> <S2,ready>'");
    assert_eq!(said.as_deref(), Ok("#1 <- <S1,launch>\n#1 <- <S2,ready>"));
}

#[test]
fn heartbeats_are_hidden_on_demand_and_only_they() {
    let commands = "start\nhide heartbeats\nopened 1\n";
    let hidden = play(&format!("{commands}received 1 '<LFD1,S1,8,heartbeat> <S1,ready>'"));
    assert_eq!(hidden.as_deref(), Ok("#1 <- <S1,ready>"));
    refused("start\nhide everything", "only `heartbeats`");
    refused("start\nopened 1\nmute 1", "mute");
}
