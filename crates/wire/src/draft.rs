//! Where a frame is composed before it is appended to what goes out.
//!
//! A buffer that grows asks at each write whether there is room, and copies by a call; most fields
//! have but a few bytes. [`Draft`] has room for the whole of a usual frame, so that its fields are
//! copied in steps of a fixed length, and the buffer is written once. What is longer goes past it.
//!
//! Not here: which fields there are (see `text`).

use std::fmt;

use bytes::BytesMut;

use crate::digits::{EIGHT, eight, short};
use crate::escape::escape;
use crate::names::Name;

/// Most frames are not longer than this.
const ROOM: usize = 256;

/// No short field is longer than this: a name with the sign behind it.
const STEP: usize = 32;

/// What is written to a buffer next.
pub(crate) struct Draft<'a> {
    target: &'a mut BytesMut,
    /// What lies behind `len` has no meaning.
    bytes: [u8; ROOM],
    len: usize,
}

impl<'a> Draft<'a> {
    /// A draft of what comes behind everything in `target`.
    pub(crate) fn new(target: &'a mut BytesMut) -> Self {
        Self { target, bytes: [0; ROOM], len: 0 }
    }

    /// Appends everything to the buffer. Must be called at the end: it is not when it is dropped.
    #[inline(never)]
    pub(crate) fn flush(&mut self) {
        self.target.extend_from_slice(&self.bytes[..self.len]);
        self.len = 0;
    }

    /// Any bytes.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if bytes.len() > ROOM - self.len {
            self.flush();
        }
        match self.bytes.get_mut(self.len..self.len + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.target.extend_from_slice(bytes),
        }
    }

    /// Room for a few bytes, of which as many count as `len` is then increased by.
    #[inline]
    fn room(&mut self) -> &mut [u8; STEP] {
        if self.len > ROOM - STEP {
            self.flush();
        }
        self.bytes[self.len..].first_chunk_mut().expect("there is room for a step")
    }

    /// One byte.
    #[inline]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.room()[0] = byte;
        self.len += 1;
    }

    /// A name and the sign behind it.
    #[inline]
    pub(crate) fn name(&mut self, name: &Name, sign: u8) {
        let (padded, len) = name.padded();
        let room = self.room();
        // All of it is copied, because that needs no loop.
        room[..padded.len()].copy_from_slice(padded);
        room[len] = sign;
        self.len += len + 1;
    }

    /// A number, in decimal, and the sign behind it.
    pub(crate) fn number(&mut self, number: u64, sign: u8) {
        if number < 10 {
            let room = self.room();
            (room[0], room[1]) = (b'0' + number as u8, sign);
            self.len += 2;
        } else if number < EIGHT {
            self.start(number);
            self.byte(sign);
        } else {
            self.long(number);
            self.byte(sign);
        }
    }

    /// The digits of a number below [`EIGHT`].
    #[inline]
    fn start(&mut self, number: u64) {
        let (digits, len) = short(number);
        self.room()[..8].copy_from_slice(&digits);
        self.len += len;
    }

    /// The digits of a number that is not below [`EIGHT`].
    #[inline(never)]
    fn long(&mut self, number: u64) {
        match number / EIGHT {
            start if start < EIGHT => self.start(start),
            start => self.long(start),
        }
        self.room()[..8].copy_from_slice(&eight(number % EIGHT));
        self.len += 8;
    }

    /// A body.
    pub(crate) fn body(&mut self, body: &[u8]) {
        escape(body, |piece| self.put(piece));
    }
}

/// For fields of rare kinds.
impl fmt::Write for Draft<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}
