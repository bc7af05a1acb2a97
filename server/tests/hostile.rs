//! Whatever arrives, in whatever order, from whomever: a server does not panic, keeps its host's
//! rules, answers with a bounded number of frames, and takes no more memory than it was sent.
//!
//! A frame of a peer that lies is the peer's fault; the assertions that stay on in release are only
//! about faults of our own.

use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::{Host, Play, config, plays};
use bytes::Bytes;
use node::Conn;
use proptest::prelude::*;
use server::service::Status;
use server::{Config, Replica};
use wire::{
    ClusterId, Entry, Epoch, Incarnation, Member, Message, Mode, Op, Sequence, SessionId, View,
};

/// The most outputs to one input. Each of 4,160 waiting requests may be answered in one.
const OUTPUTS: usize = 400;
/// What a server that nobody spoke to takes, and what each connection may cost.
const SIZE: usize = 60_000;

fn server() -> Replica<Status> {
    let config = Config {
        name: "S1".parse().expect("a name"),
        incarnation: Incarnation(1),
        pid: 7,
        address: address(101),
        checkpoint_period: Duration::from_secs(1),
        ack_timeout: Duration::from_millis(250),
        peer_timeout: Duration::from_secs(1),
        frame_limit: 1000,
        narrate: true,
        audit: true,
    };
    Replica::new(config, Status::default())
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, last], 8000))
}

fn view(epoch: u64, mode: Mode, primary: &str, members: &[&str]) -> View {
    let member = |(place, name): (usize, &&str)| Member {
        name: name.parse().expect("a name"),
        incarnation: Incarnation(1),
        address: address(101 + place as u8),
    };
    View {
        cluster: ClusterId(1),
        epoch: Epoch(epoch),
        mode,
        primary: primary.parse().expect("a name"),
        members: members.iter().enumerate().map(member).collect(),
    }
}

/// A server and what has happened to it before.
struct Opening {
    host: Host<Replica<Status>>,
}

impl Opening {
    fn new() -> Self {
        Self { host: Host::start(server(), OUTPUTS).expect("it starts") }
    }

    /// A connection is accepted, and says something.
    fn accept(&mut self, conn: u64, frames: impl IntoIterator<Item = Message>) {
        self.host.play(&Play::Accept(0)).expect("it accepts");
        self.hear(conn, frames);
    }

    fn hear(&mut self, conn: u64, frames: impl IntoIterator<Item = Message>) {
        for frame in frames {
            self.host.frame(Conn(conn), &frame).expect("it listens");
            self.host.play(&Play::Settle).expect("it settles");
        }
    }

    /// A member alone, with a little in its log.
    fn leading(mode: Mode) -> Self {
        let mut opening = Self::new();
        let heartbeat = Message::Heartbeat {
            from: "LFD1".parse().expect("a name"),
            to: "S1".parse().expect("a name"),
            count: 1,
            health: None,
        };
        opening.accept(1, [heartbeat, ready(view(1, mode, "S1", &["S1"]))]);
        let request = |number: u64| Message::Request {
            client: "C1".parse().expect("a name"),
            server: "S1".parse().expect("a name"),
            number: number.into(),
            body: Bytes::from_static(b"hello"),
            session: None,
        };
        opening.accept(3, [request(1), request(2)]);
        opening
    }

    /// A member that led before and now follows, with a little in its log.
    fn following(mode: Mode) -> Self {
        let mut opening = Self::leading(mode);
        let view = view(2, mode, "S2", &["S1", "S2"]);
        opening.hear(1, [ready(view.clone())]);
        let from = "S2".parse().expect("a name");
        let sync = Message::Sync {
            from,
            to: "S1".parse().expect("a name"),
            incarnation: Incarnation(1),
            committed: Sequence(3),
            last: Sequence(4),
            view,
        };
        let op = Op::Request {
            client: "C2".parse().expect("a name"),
            session: SessionId(9),
            number: 1.into(),
            body: Bytes::from_static(b"x"),
        };
        let entry = Entry { sequence: Sequence(4), epoch: Epoch(2), op };
        opening.accept(5, [sync, Message::Append { from, epoch: Epoch(2), entry }]);
        opening
    }

    fn torment(mut self, plays: &[Play]) -> Result<(), TestCaseError> {
        let host = &mut self.host;
        for play in plays {
            host.play(play).map_err(TestCaseError::fail)?;
        }
        let most = SIZE + 40 * host.heard();
        prop_assert!(host.size() < most, "{} bytes after {} were heard", host.size(), host.heard());
        host.leave_alone(3).map_err(TestCaseError::fail)
    }
}

fn ready(view: View) -> Message {
    Message::Ready { server: "S1".parse().expect("a name"), role: None, view: Some(view) }
}

proptest! {
    #![proptest_config(config(300, "tests/hostile.proptest-regressions"))]

    #[test]
    fn a_server_that_has_just_started(plays in plays(120)) {
        Opening::new().torment(&plays)?;
    }

    #[test]
    fn a_primary(plays in plays(120), active in any::<bool>()) {
        Opening::leading(if active { Mode::Active } else { Mode::Passive }).torment(&plays)?;
    }

    #[test]
    fn a_backup(plays in plays(120), active in any::<bool>()) {
        Opening::following(if active { Mode::Active } else { Mode::Passive }).torment(&plays)?;
    }
}

/// The openings lead where they say; else the tests would be about less than they claim.
#[test]
fn the_openings_lead_where_they_say() {
    for mode in [Mode::Active, Mode::Passive] {
        let openings =
            [(Opening::leading(mode), "primary", 3), (Opening::following(mode), "backup", 4)];
        for (opening, phase, last) in openings {
            let probe = opening.host.role().probe();
            assert_eq!((probe.phase.as_str(), probe.executed.0, probe.last.0), (phase, 3, last));
        }
    }
}
