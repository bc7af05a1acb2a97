//! A trace to read: what each process gets, sends and says, in the order in which it happened.
//!
//! Heartbeats are left out, and so are turns in which nothing happens.

use node::{Event, Stream};
use wire::Message;

use crate::{Seen, Sight, Watcher, World};

/// Prints each line as it happens, through `print`.
pub struct Tracer<P> {
    print: P,
}

impl<P: FnMut(String)> Tracer<P> {
    /// A tracer.
    pub fn new(print: P) -> Self {
        Self { print }
    }
}

fn is_heartbeat(message: &Message) -> bool {
    matches!(message, Message::Heartbeat { .. })
}

fn is_dull(event: &Event) -> bool {
    let heartbeat = matches!(event, Event::HeartbeatSent { .. } | Event::HeartbeatReceived { .. });
    heartbeat || event.stream() == Stream::Detail && matches!(event, Event::Connected { .. })
}

impl<P: FnMut(String)> Watcher for Tracer<P> {
    fn name(&self) -> &'static str {
        "trace"
    }

    fn see(&mut self, sight: &Sight<'_>, _world: &World) -> Result<(), String> {
        let what = match &sight.what {
            Seen::Started => "started".to_owned(),
            Seen::LaunchedTwice { .. } => "launched although it runs".to_owned(),
            Seen::Ended(how) => format!("ended: {how}"),
            Seen::Received { conn, from, message } if !is_heartbeat(message) => {
                format!("<- {} {conn} {message}", from.0)
            }
            Seen::Sent { conn, message } if !is_heartbeat(message) => {
                format!("-> {conn} {message}")
            }
            Seen::Noted(event) if !is_dull(event) => format!("   {event}"),
            Seen::Persisted(_) => "persisted".to_owned(),
            Seen::Done(what) => format!("*** {what} ***"),
            _ => return Ok(()),
        };
        (self.print)(format!("{:>12?} {:>5}/{} {what}", sight.at, sight.who, sight.pid));
        Ok(())
    }
}
