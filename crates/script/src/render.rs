//! Outputs as lines.

use bytes::BytesMut;
use node::{Conn, Event, Output};
use wire::Message;

/// One output, as it stands in a script: frames in their text form, events with their fields.
pub(crate) fn line(output: &Output) -> String {
    match output {
        Output::Dial(conn, address) => format!("dial {conn} {address}"),
        Output::Send(conn, message) => format!("{conn} <- {}", text(message)),
        Output::SendMany(conns, messages) => {
            let lines = messages.iter().map(|m| format!("{} <- {}", list(conns), text(m)));
            lines.collect::<Vec<_>>().join("\n")
        }
        Output::Close(conn) => format!("close {conn}"),
        Output::Pause(conn) => format!("pause {conn}"),
        Output::Resume(conn) => format!("resume {conn}"),
        Output::Launch(server) => format!("launch {server}"),
        Output::Adopt(pid) => format!("adopt {pid}"),
        Output::Kill(pid) => format!("kill {pid}"),
        Output::Persist(record) => {
            let lines: Vec<String> = record.lines().map(|l| format!("\n  | {l}")).collect();
            format!("persist{}", lines.concat())
        }
        Output::Note(event) => format!("note {event:?}"),
        Output::Exit(code) => format!("exit {code}"),
    }
}

/// Whether this is a heartbeat, or says that one went or came.
pub(crate) fn is_heartbeat(output: &Output) -> bool {
    match output {
        Output::Send(_, message) => matches!(message, Message::Heartbeat { .. }),
        Output::Note(event) => {
            matches!(event, Event::HeartbeatSent { .. } | Event::HeartbeatReceived { .. })
        }
        _ => false,
    }
}

fn text(message: &Message) -> String {
    let mut target = BytesMut::new();
    wire::encode(message, &mut target);
    String::from_utf8_lossy(&target).into_owned()
}

fn list(conns: &[Conn]) -> String {
    let all: Vec<String> = conns.iter().map(Conn::to_string).collect();
    all.join(" ")
}
