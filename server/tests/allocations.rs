//! The replica allocates nothing per request, neither as a primary nor as a backup. `--nocapture`
//! shows the counts.

#[path = "../benches/stage/mod.rs"]
mod stage;

use allocation_counter::measure;
use stage::{Backup, Primary};

const CLIENTS: u64 = 50;
const EACH: usize = 16;
const TURN: usize = EACH * CLIENTS as usize;
/// Turns before counting begins, so that tables and buffers have their size.
const WARM: usize = 50;
const COUNTED: usize = 50;
/// What is allowed: tables that grow now and then, but nothing for each request.
const ALLOWED: f64 = 0.02;

/// The allocations per request of what `work` counts over many turns.
fn per_request(what: &str, mut turn: impl FnMut() -> u64) -> f64 {
    for _ in 0..WARM {
        turn();
    }
    let count: u64 = (0..COUNTED).map(|_| turn()).sum();
    let each = count as f64 / (COUNTED * TURN) as f64;
    println!("{what}: {each:.3} allocations per request");
    each
}

#[test]
fn a_primary_orders_a_request() {
    let mut primary = Primary::new(CLIENTS);
    let each = per_request("primary, request to append", || {
        let requests = primary.requests(EACH);
        let count = measure(|| assert!(primary.stage.turn(requests) >= TURN)).count_total;
        primary.acknowledge();
        count
    });
    assert!(each <= ALLOWED, "{each}");
}

#[test]
fn a_primary_answers_a_request() {
    let mut primary = Primary::new(CLIENTS);
    let each = per_request("primary, ack to reply", || {
        let requests = primary.requests(EACH);
        primary.stage.turn(requests);
        let acks = primary.acks();
        measure(|| assert!(primary.stage.turn(acks) >= TURN)).count_total
    });
    assert!(each <= ALLOWED, "{each}");
}

#[test]
fn a_backup_takes_an_entry() {
    let mut backup = Backup::new();
    let each = per_request("backup, append to ack", || {
        let appends = backup.appends(TURN);
        measure(|| assert_eq!(backup.stage.turn(appends), 1)).count_total
    });
    assert!(each <= ALLOWED, "{each}");
}
