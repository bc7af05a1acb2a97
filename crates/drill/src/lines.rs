//! What the processes print: one log file each, and the merged lines on the terminal.
//!
//! Guarantee: a line is whole, in the order of its process, and has its process's name before it.
//! Colours only on a terminal, and not where NO_COLOR is set.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};

use wire::NodeName;

use crate::plan::Plan;

/// Colours that can be read on black and on white; one per kind and number of process.
const SERVERS: [u8; 5] = [34, 32, 33, 36, 35];
const CLIENTS: [u8; 4] = [94, 92, 93, 96];
const WATCHERS: u8 = 90;
const MANAGERS: u8 = 35;

/// Where lines go.
#[derive(Debug)]
pub struct Lines {
    logs: BTreeMap<NodeName, BufWriter<File>>,
    merged: bool,
    colors: bool,
}

impl Lines {
    /// Opens the log files; `merged` shows the lines too.
    ///
    /// # Errors
    /// When a log file cannot be created.
    pub fn new(plan: &Plan, merged: bool) -> io::Result<Self> {
        let log = |name| Ok((name, BufWriter::new(File::create(plan.path(name, "log"))?)));
        let colors = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let logs = plan.roster.all().map(log).collect::<io::Result<_>>()?;
        Ok(Self { logs, merged, colors })
    }

    /// Lines of one process.
    ///
    /// # Errors
    /// When the log file or the terminal cannot be written.
    pub fn take(&mut self, name: NodeName, lines: &[String]) -> io::Result<()> {
        if let Some(log) = self.logs.get_mut(&name) {
            for line in lines {
                writeln!(log, "{line}")?;
            }
        }
        if self.merged {
            let mut out = io::stdout().lock();
            for line in lines {
                write_line(&mut out, name.as_str(), line, self.colors)?;
            }
        }
        Ok(())
    }

    /// A line of the drill itself, if lines are shown at all.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        if self.merged {
            let mut out = io::stdout().lock();
            for line in text.lines() {
                write_line(&mut out, "drill", line, self.colors)?;
            }
            out.flush()?;
        }
        Ok(())
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// When a log file or the terminal cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        for log in self.logs.values_mut() {
            log.flush()?;
        }
        if self.merged { io::stdout().flush() } else { Ok(()) }
    }
}

fn write_line(out: &mut impl Write, name: &str, line: &str, colors: bool) -> io::Result<()> {
    if colors {
        writeln!(out, "\x1b[{}m{name:<5}|\x1b[0m {line}", color(name))
    } else {
        writeln!(out, "{name:<5}| {line}")
    }
}

fn color(name: &str) -> u8 {
    let place = |colors: &[u8]| colors[wire::ports::lane(name, colors.len())];
    match name.as_bytes() {
        [b'S', ..] => place(&SERVERS),
        [b'C', ..] => place(&CLIENTS),
        [b'L', ..] => WATCHERS,
        [b'd', ..] => 1,
        _ => MANAGERS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_a_column_and_colours_only_where_wanted() {
        let mut out = Vec::new();
        write_line(&mut out, "S1", "Server is ready", false).unwrap();
        write_line(&mut out, "LFD1", "x", true).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "S1   | Server is ready\n\x1b[90mLFD1 |\x1b[0m x\n");
    }

    #[test]
    fn servers_differ_in_colour() {
        assert_ne!(color("S1"), color("S2"));
        assert_ne!(color("S2"), color("S3"));
    }
}
