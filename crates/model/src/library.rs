//! The library: every state that a process was ever in, every frame, and what came of what.
//!
//! A role is a pure function, so the same input to the same state is played once, by the role that
//! ships, and looked up after that. That is what makes many millions of worlds affordable: a world
//! is a few dozen numbers, and a step of it mostly a look-up.
//!
//! Guarantees: nothing is made up. Each state in here was reached by a role, from its start, through
//! inputs that the world gave it. Looking up changes nothing, so several threads may do it at once;
//! who may add is `access`.

use std::collections::BTreeMap;
use std::ops::Range;

use wire::{Message, View};
use xxhash_rust::xxh3::xxh3_64;

use crate::local::{Local, Slot, Stimulus, Wish};
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

impl Cause {
    /// Different for everything that can happen at any moment.
    const fn key(self, time: u16) -> u64 {
        let (kind, slot, item) = match self {
            Self::Start => (1, 0, 0),
            Self::Accepted(slot) => (2, slot, 0),
            Self::Connected(slot) => (3, slot, 0),
            Self::Received(slot, item) => (4, slot, item),
            Self::Closed(slot) => (5, slot, 0),
            Self::Persisted => (6, 0, 0),
            Self::PersistFailed => (7, 0, 0),
            Self::Wake => (8, 0, 0),
        };
        (kind as u64) << 56 | (slot as u64) << 48 | (time as u64) << 32 | item as u64
    }
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
    /// A client's question to the RM.
    Asks,
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
            Self::Asks => (7, 0, 0, 0),
        };
        kind << 56 | c << 48 | b << 40 | a
    }
}

/// A process that has not started yet, by what makes it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Newborn {
    /// That run of that server.
    Server(usize, u8),
    /// The RM with that record.
    Manager(RecordId),
}

impl Newborn {
    const fn key(self) -> u64 {
        match self {
            Self::Server(server, run) => (server as u64) << 8 | run as u64,
            Self::Manager(record) => 1 << 32 | record as u64,
        }
    }
}

/// What came of something: the state after it, and the numbers of the effects, in order.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) next: LocalId,
    pub(crate) effects: Range<u32>,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) scope: Scope,
    locals: Vec<(Local, Option<Summary>)>,
    local_ids: Table,
    newborns: Table,
    frames: Vec<Message>,
    frame_ids: Table,
    /// Frames that are made again and again, by what they are made of.
    usual: Table,
    records: Vec<String>,
    views: Vec<View>,
    record_ids: BTreeMap<String, RecordId>,
    outcomes: Vec<Outcome>,
    effects: Vec<Effect>,
    causes: Table,
    /// By state, cause and moment.
    outcome_ids: Table,
}

impl Library {
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            scope,
            locals: Vec::new(),
            local_ids: Table::new(),
            newborns: Table::new(),
            frames: Vec::new(),
            frame_ids: Table::new(),
            usual: Table::new(),
            records: Vec::new(),
            views: Vec::new(),
            record_ids: BTreeMap::new(),
            outcomes: Vec::new(),
            effects: Vec::new(),
            causes: Table::new(),
            outcome_ids: Table::new(),
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

    /// The state of a process that has not started yet, if there was one like it before.
    pub(crate) fn newborn(&self, of: Newborn) -> Option<LocalId> {
        self.newborns.get(of.key())
    }

    /// Keeps a process that has not started yet.
    pub(crate) fn keep_newborn(&mut self, of: Newborn, local: Local) -> LocalId {
        let id = self.enter(local);
        self.newborns.insert(of.key(), id);
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

    // ---- what comes of what ----

    /// What is known to come of something that happens to a process at the moment after so many
    /// steps of time; `None` if that has not happened yet.
    pub(crate) fn outcome(&self, id: LocalId, cause: Cause, time: u16) -> Option<Outcome> {
        let cause = self.causes.get(cause.key(time))?;
        let outcome = self.outcome_ids.get(u64::from(id) << 32 | u64::from(cause))?;
        Some(self.outcomes[outcome as usize].clone())
    }

    /// The effect of that number.
    pub(crate) fn effect(&self, number: u32) -> Effect {
        self.effects[number as usize]
    }

    /// Has a role play what happens to a process.
    ///
    /// # Errors
    /// When the role broke a rule of its host.
    pub(crate) fn play(&mut self, id: LocalId, cause: Cause, time: u16) -> Result<Outcome, String> {
        let mut local = self.local(id).clone();
        let stimulus = self.stimulus(cause);
        let wishes = local.step(scope::moment(time), stimulus)?;
        let first = self.effects.len() as u32;
        for wish in wishes {
            let effect = self.effect_of(wish);
            self.effects.push(effect);
        }
        let next = self.enter(local);
        let outcome = Outcome { next, effects: first..self.effects.len() as u32 };
        let key = u64::from(id) << 32 | u64::from(self.cause_id(cause, time));
        self.outcome_ids.insert(key, self.outcomes.len() as u32);
        self.outcomes.push(outcome.clone());
        Ok(outcome)
    }

    /// Forgets what comes of what, because the rules are other ones from now on.
    pub(crate) fn forget_outcomes(&mut self) {
        self.outcome_ids = Table::new();
    }

    fn cause_id(&mut self, cause: Cause, time: u16) -> u32 {
        let (key, next) = (cause.key(time), self.causes.len() as u32);
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

    fn effect_of(&mut self, wish: Wish) -> Effect {
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

    /// The number of a frame that is made again and again, if it was made before.
    pub(crate) fn usual(&self, of: Usual) -> Option<ItemId> {
        self.usual.get(of.key())
    }

    /// Keeps a frame that will be made again and again.
    pub(crate) fn keep_usual(&mut self, of: Usual, message: Message) -> ItemId {
        let id = self.frame_id(message);
        self.usual.insert(of.key(), id);
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
