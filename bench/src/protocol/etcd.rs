//! etcd's Put by gRPC, as little of HTTP/2 as that takes: every request is a stream of its own with
//! the same headers and the same message; answers are counted by the ends of their streams.

use std::collections::HashSet;
use std::io::Write;
use std::net::TcpStream;

use anyhow::{Result, bail, ensure};

use super::Protocol;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames, and flags.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// How many bytes a frame begins with.
const HEAD: usize = 9;

/// How much more the server may send on the connection than the protocol's 64 KiB.
const WINDOW: u32 = 1 << 30;

pub(super) struct Etcd {
    headers: Vec<u8>,
    message: Vec<u8>,
    stream: u32,
    /// What has come and is no whole frame yet.
    inbound: Vec<u8>,
    /// Streams on which a message has come.
    answered: HashSet<u32>,
}

impl Etcd {
    /// Says hello.
    pub(super) fn greet(value: &str, socket: &mut TcpStream) -> Result<Self> {
        let mut out = PREFACE.to_vec();
        frame(SETTINGS, 0, 0, &[], &mut out);
        frame(WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes(), &mut out);
        socket.write_all(&out)?;
        let authority = socket.peer_addr()?.to_string();
        // PutRequest { key = 1, value = 2 }, after gRPC's "not compressed" and length.
        let put = [field(0x0a, b"bench")?, field(0x12, value.as_bytes())?].concat();
        let length = u32::try_from(put.len())?.to_be_bytes();
        Ok(Self {
            headers: headers(&authority),
            message: [&[0], &length[..], &put].concat(),
            stream: 1,
            inbound: Vec::new(),
            answered: HashSet::new(),
        })
    }

    fn take(&mut self, head: [u8; HEAD], body: &[u8], out: &mut Vec<u8>) -> Result<bool> {
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        match kind {
            DATA => {
                self.answered.insert(stream);
            }
            HEADERS if flags & END_STREAM != 0 => {
                ensure!(self.answered.remove(&stream), "etcd refused a Put");
                return Ok(true);
            }
            SETTINGS if flags & ACK == 0 => frame(SETTINGS, ACK, 0, &[], out),
            PING if flags & ACK == 0 => frame(PING, ACK, 0, body, out),
            RST_STREAM | GOAWAY => bail!("etcd ended a stream, or the connection"),
            _ => {}
        }
        Ok(false)
    }
}

impl Protocol for Etcd {
    fn request(&mut self, out: &mut Vec<u8>) {
        frame(HEADERS, END_HEADERS, self.stream, &self.headers, out);
        frame(DATA, END_STREAM, self.stream, &self.message, out);
        self.stream += 2;
    }

    fn replies(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize> {
        self.inbound.extend_from_slice(bytes);
        let inbound = std::mem::take(&mut self.inbound);
        let (mut rest, mut whole) = (&inbound[..], 0);
        while let Some((head, after)) = rest.split_first_chunk::<HEAD>() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let Some((body, after)) = after.split_at_checked(length) else { break };
            whole += usize::from(self.take(*head, body, out)?);
            rest = after;
        }
        self.inbound = rest.to_vec();
        Ok(whole)
    }
}

fn frame(kind: u8, flags: u8, stream: u32, body: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(body.len()).expect("bodies are short").to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(body);
}

/// A field of a protocol buffer that is a string.
fn field(tag: u8, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![tag];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f)? | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length)?);
    out.extend_from_slice(bytes);
    Ok(out)
}

/// The headers of every Put (HPACK, nothing of it remembered by the server).
fn headers(authority: &str) -> Vec<u8> {
    // :method POST and :scheme http are in HPACK's table.
    let mut out = vec![0x83, 0x86];
    let mut named = |name: &[u8], value: &str| {
        out.extend_from_slice(name);
        out.push(u8::try_from(value.len()).expect("values are short"));
        out.extend_from_slice(value.as_bytes());
    };
    named(&[0x04], "/etcdserverpb.KV/Put");
    named(&[0x01], authority);
    // content-type, number 31 of the table.
    named(&[0x0f, 0x10], "application/grpc");
    named(b"\x00\x02te", "trailers");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_message_and_the_end_of_its_stream() {
        let mut bytes = Vec::new();
        frame(SETTINGS, 0, 0, &[0; 6], &mut bytes);
        frame(HEADERS, END_HEADERS, 1, b"head", &mut bytes);
        frame(DATA, 0, 1, &[0; 5], &mut bytes);
        frame(HEADERS, END_HEADERS | END_STREAM, 1, b"tail", &mut bytes);
        for split in 0..bytes.len() {
            let mut etcd = Etcd {
                headers: Vec::new(),
                message: Vec::new(),
                stream: 1,
                inbound: Vec::new(),
                answered: HashSet::new(),
            };
            let mut out = Vec::new();
            let mut count = |bytes| etcd.replies(bytes, &mut out).expect("it is an answer");
            assert_eq!(count(&bytes[..split]) + count(&bytes[split..]), 1, "{split}");
            assert_eq!(out, [0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0]);
            let mut refused = Vec::new();
            frame(HEADERS, END_HEADERS | END_STREAM, 3, b"tail", &mut refused);
            assert!(etcd.replies(&refused, &mut Vec::new()).is_err());
        }
    }
}
