//! Whatever arrives, in whatever order, from the server and from the GFD, and whatever becomes of
//! the processes that it launches: the LFD does not panic, keeps its host's rules (it ends nothing
//! that it neither launched nor adopted), and holds a bounded amount.

use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::{Addressee, Bound, Host, config, plays_for, torment};
use lfd::{Config, LocalFaultDetector};
use proptest::prelude::*;

/// The most outputs to one input.
const OUTPUTS: usize = 20;
/// It watches one server and has two connections.
const BOUND: Bound = Bound { alone: 3_000, each: 500 };

fn lfd() -> Host<LocalFaultDetector> {
    let role = LocalFaultDetector::new(Config {
        name: "LFD1".parse().expect("a name"),
        server: "S1".parse().expect("a name"),
        server_address: SocketAddr::from(([127, 0, 0, 101], 8003)),
        gfd: SocketAddr::from(([127, 0, 0, 110], 8000)),
        heartbeat_period: Duration::from_millis(500),
        heartbeat_timeout: Duration::from_secs(1),
        hung_grace: Duration::from_secs(2),
    });
    Host::start(role, OUTPUTS).expect("it starts")
}

/// An LFD that is connected to its server and to the GFD.
fn connected() -> Host<LocalFaultDetector> {
    let mut host = lfd();
    host.open_all().expect("both are there");
    host
}

proptest! {
    #![proptest_config(config(300, "tests/hostile.proptest-regressions"))]

    #[test]
    fn an_lfd_that_has_just_started(plays in plays_for(Addressee::Lfd, 1..150)) {
        torment(&mut lfd(), &plays, BOUND)?;
    }

    #[test]
    fn an_lfd_that_is_connected(plays in plays_for(Addressee::Lfd, 1..150)) {
        torment(&mut connected(), &plays, BOUND)?;
    }
}

proptest! {
    #![proptest_config(config(20, "tests/hostile.proptest-regressions"))]

    /// What is held does not grow with what was heard.
    #[test]
    fn an_lfd_that_hears_nonsense_for_long(plays in plays_for(Addressee::Lfd, 2000)) {
        torment(&mut connected(), &plays, BOUND)?;
    }
}
