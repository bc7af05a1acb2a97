//! What Ivy's processes and managers say in their audit files.

use serde_json::{Map, Value};

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// These contents were read.
    Read(String),
    /// The page is written.
    Written,
    /// Nobody has ever written it.
    Never,
    /// It was lost with this process.
    Lost(String),
}

/// Something that Ivy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ivy {
    /// A process is known to the manager.
    Attached,
    /// A process begins an operation.
    Began {
        /// Its number.
        operation: u64,
        /// Whether it writes.
        writes: bool,
        /// Which page.
        page: u32,
        /// What it writes.
        contents: String,
    },
    /// An operation is over.
    Ended {
        /// Its number.
        operation: u64,
        /// Which page.
        page: u32,
        /// How.
        outcome: Outcome,
        /// Whether it needed no message.
        local: bool,
        /// How long it took.
        micros: u64,
    },
    /// Typed work is done.
    Worked {
        /// How many operations it had.
        operations: u64,
    },
    /// A message was sent, as a row of the trace.
    Row([String; 5]),
    /// The manager knows that an operation is over.
    Done,
    /// The primary manager is another one.
    ChangeCm(String),
    /// A primary manager is back.
    ImBack,
    /// The manager gave this process up.
    Gone(String),
    /// A page was lost with this process.
    Lost(u32, String),
    /// A process was given up and begins anew.
    Fenced,
    /// The heading of a process's table.
    Entries,
    /// A row of it: page, owner or not, and its access.
    Entry(u32, bool, String),
}

impl Ivy {
    /// Reads the fields of an event; `None` when one is missing.
    pub(crate) fn from_raw(event: &str, raw: &Map<String, Value>) -> Option<Self> {
        let number = |key: &str| raw.get(key)?.as_u64();
        let text = |key: &str| Some(raw.get(key)?.as_str()?.to_owned());
        let page = || u32::try_from(number("page")?).ok();
        Some(match event {
            "ivy_attached" => Self::Attached,
            "ivy_began" => Self::Began {
                operation: number("operation")?,
                writes: text("want")? == "Write",
                page: page()?,
                contents: text("contents")?,
            },
            "ivy_ended" => Self::Ended {
                operation: number("operation")?,
                page: page()?,
                outcome: match text("outcome")?.as_str() {
                    "read" => Outcome::Read(text("contents")?),
                    "written" => Outcome::Written,
                    "never" => Outcome::Never,
                    _ => Outcome::Lost(text("with")?),
                },
                local: raw.get("local")?.as_bool()?,
                micros: number("micros")?,
            },
            "ivy_worked" => Self::Worked { operations: number("operations")? },
            "ivy_sent" => Self::Row([
                text("kind")?,
                text("from")?,
                text("to")?,
                page()?.to_string(),
                text("requester")?,
            ]),
            "ivy_done" => Self::Done,
            "ivy_change_cm" => Self::ChangeCm(text("to")?),
            "ivy_im_back" => Self::ImBack,
            "ivy_gone" => Self::Gone(text("process")?),
            "ivy_lost" => Self::Lost(page()?, text("with")?),
            "ivy_fenced" => Self::Fenced,
            "ivy_entries" => Self::Entries,
            "ivy_entry" => Self::Entry(page()?, raw.get("owner")?.as_bool()?, text("access")?),
            _ => return None,
        })
    }
}
