//! How fast frames of the request path are read and written: `cargo bench -p wire`.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

mod samples;

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// How many frames one read brings.
const FRAMES: usize = 256;

fn codec(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (kind, frame) in samples::FRAMES {
        group.throughput(Throughput::Elements(FRAMES as u64));
        let whole = samples::stream(frame, FRAMES);
        group.bench_function(kind, |bencher| {
            bencher.iter_batched(|| whole.clone(), samples::decode, BatchSize::SmallInput);
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("encode");
    for (kind, frame) in samples::FRAMES {
        let message = samples::message(frame);
        let mut target = BytesMut::with_capacity(FRAMES * frame.len());
        group.throughput(Throughput::Elements(FRAMES as u64));
        group.bench_function(kind, |bencher| {
            bencher.iter(|| {
                target.clear();
                for _ in 0..FRAMES {
                    wire::encode(black_box(&message), &mut target);
                }
                black_box(&target);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
