//! The frames of the request path, as they travel with 16-byte bodies and numbers of a usual length;
//! for the benchmark of the codec and the count of its allocations.

use bytes::BytesMut;
use tokio_util::codec::Decoder as _;
use wire::{Codec, Message};

/// Each kind with one frame of it.
pub(crate) const FRAMES: [(&str, &str); 5] = [
    ("request", "<B17,S1,104729,xxxxxxxxxxxxxxxx,7919,request>"),
    ("append", "<S1,3,1299709,3,B17,7919,104729,xxxxxxxxxxxxxxxx,append>"),
    ("ack", "<S2,S1,3,1763683200123456,1299709,ack>"),
    ("commit", "<S1,3,1299709,commit>"),
    ("reply", "<B17,S1,104729,xxxxxxxxxxxxxxxx,7919,reply>"),
];

/// So many frames after another.
pub(crate) fn stream(frame: &str, count: usize) -> BytesMut {
    BytesMut::from(frame.repeat(count).as_bytes())
}

/// Decodes everything; says how many messages there were.
pub(crate) fn decode(mut source: BytesMut) -> usize {
    let mut codec = Codec::default();
    let mut count = 0;
    while let Some(message) = codec.decode(&mut source).expect("the frames are good") {
        std::hint::black_box(&message);
        count += 1;
    }
    count
}

/// The message of a frame.
pub(crate) fn message(frame: &str) -> Message {
    let mut codec = Codec::default();
    let mut source = stream(frame, 1);
    codec.decode(&mut source).expect("the frames are good").expect("it is whole")
}
