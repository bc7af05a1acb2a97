//! What a GFD remembers is bounded.

use std::net::SocketAddr;
use std::time::Duration;

use gfd::{Config, GlobalFaultDetector};
use node::{Conn, Input, Output, Role, Time};
use wire::{ErrorCode, Message};

fn hello(number: u64) -> Input {
    let from = format!("LFD{number}").parse().expect("a name");
    let server = Some(format!("S{number}").parse().expect("a name"));
    Input::Received(Conn(2 * number + 1), Message::Hello { from, server })
}

#[test]
fn a_257th_server_is_refused_and_those_known_are_not() {
    let mut gfd = GlobalFaultDetector::new(Config {
        name: "GFD".parse().expect("a name"),
        rm: SocketAddr::from(([127, 0, 0, 110], 8003)),
        heartbeat_period: Duration::from_secs(1),
        heartbeat_timeout: Duration::from_secs(2),
    });
    let mut out = Vec::new();
    for number in 0..256 {
        gfd.handle(Time::ZERO, hello(number), &mut out);
    }
    let overrun = |out: &[Output]| {
        out.iter().any(|output| {
            matches!(output, Output::Send(_, Message::Error { code: ErrorCode::Overrun, .. }))
        })
    };
    assert!(!overrun(&out));

    gfd.handle(Time::ZERO, hello(256), &mut out);
    assert!(overrun(&out));
    assert_eq!(out.last(), Some(&Output::Close(Conn(513))));

    out.clear();
    gfd.handle(Time::ZERO, Input::Closed(Conn(15)), &mut out);
    gfd.handle(Time::ZERO, hello(7), &mut out);
    assert!(!overrun(&out), "its server is known");
}
