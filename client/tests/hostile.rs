//! Whatever arrives, in whatever order, from servers and RMs that lie: a client does not panic,
//! keeps its host's rules, and holds a bounded amount.
//!
//! Not here: that it keeps its own side (windows, numbers, answers); see `whatever_arrives`.

use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::{Addressee, Bound, Host, config, plays_for, torment};
use client::{Client, Config, Source};
use proptest::prelude::*;

/// The most outputs to one input: what is unanswered goes to each of the servers that are named.
const OUTPUTS: usize = 60;
/// A window of requests, lines that wait, and a link to each server that the RM names.
const BOUND: Bound = Bound { alone: 10_000, each: 2_000 };

fn client(source: Source, short_form: bool) -> Host<Client> {
    let rm: SocketAddr = "127.0.0.110:8000".parse().expect("an address");
    let servers = ["S1", "S2", "S3"].map(|name| (name.parse().expect("a name"), rm));
    let role = Client::new(Config {
        name: "C1".parse().expect("a name"),
        rm,
        servers: servers.into_iter().collect(),
        nonce: 1,
        window: if short_form { 1 } else { 4 },
        source,
        retry: Duration::from_millis(200),
        // Longer than the tests let pass, so that it is not over before they are.
        round: Duration::from_secs(3600),
        short_form,
    });
    Host::start(role, OUTPUTS).expect("it starts")
}

fn source() -> impl Strategy<Value = Source> {
    let automatic = (0..300_u64).prop_map(|millis| Source::Automatic {
        message: "hello".into(),
        interval: Duration::from_millis(millis),
        count: 0,
    });
    prop_oneof![automatic, Just(Source::Keyboard)]
}

/// A client that has reached its RM.
fn asking(source: Source, short_form: bool) -> Host<Client> {
    let mut host = client(source, short_form);
    host.open_all().expect("the RM is there");
    host
}

proptest! {
    #![proptest_config(config(300, "tests/hostile.proptest-regressions"))]

    #[test]
    fn a_client(
        plays in plays_for(Addressee::Client, 1..150),
        source in source(),
        short_form in any::<bool>(),
    ) {
        torment(&mut asking(source, short_form), &plays, BOUND)?;
    }
}

proptest! {
    #![proptest_config(config(20, "tests/hostile.proptest-regressions"))]

    /// What is held does not grow with what was heard.
    #[test]
    fn a_client_that_hears_nonsense_for_long(
        plays in plays_for(Addressee::Client, 2000),
        source in source(),
    ) {
        torment(&mut asking(source, false), &plays, BOUND)?;
    }
}
