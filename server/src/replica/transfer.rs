//! Checkpoints on their way: cut into chunks that fit a frame, paced by what the receiver has.
//!
//! Not here: what a checkpoint means; see [`crate::machine`].

use bytes::{Bytes, BytesMut};
use wire::{Digest, Epoch, Sequence, Transfer};

use crate::machine::digest_of;

/// How much may be on the way, in bytes. Requests go between chunks on the same connection, so this is
/// what one of them waits behind: with 1 MiB, a checkpoint of 16 MiB held them up for 0.4 s.
const WINDOW: u64 = 128 << 10;
/// The longest checkpoint that is taken in, in bytes.
const LONGEST: u64 = 4 << 30;

/// A checkpoint being sent.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) bytes: Bytes,
    pub(super) sequence: Sequence,
    pub(super) digest: Digest,
    /// The number of a periodic checkpoint; `None` for a recovery.
    pub(super) count: Option<u64>,
    sent: u64,
    received: u64,
    begun: bool,
}

impl Outgoing {
    pub(super) fn new(bytes: Bytes, sequence: Sequence, count: Option<u64>) -> Self {
        let digest = digest_of(&bytes);
        Self { bytes, sequence, digest, count, sent: 0, received: 0, begun: false }
    }

    /// Whether every chunk was sent.
    pub(super) fn sent(&self) -> bool {
        self.begun && self.sent == self.bytes.len() as u64
    }

    /// The receiver has this many bytes.
    pub(super) fn received(&mut self, offset: u64) {
        self.received = self.received.max(offset.min(self.sent));
    }

    /// The next chunk that may go out now, of at most `length` bytes.
    pub(super) fn chunk(&mut self, epoch: Epoch, length: usize) -> Option<(Bytes, Transfer)> {
        if self.sent() || self.sent >= self.received + WINDOW {
            return None;
        }
        let (offset, total) = (self.sent, self.bytes.len() as u64);
        let end = total.min(offset + length as u64);
        self.begun = true;
        self.sent = end;
        let chunk = self.bytes.slice(offset as usize..end as usize);
        let (sequence, digest) = (self.sequence, self.digest);
        Some((chunk, Transfer { epoch, sequence, offset, total, digest }))
    }
}

/// A checkpoint being received.
#[derive(Debug, Clone)]
pub(super) struct Incoming {
    sequence: Sequence,
    total: u64,
    digest: Digest,
    bytes: BytesMut,
}

/// Where a received chunk leaves its checkpoint.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// This many bytes are here.
    Part(u64),
    /// All of it is here.
    Whole(Bytes),
    /// The chunk does not continue what is here, or the whole does not have its digest.
    Broken,
}

impl Incoming {
    /// Takes in a chunk; the first one (offset 0) starts anew.
    pub(super) fn take(slot: &mut Option<Self>, chunk: &[u8], t: Transfer) -> Progress {
        if t.offset == 0 && t.total <= LONGEST {
            let bytes = BytesMut::new();
            *slot = Some(Self { sequence: t.sequence, total: t.total, digest: t.digest, bytes });
        }
        let Some(incoming) = slot else { return Progress::Broken };
        let same =
            (incoming.sequence, incoming.total, incoming.digest) == (t.sequence, t.total, t.digest);
        let have = incoming.bytes.len() as u64;
        if !same || t.offset != have || have + chunk.len() as u64 > t.total {
            *slot = None;
            return Progress::Broken;
        }
        incoming.bytes.extend_from_slice(chunk);
        let have = incoming.bytes.len() as u64;
        if have < t.total {
            return Progress::Part(have);
        }
        let bytes = slot.take().map(|i| i.bytes.freeze()).unwrap_or_default();
        if digest_of(&bytes) == t.digest { Progress::Whole(bytes) } else { Progress::Broken }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carry(mut outgoing: Outgoing, spoil: bool) -> Progress {
        let mut slot = None;
        let mut last = Progress::Broken;
        while let Some((chunk, transfer)) = outgoing.chunk(Epoch(1), 7) {
            let mut bytes = chunk.to_vec();
            if spoil && let Some(first) = bytes.first_mut() {
                *first ^= 1;
            }
            last = Incoming::take(&mut slot, &bytes, transfer);
            if let Progress::Part(have) = last {
                outgoing.received(have);
            }
        }
        last
    }

    #[test]
    fn a_checkpoint_arrives_whole_in_chunks_even_an_empty_one() {
        for length in [0, 1, 7, 20] {
            let bytes = Bytes::from(vec![b'x'; length]);
            let outgoing = Outgoing::new(bytes.clone(), Sequence(3), None);
            assert_eq!(carry(outgoing, false), Progress::Whole(bytes));
        }
    }

    #[test]
    fn a_spoilt_checkpoint_is_not_taken() {
        let outgoing =
            Outgoing::new(Bytes::from_static(b"twenty bytes of state"), Sequence(3), None);
        assert_eq!(carry(outgoing, true), Progress::Broken);
    }

    #[test]
    fn no_more_than_the_window_is_on_the_way() {
        let mut outgoing = Outgoing::new(Bytes::from(vec![0; 3 << 20]), Sequence(1), None);
        let mut sent = 0;
        while let Some((chunk, _)) = outgoing.chunk(Epoch(1), 16_384) {
            sent += chunk.len() as u64;
        }
        assert_eq!(sent, WINDOW);
        outgoing.received(16_384);
        assert!(outgoing.chunk(Epoch(1), 16_384).is_some());
    }
}
