//! What an Ivy process needs for an operation on a page that it may use, without sockets: nothing is
//! sent, and it is aimed at less than a microsecond. `cargo bench -p client`.
//!
//! A turn is a typed `work` of 4000 operations, with all that is said of each.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::time::Duration;

use client::ivy::{Config, Process};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use node::{Conn, Input, Output, Peer, Role as _, Time};

/// A little fewer than a process does at most in one turn.
const TURN: u64 = 4000;
const RM: &str = "127.0.0.110:8006";
const RM_LINK: Conn = Conn(2);
const MANAGER: &str = "127.0.0.101:8000";
const MANAGER_LINK: Conn = Conn(4);

fn tell(process: &mut Process, input: Input) {
    process.handle(Time::ZERO, input, &mut Vec::new());
}

fn open(process: &mut Process, conn: Conn, remote: &str) {
    let remote = remote.parse().expect("an address");
    tell(process, Input::Opened(conn, Peer { remote, door: None }));
}

fn hear(process: &mut Process, conn: Conn, frames: &str) {
    for message in script::frames(frames).expect("good frames") {
        tell(process, Input::Received(conn, message));
    }
}

/// A process that owns page 1.
fn owner() -> Process {
    let mut process = Process::new(Config {
        name: "P1".parse().expect("a name"),
        rm: RM.parse().expect("an address"),
        address: "127.0.0.110:8011".parse().expect("an address"),
        nonce: 100,
        round: Duration::from_secs(2),
    });
    tell(&mut process, Input::Start);
    open(&mut process, RM_LINK, RM);
    hear(&mut process, RM_LINK, "<P1,passive,S1,9,1,S1,S1/11/127.0.0.101:8000,ready>");
    open(&mut process, MANAGER_LINK, MANAGER);
    hear(&mut process, MANAGER_LINK, "<P1,S1,100,5,registered><P1,S1,1,17 2 Attached,5,reply>");
    tell(&mut process, Input::Line("writePage P1 mine".to_owned()));
    let forward = "<P1,S1,1 1 P1 101 127.0.0.110:8011 6 WriteForward,notice>";
    hear(&mut process, MANAGER_LINK, forward);
    hear(&mut process, MANAGER_LINK, "<P1,S1,3,1 1 9 Done,5,reply>");
    process
}

fn local(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ivy, an operation without a message");
    group.throughput(Throughput::Elements(TURN));
    for kind in ["read", "write"] {
        group.bench_function(kind, |bencher| {
            let mut process = owner();
            let mut out: Vec<Output> = Vec::new();
            bencher.iter(|| {
                out.clear();
                let line = format!("work {kind} {TURN} 1 1");
                process.handle(Time::ZERO, Input::Line(line), &mut out);
                assert!(process.is_idle(), "all of it is local");
            });
            assert!(!out.iter().any(|output| matches!(output, Output::Send(..))));
        });
    }
    group.finish();
}

criterion_group!(benches, local);
criterion_main!(benches);
