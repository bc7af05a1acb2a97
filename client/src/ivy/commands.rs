//! What is typed at a process, and the work that it makes of it.
//!
//! Guarantees: what is typed is done in its order, one operation after the other; the operations of
//! `work` are a function of what was typed.
//!
//! Not here: the operations themselves.

use std::collections::VecDeque;

use bytes::Bytes;
use wire::ClientName;
use wire::ivy::{PAGE_LIMIT, PageNumber, Want};

/// What `help` says.
pub(super) const HELP: [&str; 8] = [
    "readPage P1            read page 1",
    "readPage P1 whole      read page 1, and print all of it as the line that writes it",
    "writePage P1 CONTENT   write page 1: everything after the page is its content, at most 64 KiB;",
    "                       any byte can be written as %XX: %00, %0A, %20 at an end, %25 for %",
    "work KIND COUNT PAGES SEED",
    "                       COUNT operations on pages 1 to PAGES, KIND is read, write or mixed",
    "print                  the page table",
    "help                   this",
];

/// How many typed commands may wait.
const WAITING: usize = 1024;

/// What is to be done with a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) want: Want,
    pub(super) page: PageNumber,
    /// What is written.
    pub(super) contents: Bytes,
    /// All of what was read is to be printed.
    pub(super) whole: bool,
    /// Part of `work`, and the last of it.
    pub(super) work: Option<bool>,
}

/// A typed line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    /// Something to do in its turn.
    Queued,
    /// Show the table.
    Print,
    /// Show what can be typed.
    Help,
    /// Nothing.
    Blank,
    /// That is wrong: why.
    Wrong(String),
}

/// Operations on random pages.
#[derive(Debug, Clone)]
struct Work {
    /// `None` for a mixture.
    want: Option<Want>,
    left: u64,
    done: u64,
    pages: u32,
    seed: u64,
    random: u64,
}

#[derive(Debug)]
enum Command {
    One(Task),
    Many(Work),
}

/// What is still to be done.
#[derive(Debug, Default)]
pub(super) struct Commands(VecDeque<Command>);

impl Commands {
    /// Takes a typed line.
    pub(super) fn line(&mut self, line: &str) -> Typed {
        // Blanks of other scripts are contents.
        let line = line.trim_ascii();
        let (word, rest) = first_word(line);
        let command = match word {
            "" => return Typed::Blank,
            "print" => return Typed::Print,
            "help" => return Typed::Help,
            "readPage" => read(rest),
            "writePage" => write(rest),
            "work" => work(rest),
            _ => Err(format!("`{word}` is no command: try help")),
        };
        match command {
            Err(why) => Typed::Wrong(why),
            Ok(_) if self.0.len() >= WAITING => {
                Typed::Wrong(format!("{WAITING} commands wait already"))
            }
            Ok(command) => {
                self.0.push_back(command);
                Typed::Queued
            }
        }
    }

    /// The next task; what `work` writes says who wrote it.
    pub(super) fn next(&mut self, process: ClientName) -> Option<Task> {
        match self.0.front_mut()? {
            Command::Many(work) => {
                let task = work.next(process);
                if work.left == 0 {
                    self.0.pop_front();
                }
                Some(task)
            }
            Command::One(_) => match self.0.pop_front()? {
                Command::One(task) => Some(task),
                Command::Many(_) => None,
            },
        }
    }
}

impl Work {
    fn next(&mut self, process: ClientName) -> Task {
        let random = self.random();
        let page = PageNumber(1 + (random >> 33) as u32 % self.pages);
        let mixed = if random & 1 == 0 { Want::Read } else { Want::Write };
        self.left -= 1;
        self.done += 1;
        let want = self.want.unwrap_or(mixed);
        let contents = match want {
            Want::Read => Bytes::new(),
            Want::Write => Bytes::from(format!("{process}.{}.{}", self.seed, self.done)),
        };
        Task { want, page, contents, whole: false, work: Some(self.left == 0) }
    }

    /// SplitMix64 (Steele, Lea, Flood).
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn read(rest: &str) -> Result<Command, String> {
    let (page, rest) = first_word(rest);
    let whole = match rest {
        "" => false,
        "whole" => true,
        _ => {
            return Err(format!("readPage takes a page, and `whole` if you want it, not `{rest}`"));
        }
    };
    let (page, contents) = (page.parse()?, Bytes::new());
    Ok(Command::One(Task { want: Want::Read, page, contents, whole, work: None }))
}

fn write(rest: &str) -> Result<Command, String> {
    let (page, contents) = first_word(rest);
    let contents = wire::unescape(contents.as_bytes());
    if contents.len() > PAGE_LIMIT {
        return Err(format!("a page has at most {PAGE_LIMIT} bytes, this has {}", contents.len()));
    }
    let page = page.parse()?;
    Ok(Command::One(Task { want: Want::Write, page, contents, whole: false, work: None }))
}

/// The first word of a line, and what stands behind it.
fn first_word(line: &str) -> (&str, &str) {
    let blank = |c: char| c.is_ascii_whitespace();
    let line = line.trim_ascii_start();
    let (word, rest) = line.split_once(blank).unwrap_or((line, ""));
    (word, rest.trim_ascii_start())
}

fn work(rest: &str) -> Result<Command, String> {
    let usage = "work KIND COUNT PAGES SEED, like: work mixed 100 10 1";
    let words: Vec<&str> = rest.split_whitespace().collect();
    let [kind, count, pages, seed] = words[..] else { return Err(usage.to_owned()) };
    let want = match kind {
        "read" => Some(Want::Read),
        "write" => Some(Want::Write),
        "mixed" => None,
        _ => return Err(usage.to_owned()),
    };
    match (count.parse(), pages.parse(), seed.parse()) {
        (Ok(left), Ok(pages), Ok(seed)) if left > 0 && pages > 0 => {
            Ok(Command::Many(Work { want, left, done: 0, pages, seed, random: seed }))
        }
        _ => Err(usage.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use node::ivy::Ivy;

    use super::*;

    fn name() -> ClientName {
        "P1".parse().expect("a name")
    }

    #[test]
    fn what_is_typed_is_done_in_its_order() {
        let mut commands = Commands::default();
        assert_eq!(commands.line("writePage P1 two words "), Typed::Queued);
        assert_eq!(commands.line(" readPage 7"), Typed::Queued);
        assert_eq!(commands.line("print"), Typed::Print);
        let first = commands.next(name()).expect("a task");
        assert_eq!((first.want, first.page), (Want::Write, PageNumber(1)));
        assert_eq!(first.contents, Bytes::from_static(b"two words"));
        assert_eq!(commands.next(name()).expect("a task").page, PageNumber(7));
        assert_eq!(commands.next(name()), None);
    }

    /// Any bytes, up to the limit of a page, can be typed as they are printed.
    #[test]
    fn any_bytes_can_be_typed() {
        let mut commands = Commands::default();
        let all: Vec<u8> = (0..=u8::MAX).cycle().take(PAGE_LIMIT).collect();
        for contents in [&all[..], b" 100%20 \n", "\u{3000}\u{e9}\u{a0}".as_bytes(), b""] {
            let contents = Bytes::copy_from_slice(contents);
            let line = Ivy::Whole { page: PageNumber(1), contents: contents.clone() }.to_string();
            assert_eq!(commands.line(&line), Typed::Queued);
            assert_eq!(commands.next(name()).expect("a task").contents, contents);
        }
        commands.line("writePage P1 %20100%25%20");
        assert_eq!(commands.next(name()).expect("a task").contents, " 100% ");
        commands.line("readPage P1 whole");
        assert!(commands.next(name()).expect("a task").whole);
    }

    #[test]
    fn mistakes_are_explained() {
        let mut commands = Commands::default();
        for (line, word) in [
            ("readPage", "like P1"),
            ("readPage X", "like P1"),
            ("readPage P1 P2", "whole"),
            ("work", "KIND"),
            ("red", "help"),
        ] {
            let Typed::Wrong(why) = commands.line(line) else { panic!("{line}") };
            assert!(why.contains(word), "{why}");
        }
        let long = format!("writePage 1 {}", "x".repeat(PAGE_LIMIT + 1));
        assert!(matches!(commands.line(&long), Typed::Wrong(_)));
    }

    #[test]
    fn work_is_a_function_of_what_was_typed() {
        let all = |line: &str| {
            let mut commands = Commands::default();
            assert_eq!(commands.line(line), Typed::Queued);
            std::iter::from_fn(|| commands.next(name())).collect::<Vec<_>>()
        };
        let tasks = all("work mixed 200 10 1");
        assert_eq!(tasks, all("work mixed 200 10 1"));
        assert_ne!(tasks, all("work mixed 200 10 2"));
        assert_eq!((tasks.len(), tasks[199].work), (200, Some(true)));
        assert!(tasks.iter().all(|task| (1..=10).contains(&task.page.0)));
        let writes = tasks.iter().filter(|task| task.want == Want::Write).count();
        assert!((60..140).contains(&writes), "{writes}");
    }
}
