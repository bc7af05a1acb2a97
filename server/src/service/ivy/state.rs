//! The manager's state as text: words with a blank behind each, lists with their length before them.
//!
//! Guarantee: equal states give equal bytes, and what was written is read back as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write as _};
use std::str::{FromStr, SplitAsciiWhitespace};

use bytes::Bytes;
use wire::ClientName;
use wire::ivy::{PageNumber, Want};

use super::record::{Current, Record, Stage, Turn, Waiting};
use super::{CentralManager, Process};

/// What the text begins with.
const MARK: &str = "ivy";

/// Collects words.
#[derive(Default)]
struct Writer(String);

impl Writer {
    fn word(&mut self, word: impl Display) -> &mut Self {
        // Writing to a string does not fail.
        let _ = write!(self.0, "{word} ");
        self
    }

    fn name(&mut self, name: Option<ClientName>) -> &mut Self {
        match name {
            Some(name) => self.word(name),
            None => self.word('-'),
        }
    }

    fn names(&mut self, names: &BTreeSet<ClientName>) -> &mut Self {
        self.word(names.len());
        names.iter().fold(self, |w, name| w.word(name))
    }

    fn want(&mut self, want: Want) -> &mut Self {
        self.word(match want {
            Want::Read => 'r',
            Want::Write => 'w',
        })
    }

    fn record(&mut self, record: &Record) {
        self.name(record.owner).name(record.lost).names(&record.copies).word(record.queue.len());
        for (turn, waiting) in &record.queue {
            self.word(turn.clock()).word(turn.process).want(waiting.want).word(waiting.operation);
        }
        let Some(current) = &record.current else {
            self.word('-');
            return;
        };
        match &current.stage {
            Stage::Invalidating(left) => self.word('i').names(left),
            Stage::Moving => self.word('m'),
            Stage::Salvaging => self.word('s'),
        };
        self.want(current.want).word(current.requester);
        self.word(current.operation).word(current.grant);
    }
}

/// Reads words.
struct Reader<'a>(SplitAsciiWhitespace<'a>);

impl Reader<'_> {
    fn word<T: FromStr>(&mut self) -> Option<T> {
        self.0.next()?.parse().ok()
    }

    fn name(&mut self) -> Option<Option<ClientName>> {
        match self.0.next()? {
            "-" => Some(None),
            name => Some(Some(name.parse().ok()?)),
        }
    }

    fn names(&mut self) -> Option<BTreeSet<ClientName>> {
        (0..self.word::<u64>()?).map(|_| self.word()).collect()
    }

    fn want(&mut self) -> Option<Want> {
        match self.0.next()? {
            "r" => Some(Want::Read),
            "w" => Some(Want::Write),
            _ => None,
        }
    }

    fn record(&mut self) -> Option<Record> {
        let (owner, lost, copies) = (self.name()?, self.name()?, self.names()?);
        let mut queue = BTreeMap::new();
        for _ in 0..self.word::<u64>()? {
            let turn = Turn::new(self.word()?, self.word()?);
            queue.insert(turn, Waiting { want: self.want()?, operation: self.word()? });
        }
        Some(Record { owner, lost, copies, queue, current: self.current()? })
    }

    fn current(&mut self) -> Option<Option<Current>> {
        let stage = match self.0.next()? {
            "-" => return Some(None),
            "i" => Stage::Invalidating(self.names()?),
            "m" => Stage::Moving,
            "s" => Stage::Salvaging,
            _ => return None,
        };
        Some(Some(Current {
            stage,
            want: self.want()?,
            requester: self.word()?,
            operation: self.word()?,
            grant: self.word()?,
        }))
    }
}

impl CentralManager {
    pub(super) fn write(&self) -> Bytes {
        let mut w = Writer::default();
        w.word(MARK).word(self.clock).word(self.grants).word(self.processes.len());
        for (name, process) in &self.processes {
            w.word(name).word(process.life).word(process.address).word(process.done);
        }
        w.word(self.pages.len());
        for (page, record) in &self.pages {
            w.word(page).record(record);
        }
        w.word(self.silent.len());
        for (name, counts) in &self.silent {
            w.word(name).word(counts.len());
            for (by, count) in counts {
                w.word(by).word(count);
            }
        }
        Bytes::from(w.0)
    }

    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let mut r = Reader(std::str::from_utf8(text).ok()?.split_ascii_whitespace());
        if r.0.next() != Some(MARK) {
            return None;
        }
        let mut state = Self { clock: r.word()?, grants: r.word()?, ..Self::default() };
        for _ in 0..r.word::<u64>()? {
            let name = r.word()?;
            let process = Process { life: r.word()?, address: r.word()?, done: r.word()? };
            state.processes.insert(name, process);
        }
        for _ in 0..r.word::<u64>()? {
            let page = PageNumber(r.word()?);
            state.pages.insert(page, r.record()?);
        }
        for _ in 0..r.word::<u64>()? {
            let name = r.word()?;
            let mut counts = BTreeMap::new();
            for _ in 0..r.word::<u64>()? {
                counts.insert(r.word()?, r.word()?);
            }
            state.silent.insert(name, counts);
        }
        r.0.next().is_none().then_some(state)
    }

    /// `clock 9; 1 P1 map[P2]; 2 P2 map[]`
    pub(super) fn in_short(&self) -> Bytes {
        let mut text = format!("clock {}", self.clock);
        for (page, record) in &self.pages {
            let owner = record.owner.map_or("-".to_owned(), |owner| owner.to_string());
            let copies: Vec<&str> = record.copies.iter().map(ClientName::as_str).collect();
            // Writing to a string does not fail.
            let _ = write!(text, "; {page} {owner} map[{}]", copies.join(" "));
        }
        Bytes::from(text)
    }
}
