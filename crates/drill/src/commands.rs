//! What a person can type while a cluster runs.

use wire::{Mode, NodeName};

use crate::roster::Roster;

/// The help text.
pub const HELP: &str = "\
kill S1            end a process at once (kill -9); any of S1, LFD1, GFD, RM, C1
stop S1 / cont S1  stop a process (SIGSTOP), let it go on
start S1           launch what does not run; a dead server is launched by its LFD anyway
status             who runs, and where each server stands
P1 readPage P2     Ivy: types the rest of the line at process P1; its commands are readPage,
                   writePage, work, print, help
print              Ivy: the tables of the managers and of every process
switch active      tell the RM to switch the mode (or: switch passive)
quit               end everything (or Ctrl-C)
help               this";

/// A typed command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// SIGKILL.
    Kill(Vec<NodeName>),
    /// SIGSTOP.
    Stop(Vec<NodeName>),
    /// SIGCONT.
    Cont(Vec<NodeName>),
    /// Launch.
    Start(Vec<NodeName>),
    /// The table.
    Status,
    /// The other mode.
    Switch(Mode),
    /// Types a line at a process of Ivy.
    Type(NodeName, String),
    /// Ivy's tables.
    Print,
    /// The help text.
    Help,
    /// The end.
    Quit,
}

/// Reads a typed line; `None` for an empty one.
///
/// # Errors
/// What is wrong with it, and what there is.
pub fn parse(line: &str, roster: &Roster) -> Result<Option<Command>, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some((verb, rest)) = words.split_first() else { return Ok(None) };
    let names = || {
        if rest.is_empty() {
            return Err(format!("{verb} whom? For example: {verb} S1"));
        }
        let name = |text: &&str| {
            let known: Vec<String> = roster.all().map(|name| name.to_string()).collect();
            roster.find(text).ok_or(format!("`{text}` is none of {}", known.join(" ")))
        };
        rest.iter().map(name).collect::<Result<Vec<_>, String>>()
    };
    let process = roster.find(verb).filter(|name| roster.clients.contains(name));
    if let Some(process) = process {
        // As it was typed: blanks may be contents.
        let typed = line.trim_ascii_start().get(verb.len()..).unwrap_or_default();
        return Ok(Some(Command::Type(process, typed.trim_ascii().to_owned())));
    }
    Ok(Some(match *verb {
        "kill" => Command::Kill(names()?),
        "stop" => Command::Stop(names()?),
        "cont" => Command::Cont(names()?),
        "start" => Command::Start(names()?),
        "status" => Command::Status,
        "switch" => Command::Switch(rest.first().copied().unwrap_or_default().parse()?),
        "print" => Command::Print,
        "help" | "?" => Command::Help,
        "quit" | "exit" => Command::Quit,
        other => return Err(format!("`{other}` is no command; type help")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        let roster = Roster::new(3, 1);
        let name = |text| roster.find(text).unwrap();
        let parse = |line| parse(line, &roster);
        assert_eq!(parse("kill s1 LFD2"), Ok(Some(Command::Kill(vec![name("S1"), name("LFD2")]))));
        assert_eq!(parse(" status "), Ok(Some(Command::Status)));
        assert_eq!(parse("switch active"), Ok(Some(Command::Switch(Mode::Active))));
        assert_eq!(parse(""), Ok(None));
    }

    #[test]
    fn what_is_typed_at_a_process_comes_as_it_is() {
        let roster = Roster::with(3, 1, "P");
        let typed = Command::Type(roster.clients[0], "writePage P1 a  b%20".to_owned());
        assert_eq!(parse(" P1  writePage P1 a  b%20 ", &roster), Ok(Some(typed)));
    }

    #[test]
    fn mistakes_say_what_there_is() {
        let roster = Roster::new(2, 0);
        assert!(parse("kill", &roster).unwrap_err().contains("kill S1"));
        assert!(parse("stop S3", &roster).unwrap_err().contains("RM GFD LFD1 LFD2 S1 S2"));
        assert!(parse("switch", &roster).unwrap_err().contains("active"));
        assert!(parse("dance S1", &roster).unwrap_err().contains("help"));
    }
}
