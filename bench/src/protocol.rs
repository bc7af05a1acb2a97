//! What is spoken with the servers that are compared: one request after the other, and how many
//! answers are in what comes back.
//!
//! Every answer is checked: one that is not what it should be ends the measurement with an error.

mod chevron;
mod etcd;

use std::net::TcpStream;

use anyhow::{Result, bail};
use clap::ValueEnum;

use chevron::Chevron;
use etcd::Etcd;

/// One side of one connection.
pub(crate) trait Protocol {
    /// Appends the next request.
    fn request(&mut self, out: &mut Vec<u8>);

    /// How many answers these bytes complete. What the protocol itself has to say to them (not a
    /// request) is appended to `out`.
    ///
    /// # Errors
    /// When an answer is not what it should be.
    fn replies(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize>;
}

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// It sends back what it gets.
    Echo,
    /// A Chevron server: the primary, or one of the active ones. No fail-over.
    Chevron,
    /// Redis: SET.
    Redis,
    /// Redis: as many SETs as the pipeline is deep, then WAIT 2.
    RedisWait,
    /// etcd: Put by gRPC.
    Etcd,
}

/// What a connection is to ask.
pub(crate) struct Asked {
    pub(crate) number: usize,
    pub(crate) pipeline: usize,
    pub(crate) size: usize,
}

impl Kind {
    /// Whether a request of the protocol is a whole pipeline of them.
    pub(crate) fn batches(self) -> bool {
        self == Self::RedisWait
    }

    /// Begins to speak on a connection that still waits when it is read.
    pub(crate) fn speak(self, asked: &Asked, stream: &mut TcpStream) -> Result<Box<dyn Protocol>> {
        let value = "x".repeat(asked.size);
        let set = format!("*3\r\n$3\r\nSET\r\n$5\r\nbench\r\n${}\r\n{value}\r\n", asked.size)
            .into_bytes();
        Ok(match self {
            Self::Echo => {
                let frame = format!("<C1,S1,8,{value},request>").into_bytes();
                Box::new(Fixed::new(frame.clone(), frame))
            }
            Self::Chevron => Box::new(Chevron::register(asked, stream)?),
            Self::Redis => Box::new(Fixed::new(set, b"+OK\r\n".to_vec())),
            Self::RedisWait => {
                let wait = b"*3\r\n$4\r\nWAIT\r\n$1\r\n2\r\n$1\r\n0\r\n";
                let request = [set.repeat(asked.pipeline), wait.to_vec()].concat();
                let reply = [b"+OK\r\n".repeat(asked.pipeline), b":2\r\n".to_vec()].concat();
                Box::new(Fixed::new(request, reply))
            }
            Self::Etcd => Box::new(Etcd::greet(&value, stream)?),
        })
    }
}

/// A protocol in which every request and every answer is the same.
struct Fixed {
    request: Vec<u8>,
    reply: Vec<u8>,
    /// How much of an answer has come.
    place: usize,
}

impl Fixed {
    fn new(request: Vec<u8>, reply: Vec<u8>) -> Self {
        Self { request, reply, place: 0 }
    }
}

impl Protocol for Fixed {
    fn request(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.request);
    }

    fn replies(&mut self, mut bytes: &[u8], _out: &mut Vec<u8>) -> Result<usize> {
        let mut whole = 0;
        while !bytes.is_empty() {
            let expected = &self.reply[self.place..];
            let length = expected.len().min(bytes.len());
            if bytes[..length] != expected[..length] {
                let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]);
                bail!("not the expected answer: {shown}");
            }
            bytes = &bytes[length..];
            self.place += length;
            if self.place == self.reply.len() {
                (self.place, whole) = (0, whole + 1);
            }
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_in_any_split_and_checked() {
        let mut fixed = Fixed::new(b"SET".to_vec(), b"+OK\r\n".to_vec());
        let mut count = |bytes: &[u8]| fixed.replies(bytes, &mut Vec::new()).ok();
        assert_eq!(count(b"+OK\r\n+O"), Some(1));
        assert_eq!(count(b"K"), Some(0));
        assert_eq!(count(b"\r\n+OK\r\n"), Some(2));
        assert_eq!(count(b"-READONLY"), None);
    }
}
