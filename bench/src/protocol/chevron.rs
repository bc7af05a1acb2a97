//! Chevron's own language, as far as a load needs it: a session, requests in it, replies counted by
//! their ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};

use super::{Asked, Protocol};

/// The end of every reply.
const END: &[u8] = b",reply>";

pub(super) struct Chevron {
    /// A request up to its number, and from there on.
    before: Vec<u8>,
    after: Vec<u8>,
    number: u64,
    /// The last bytes that came, where a split may have cut an end.
    tail: Vec<u8>,
}

impl Chevron {
    /// Opens a session at the server.
    pub(super) fn register(asked: &Asked, stream: &mut TcpStream) -> Result<Self> {
        let name = format!("L{}", asked.number + 1);
        let nonce = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        write!(stream, "<{name},S1,{nonce},{},register>", asked.pipeline)?;
        let mut answer = Vec::new();
        while answer.last() != Some(&b'>') {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            answer.push(byte[0]);
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        ensure!(answer.ends_with(",registered>"), "no session: {answer}");
        let session = answer.split(',').nth(3).context("no session in the answer")?;
        Ok(Self {
            before: format!("<{name},S1,").into_bytes(),
            after: format!(",{},{session},request>", "x".repeat(asked.size)).into_bytes(),
            number: 0,
            tail: Vec::new(),
        })
    }
}

impl Protocol for Chevron {
    fn request(&mut self, out: &mut Vec<u8>) {
        self.number += 1;
        out.extend_from_slice(&self.before);
        write!(out, "{}", self.number).expect("a vector takes everything");
        out.extend_from_slice(&self.after);
    }

    fn replies(&mut self, bytes: &[u8], _out: &mut Vec<u8>) -> Result<usize> {
        let mut whole = 0;
        for frame in bytes.split_inclusive(|byte| *byte == b'>') {
            // Only the end of a frame is looked at, and the rest forgotten.
            self.tail.extend_from_slice(&frame[frame.len().saturating_sub(END.len())..]);
            if frame.ends_with(b">") {
                let text = String::from_utf8_lossy(&self.tail);
                ensure!(self.tail.ends_with(END), "not a reply: ...{text}");
                self.tail.clear();
                whole += 1;
            }
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_counted_in_any_split() {
        let text = b"<L1,S1,1,x,7,reply><L1,S1,2,x,7,reply>";
        for split in 0..text.len() {
            let (before, after) = (Vec::new(), Vec::new());
            let mut chevron = Chevron { before, after, number: 0, tail: Vec::new() };
            let mut count = |bytes| chevron.replies(bytes, &mut Vec::new()).expect("replies");
            assert_eq!(count(&text[..split]) + count(&text[split..]), 2, "{split}");
        }
    }
}
