//! How fast the replica itself is, without sockets and codec: `cargo bench -p server`.
//!
//! A turn brings 16 requests of each of 50 clients, as under `client bench --pipeline 16`.
#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock"
)]

mod stage;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use stage::{Backup, Primary};

const CLIENTS: u64 = 50;
const EACH: usize = 16;
const TURN: usize = EACH * CLIENTS as usize;

/// Adds how long `work` takes.
fn timed<T>(total: &mut Duration, work: impl FnOnce() -> T) {
    let start = Instant::now();
    black_box(work());
    *total += start.elapsed();
}

fn replica(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replica");
    group.throughput(Throughput::Elements(TURN as u64));
    group.bench_function("primary: request to append", |bencher| {
        let mut primary = Primary::new(CLIENTS);
        bencher.iter_custom(|turns| {
            let mut total = Duration::ZERO;
            for _ in 0..turns {
                let requests = primary.requests(EACH);
                timed(&mut total, || primary.stage.turn(requests));
                primary.acknowledge();
            }
            total
        });
    });
    group.bench_function("primary: ack to reply", |bencher| {
        let mut primary = Primary::new(CLIENTS);
        bencher.iter_custom(|turns| {
            let mut total = Duration::ZERO;
            for _ in 0..turns {
                let requests = primary.requests(EACH);
                primary.stage.turn(requests);
                let acks = primary.acks();
                timed(&mut total, || primary.stage.turn(acks));
            }
            total
        });
    });
    group.bench_function("backup: append to ack", |bencher| {
        let mut backup = Backup::new();
        bencher.iter_custom(|turns| {
            let mut total = Duration::ZERO;
            for _ in 0..turns {
                let appends = backup.appends(TURN);
                timed(&mut total, || backup.stage.turn(appends));
            }
            total
        });
    });
    group.finish();
}

criterion_group!(benches, replica);
criterion_main!(benches);
