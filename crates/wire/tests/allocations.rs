//! Reading and writing the frames of the request path allocates nothing per frame: bodies are slices
//! of what was read, names and numbers are stored inline.

#[path = "../benches/samples/mod.rs"]
mod samples;

use bytes::BytesMut;

const FRAMES: usize = 1000;
/// What a whole read may allocate: sharing the block that it is in.
const PER_READ: u64 = 2;

#[test]
fn frames_are_read_without_allocating_for_each() {
    for (kind, frame) in samples::FRAMES {
        let whole = samples::stream(frame, FRAMES);
        let count = allocation_counter::measure(|| assert_eq!(samples::decode(whole), FRAMES));
        assert!(count.count_total <= PER_READ, "{kind}: {count:?}");
    }
}

#[test]
fn frames_are_written_without_allocating() {
    for (kind, frame) in samples::FRAMES {
        let message = samples::message(frame);
        let mut target = BytesMut::with_capacity(frame.len());
        let count = allocation_counter::measure(|| wire::encode(&message, &mut target));
        assert_eq!((count.count_total, &target[..]), (0, frame.as_bytes()), "{kind}");
    }
}
