//! The limit: one process, one thread, that sends back whatever comes.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::poll::{Poll, read, write};

/// Number 0 is the door; connections follow.
const DOOR: usize = 0;

/// Serves until killed.
pub(crate) fn serve(address: SocketAddr) -> Result<()> {
    let door = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let mut poll = Poll::new()?;
    poll.add(&door, DOOR)?;
    let mut peers: Vec<Option<(TcpStream, Vec<u8>)>> = vec![None];
    let (mut ready, mut block) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        poll.wait(Duration::from_secs(60), &mut ready)?;
        for number in ready.iter().copied() {
            if number == DOOR {
                let (stream, _) = door.accept()?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                poll.add(&stream, peers.len())?;
                peers.push(Some((stream, Vec::new())));
            } else if let Some((stream, out)) = &mut peers[number]
                && echo(stream, out, &mut block).is_err()
            {
                peers[number] = None;
            }
        }
    }
}

/// What the peer does not take at once is kept; it reads before it sends more.
fn echo(stream: &mut TcpStream, out: &mut Vec<u8>, block: &mut [u8]) -> std::io::Result<()> {
    if let Some(bytes) = read(stream, block)? {
        out.extend_from_slice(&block[..bytes]);
    }
    write(stream, out)
}
