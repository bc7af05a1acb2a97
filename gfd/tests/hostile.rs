//! Whatever arrives, in whatever order, from whomever: the GFD does not panic, keeps its host's
//! rules, answers with a bounded number of frames, and holds a bounded amount.

use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::{Addressee, Bound, Host, Play, config, plays_for, torment};
use gfd::{Config, GlobalFaultDetector};
use node::Conn;
use proptest::prelude::*;
use wire::{Change, Message};

/// The most outputs to one input: the RM that comes back hears a report for each server known.
const OUTPUTS: usize = 300;
/// 256 servers are remembered, each with the last report of it.
const BOUND: Bound = Bound { alone: 10_000, each: 2_000 };

fn gfd() -> Host<GlobalFaultDetector> {
    let role = GlobalFaultDetector::new(Config {
        name: "GFD".parse().expect("a name"),
        rm: SocketAddr::from(([127, 0, 0, 110], 8003)),
        heartbeat_period: Duration::from_millis(500),
        heartbeat_timeout: Duration::from_secs(1),
    });
    Host::start(role, OUTPUTS).expect("it starts")
}

/// A GFD with three LFDs, and with an RM if that is wanted: it is what was dialled first.
fn watching(with_rm: bool) -> Host<GlobalFaultDetector> {
    let mut host = gfd();
    if with_rm {
        host.open_all().expect("the RM is there");
    }
    for number in 1..=3_u64 {
        host.play(&Play::Accept(number as u16)).expect("it accepts");
        let from = format!("LFD{number}").parse().expect("a name");
        let server = format!("S{number}").parse().expect("a name");
        let conn = Conn(2 * number - 1);
        let hello = Message::Hello { from, server: Some(server) };
        let report = Message::Membership { from, server, change: Change::Add(None) };
        for message in [hello, report] {
            host.frame(conn, &message).expect("it listens");
        }
    }
    host
}

proptest! {
    #![proptest_config(config(300, "tests/hostile.proptest-regressions"))]

    #[test]
    fn a_gfd_that_has_just_started(plays in plays_for(Addressee::Gfd, 1..150)) {
        torment(&mut gfd(), &plays, BOUND)?;
    }

    #[test]
    fn a_gfd_with_lfds(plays in plays_for(Addressee::Gfd, 1..150), with_rm in any::<bool>()) {
        torment(&mut watching(with_rm), &plays, BOUND)?;
    }
}

proptest! {
    #![proptest_config(config(20, "tests/hostile.proptest-regressions"))]

    /// What is held does not grow with what was heard.
    #[test]
    fn a_gfd_that_hears_nonsense_for_long(plays in plays_for(Addressee::Gfd, 2000)) {
        torment(&mut watching(true), &plays, BOUND)?;
    }
}
