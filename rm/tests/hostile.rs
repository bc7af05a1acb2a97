//! Whatever arrives, in whatever order, from whomever: the RM does not panic, keeps its host's
//! rules, answers with a bounded number of frames, and holds a bounded amount.
//!
//! The RM's own assertions stay on: no epoch comes twice, and nobody is told of a view that is not
//! on disk, whatever a GFD may claim.

use std::time::Duration;

use arbitrary::{Addressee, Bound, Host, Play, config, plays_for, torment};
use node::Conn;
use proptest::prelude::*;
use rm::{Config, OnTotalLoss, ReplicationManager};
use wire::{
    Change, ClusterId, Epoch, Incarnation, Message, Mode, NodeName, Phase, ReplicaName, Reported,
};

/// The most outputs to one input: an order and a note for each server known, and a view for each
/// client.
const OUTPUTS: usize = 200;
/// Of near names there are seven; a far one costs a few hundred bytes, and 256 are remembered. A
/// client costs what it asked, and a view that it is told.
const BOUND: Bound = Bound { alone: 20_000, each: 2_000 };

fn rm(mode: Mode) -> Host<ReplicationManager> {
    let config = Config {
        name: "RM".parse().expect("a name"),
        mode,
        fresh: false,
        fresh_cluster: ClusterId(1),
        prefer: Some("S2".parse().expect("a name")),
        on_total_loss: OnTotalLoss::Restart,
        force_unclean: None,
        heartbeat_timeout: Duration::from_secs(1),
        grace: Duration::from_secs(1),
        hold_down: Duration::from_secs(5),
        stable_before_failback: Duration::from_secs(2),
    };
    let role = ReplicationManager::new(config, None).expect("no record cannot be wrong");
    Host::start(role, OUTPUTS).expect("it starts")
}

/// The GFD's report of a server that has just started, in the run of that number.
fn add(server: u8, run: u64, (cluster, epoch, phase): (u64, u64, Phase)) -> Message {
    let from: NodeName = "GFD".parse().expect("a name");
    let server_name: ReplicaName = format!("S{server}").parse().expect("a name");
    let alive = Reported {
        incarnation: Incarnation(run),
        address: ([127, 0, 0, 100 + server], 8000).into(),
        cluster: ClusterId(cluster),
        epoch: Epoch(epoch),
        phase,
    };
    Message::Membership { from, server: server_name, change: Change::Add(Some(alive)) }
}

/// An RM that a GFD has told of S1 and S2, and that has made its first view.
fn begun(mode: Mode) -> Host<ReplicationManager> {
    let mut host = rm(mode);
    let gfd: NodeName = "GFD".parse().expect("a name");
    host.play(&Play::Accept(3)).expect("it accepts");
    let said = [
        Message::Hello { from: gfd, server: None },
        add(1, 1, (0, 0, Phase::Joiner)),
        add(2, 1, (0, 0, Phase::Joiner)),
    ];
    for message in &said {
        host.frame(Conn(1), message).expect("it listens");
    }
    for _ in 0..5 {
        let count = 1;
        let beat = Message::Heartbeat {
            from: gfd,
            to: "RM".parse().expect("a name"),
            count,
            health: None,
        };
        host.frame(Conn(1), &beat).expect("it listens");
        for play in [Play::Settle, Play::Time(Duration::from_millis(400)), Play::Disk(true)] {
            host.play(&play).expect("it goes on");
        }
    }
    let primary = add(1, 1, (1, 1, Phase::Primary));
    host.frame(Conn(1), &primary).expect("it listens");
    host.play(&Play::Settle).expect("it settles");
    host
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Active), Just(Mode::Passive)]
}

proptest! {
    #![proptest_config(config(300, "tests/hostile.proptest-regressions"))]

    #[test]
    fn an_rm_that_has_just_started(
        plays in plays_for(Addressee::Rm, 1..150),
        mode in mode(),
    ) {
        torment(&mut rm(mode), &plays, BOUND)?;
    }

    #[test]
    fn an_rm_that_has_made_a_view(plays in plays_for(Addressee::Rm, 1..150), mode in mode()) {
        torment(&mut begun(mode), &plays, BOUND)?;
    }
}

proptest! {
    #![proptest_config(config(20, "tests/hostile.proptest-regressions"))]

    /// What is held does not grow with what was heard.
    #[test]
    fn an_rm_that_hears_nonsense_for_long(plays in plays_for(Addressee::Rm, 2000), mode in mode()) {
        torment(&mut begun(mode), &plays, BOUND)?;
    }
}

/// The opening leads where it says; else the tests would be about less than they claim.
#[test]
fn the_opening_leads_where_it_says() {
    for mode in [Mode::Active, Mode::Passive] {
        let host = begun(mode);
        let view = host.role().facts().view.clone().expect("a view");
        assert_eq!((view.epoch, view.mode, view.members.len()), (Epoch(1), mode, 1));
    }
}
