//! The library: every state that a process was ever in, every frame, and what came of what.
//!
//! A role is a pure function, so the same input to the same state is played once, by the role that
//! ships, and looked up after that. That is what makes many millions of worlds affordable: a world
//! is a few dozen numbers, and a step of it mostly a look-up.
//!
//! Guarantees: nothing is made up. Each state in here was reached by a role, from its start, through
//! inputs that the world gave it.

use std::collections::BTreeMap;
use std::rc::Rc;

use wire::{Message, View};
use xxhash_rust::xxh3::xxh3_64;

use crate::local::{Local, Slot, Stimulus, Wish};
use crate::properties::{self, Violation};
use crate::scope::{self, Scope};
use crate::summary::Summary;
use crate::table::Table;

/// A state of a process; 0 is "there is no process".
pub(crate) type LocalId = u32;
/// A frame; [`ORDERLY`] and [`BROKEN`] are ends of a connection.
pub(crate) type ItemId = u32;
/// A record on the RM's disk; 0 is "there is none".
pub(crate) type RecordId = u32;

/// The end of a connection that the other side has closed.
pub(crate) const ORDERLY: ItemId = 0;
/// The end of a connection that broke: what was on its way before may be lost.
pub(crate) const BROKEN: ItemId = 1;
const FIRST_FRAME: ItemId = 2;

/// What happens to a process, with a number for the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Start,
    Accepted(Slot),
    Connected(Slot),
    Received(Slot, ItemId),
    Closed(Slot),
    Persisted,
    PersistFailed,
    Wake,
}

/// What a process wants done, with numbers for frames and records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Dial(Slot, usize),
    Send(Slot, ItemId),
    Close(Slot),
    Persist(RecordId),
}

/// A frame that the world makes, by what it is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Usual {
    /// An LFD's heartbeat to its server.
    Heartbeat(usize),
    /// An LFD's report after that answer.
    Report(ItemId),
    /// An LFD's report of the end of a run, or of its silence.
    Delete(usize, u8, bool),
    /// A client's request to a server, in a session: the one from before, or the one that counts.
    Request(usize, usize, u32, bool),
    /// A client's registration at a server.
    Register(usize, usize),
    /// What a reply says, whoever says it.
    Told(ItemId),
}

impl Usual {
    const fn key(self) -> u64 {
        let (kind, a, b, c) = match self {
            Self::Heartbeat(server) => (1, server as u64, 0, 0),
            Self::Report(answer) => (2, answer as u64, 0, 0),
            Self::Delete(server, run, seen) => (3, server as u64, run as u64, seen as u64),
            Self::Request(request, server, session, counts) => {
                (4, session as u64, request as u64, (server as u64) << 1 | counts as u64)
            }
            Self::Register(request, server) => (6, request as u64, server as u64, 0),
            Self::Told(reply) => (5, reply as u64, 0, 0),
        };
        kind << 56 | c << 48 | b << 40 | a
    }
}

/// What came of something.
#[derive(Debug, Clone)]
struct Outcome {
    next: LocalId,
    effects: Rc<[Effect]>,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) scope: Scope,
    locals: Vec<(Local, Option<Summary>)>,
    local_ids: Table,
    frames: Vec<Message>,
    frame_ids: Table,
    /// Frames that are made again and again, by what they are made of.
    usual: Table,
    records: Vec<String>,
    views: Vec<View>,
    record_ids: BTreeMap<String, RecordId>,
    outcomes: Vec<Outcome>,
    causes: Table,
    /// By state, cause and moment.
    outcome_ids: Table,
    /// Pairs of servers that agree.
    agreed: Table,
}

impl Library {
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            scope,
            locals: Vec::new(),
            local_ids: Table::new(),
            frames: Vec::new(),
            frame_ids: Table::new(),
            usual: Table::new(),
            records: Vec::new(),
            views: Vec::new(),
            record_ids: BTreeMap::new(),
            outcomes: Vec::new(),
            causes: Table::new(),
            outcome_ids: Table::new(),
            agreed: Table::new(),
        }
    }

    /// How many states of processes there are, and how many inputs were played.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.locals.len(), self.outcomes.len())
    }

    // ---- processes ----

    /// The number of a state.
    pub(crate) fn enter(&mut self, local: Local) -> LocalId {
        let fingerprint = local.fingerprint();
        if let Some(id) = self.local_ids.get(fingerprint) {
            return id;
        }
        let summary = local.replica().map(Summary::of);
        self.locals.push((local, summary));
        let id = self.locals.len() as LocalId;
        self.local_ids.insert(fingerprint, id);
        id
    }

    /// The state of that number.
    pub(crate) fn local(&self, id: LocalId) -> &Local {
        &self.locals[id as usize - 1].0
    }

    /// What a server in that state shows.
    pub(crate) fn summary(&self, id: LocalId) -> Option<&Summary> {
        let index = (id as usize).checked_sub(1)?;
        self.locals[index].1.as_ref()
    }

    /// Whether two servers agree; each pair is looked at once.
    ///
    /// # Errors
    /// How they do not.
    pub(crate) fn agree(&mut self, (one, other): (LocalId, LocalId)) -> Result<(), Violation> {
        let key = u64::from(one) << 32 | u64::from(other);
        if self.agreed.get(key).is_some() {
            return Ok(());
        }
        if let (Some(one), Some(other)) = (self.summary(one), self.summary(other)) {
            properties::check_pair(one, other)?;
        }
        self.agreed.insert(key, 0);
        Ok(())
    }

    /// What comes of something that happens to a process at the moment after so many steps of time.
    ///
    /// # Errors
    /// When the role broke a rule of its host.
    pub(crate) fn step(
        &mut self,
        id: LocalId,
        cause: Cause,
        time: u16,
    ) -> Result<(LocalId, Rc<[Effect]>), String> {
        let cause_id = self.cause_id(cause, time);
        let key = u64::from(id) << 32 | u64::from(cause_id);
        if let Some(outcome) = self.outcome_ids.get(key) {
            let outcome = &self.outcomes[outcome as usize];
            return Ok((outcome.next, outcome.effects.clone()));
        }
        let mut local = self.local(id).clone();
        let stimulus = self.stimulus(cause);
        let wishes = local.step(scope::moment(time), stimulus)?;
        let effects: Rc<[Effect]> = wishes.into_iter().map(|w| self.effect(w)).collect();
        let next = self.enter(local);
        self.outcome_ids.insert(key, self.outcomes.len() as u32);
        self.outcomes.push(Outcome { next, effects: effects.clone() });
        Ok((next, effects))
    }

    fn cause_id(&mut self, cause: Cause, time: u16) -> u32 {
        let (kind, slot, item) = match cause {
            Cause::Start => (1, 0, 0),
            Cause::Accepted(slot) => (2, slot, 0),
            Cause::Connected(slot) => (3, slot, 0),
            Cause::Received(slot, item) => (4, slot, item),
            Cause::Closed(slot) => (5, slot, 0),
            Cause::Persisted => (6, 0, 0),
            Cause::PersistFailed => (7, 0, 0),
            Cause::Wake => (8, 0, 0),
        };
        let (kind, slot) = (u64::from(kind as u8), u64::from(slot));
        let key = kind << 56 | slot << 48 | u64::from(time) << 32 | u64::from(item);
        let next = self.causes.len() as u32;
        self.causes.insert(key, next);
        self.causes.get(key).unwrap_or(next)
    }

    fn stimulus(&self, cause: Cause) -> Stimulus {
        match cause {
            Cause::Start => Stimulus::Start,
            Cause::Accepted(slot) => Stimulus::Accepted(slot),
            Cause::Connected(slot) => Stimulus::Connected(slot),
            Cause::Received(slot, item) => Stimulus::Received(slot, self.frame(item).clone()),
            Cause::Closed(slot) => Stimulus::Closed(slot),
            Cause::Persisted => Stimulus::Persisted,
            Cause::PersistFailed => Stimulus::PersistFailed,
            Cause::Wake => Stimulus::Wake,
        }
    }

    fn effect(&mut self, wish: Wish) -> Effect {
        match wish {
            Wish::Dial(slot, to) => Effect::Dial(slot, to),
            Wish::Send(slot, message) => Effect::Send(slot, self.frame_id(message)),
            Wish::Close(slot) => Effect::Close(slot),
            Wish::Persist(record) => Effect::Persist(self.record_id(&record)),
        }
    }

    // ---- frames and records ----

    /// The number of a frame.
    pub(crate) fn frame_id(&mut self, message: Message) -> ItemId {
        let fingerprint = xxh3_64(format!("{message:?}").as_bytes());
        if let Some(id) = self.frame_ids.get(fingerprint) {
            return id;
        }
        let id = FIRST_FRAME + self.frames.len() as ItemId;
        self.frames.push(message);
        self.frame_ids.insert(fingerprint, id);
        id
    }

    /// The number of a frame that is made again and again; `of` says which one it is.
    pub(crate) fn usual(&mut self, of: Usual, make: impl FnOnce(&Self) -> Message) -> ItemId {
        let key = of.key();
        if let Some(id) = self.usual.get(key) {
            return id;
        }
        let message = make(self);
        let id = self.frame_id(message);
        self.usual.insert(key, id);
        id
    }

    /// The frame of that number.
    pub(crate) fn frame(&self, id: ItemId) -> &Message {
        &self.frames[(id - FIRST_FRAME) as usize]
    }

    /// The frame of that number; `None` for what is no frame.
    pub(crate) fn known(&self, id: ItemId) -> Option<&Message> {
        self.frames.get(id.checked_sub(FIRST_FRAME)? as usize)
    }

    fn record_id(&mut self, text: &str) -> RecordId {
        if let Some(id) = self.record_ids.get(text) {
            return *id;
        }
        let record = rm::Record::from_text(text).expect("the RM reads what it writes");
        self.records.push(text.to_owned());
        self.views.push(record.view);
        let id = self.records.len() as RecordId;
        self.record_ids.insert(text.to_owned(), id);
        id
    }

    /// The text of a record; `None` for no record.
    pub(crate) fn record(&self, id: RecordId) -> Option<&str> {
        let index = (id as usize).checked_sub(1)?;
        Some(&self.records[index])
    }

    /// The view in a record.
    pub(crate) fn view(&self, id: RecordId) -> Option<&View> {
        let index = (id as usize).checked_sub(1)?;
        Some(&self.views[index])
    }
}
