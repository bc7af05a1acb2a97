//! The scenarios of the documents and of this suite.

/// What the processes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// P3 does one thing with page 1, which P1 owns.
    One(&'static str),
    /// All at once: so many operations of this kind together, each process its share, one after the
    /// other, on the pages that all have written together.
    Random(&'static str, u64),
    /// One process after the other: each a few requests, until all faults are over.
    Turns,
    /// All write page 1 at once, then all read it.
    Storm,
    /// P2 dies with a page that nobody else has, and with one of which P1 has a copy.
    Death,
}

/// What is killed meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The acting primary manager.
    Primary,
    /// A backup of it.
    Backup,
}

/// One scenario.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) processes: usize,
    /// How many pages each process has written before it begins.
    pub(super) own: u32,
    pub(super) load: Load,
    pub(super) faults: &'static [Fault],
    /// Whether the last fault is waited for until the preferred primary is the primary again.
    pub(super) back: bool,
}

const NONE: &[Fault] = &[];

const fn quiet(
    name: &'static str,
    description: &'static str,
    processes: usize,
    own: u32,
    load: Load,
) -> Scenario {
    Scenario { name, description, processes, own, load, faults: NONE, back: false }
}

const fn turns(
    name: &'static str,
    description: &'static str,
    faults: &'static [Fault],
    back: bool,
) -> Scenario {
    Scenario { name, description, processes: 10, own: 1, load: Load::Turns, faults, back }
}

use Fault::{Backup, Primary};

/// All of them.
pub(super) const SCENARIOS: [Scenario; 14] = [
    quiet("r", "P3 wants to read page 1", 3, 1, Load::One("readPage P1")),
    quiet("w", "P3 wants to write page 1", 3, 1, Load::One("writePage P1 three")),
    quiet("reads", "100 reads of random pages by 10 processes", 10, 10, Load::Random("read", 100)),
    quiet(
        "writes",
        "100 writes of random pages by 10 processes",
        10,
        10,
        Load::Random("write", 100),
    ),
    quiet(
        "mixed",
        "1000 reads and writes of 10 pages by 10 processes",
        10,
        1,
        Load::Random("mixed", 1000),
    ),
    turns("turns", "ten processes in turn, page i owned by Pi, no fault", NONE, false),
    turns("turns-kill", "the same; the primary manager is killed at some time", &[Primary], false),
    turns("turns-back", "the same; it is killed, and comes back as the primary", &[Primary], true),
    turns(
        "turns-repeat",
        "the same; the primary manager is killed ten times",
        &[Primary; 10],
        true,
    ),
    turns("turns-backup", "the same; a backup manager is killed", &[Backup], false),
    turns(
        "turns-both",
        "the same; primary and backup are killed in turn",
        &[Primary, Backup, Primary, Backup, Primary, Backup],
        true,
    ),
    quiet("storm", "20 processes write page 1 at once, then all read it", 20, 1, Load::Storm),
    Scenario {
        name: "load-kill",
        description: "ten processes at full speed; the primary manager is killed five times",
        processes: 10,
        own: 1,
        load: Load::Random("mixed", 40_000),
        faults: &[Primary; 5],
        back: false,
    },
    quiet(
        "death",
        "P2 dies with one page that nobody else has, and one that P1 has, too",
        3,
        1,
        Load::Death,
    ),
];
