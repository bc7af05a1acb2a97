//! A trace to read: what each process gets, sends and says, in the order in which it happened.
//!
//! Heartbeats are left out, and so are turns in which nothing happens.

use node::{Event, Stream};
use wire::Message;

use crate::columns::Columns;
use crate::{Seen, Sight, Watcher, World};

/// Prints each thing as it happens, through `print`.
pub struct Tracer<P> {
    columns: Columns,
    print: P,
}

impl<P: FnMut(&str)> Tracer<P> {
    /// A tracer.
    pub fn new(columns: Columns, print: P) -> Self {
        Self { columns, print }
    }
}

fn is_heartbeat(message: &Message) -> bool {
    matches!(message, Message::Heartbeat { .. })
}

fn is_dull(event: &Event) -> bool {
    let heartbeat = matches!(event, Event::HeartbeatSent { .. } | Event::HeartbeatReceived { .. });
    heartbeat || event.stream() == Stream::Detail && matches!(event, Event::Connected { .. })
}

impl<P: FnMut(&str)> Watcher for Tracer<P> {
    fn name(&self) -> &'static str {
        "trace"
    }

    fn see(&mut self, sight: &Sight<'_>, _world: &World) -> Result<(), String> {
        let what = match &sight.what {
            Seen::Started => format!("started, process {}", sight.pid),
            Seen::LaunchedTwice { .. } => "launched although it runs".to_owned(),
            Seen::Ended(how) => format!("ended: {how}"),
            Seen::Received { conn, from, message } if !is_heartbeat(message) => {
                format!("< {} {conn} {message}", from.0)
            }
            Seen::Sent { conn, message } if !is_heartbeat(message) => {
                format!("> {conn} {message}")
            }
            Seen::Noted(event) if !is_dull(event) => event.to_string(),
            Seen::Persisted(_) => "persisted".to_owned(),
            Seen::Done(what) => format!("*** {what} ***"),
            _ => return Ok(()),
        };
        if let Some(text) = self.columns.text(sight.at, sight.who, &what) {
            (self.print)(&text);
        }
        Ok(())
    }
}
