//! One connection: its socket, what came in and is no whole frame yet, what is to go out.
//!
//! Guarantees: reading and writing never wait; a connection that would have to wait is woken
//! through its own [`Source`]. An idle connection holds no buffer.
//!
//! Not here: what the role is told; see `traffic`.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::codec::Encoder;
use wire::{Codec, CodecError, Message};

use crate::wakeups::Source;

/// A send buffer of at most this many bytes is kept for the next frames when it is empty.
const KEPT_BUFFER: usize = 64 * 1024;

/// What is read is read into blocks of this many bytes.
const READ_BLOCK: usize = 64 * 1024;

/// A block with less room than this is used up.
const LEAST_READ: usize = 4 * 1024;

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It is being opened.
    Dialling,
    /// Both sides speak.
    Open,
    /// The peer has ended its sending and may still be answered.
    Answering,
    /// All is sent, our sending is ended; the peer's end is waited for, so that what it still sends
    /// does not make the kernel take back what we said last.
    Draining,
}

/// What a read brought.
#[derive(Debug)]
pub(crate) enum Read {
    /// So many bytes.
    Data(usize),
    /// Nothing now.
    Blocked,
    /// The peer has ended its sending.
    End,
    /// The connection is broken.
    Broken,
}

/// One connection.
pub(crate) struct Connection {
    /// How it is woken.
    pub(crate) source: Source,
    /// The other side.
    pub(crate) remote: SocketAddr,
    /// Which door it came in by.
    pub(crate) door: Option<u16>,
    /// How far it is.
    pub(crate) phase: Phase,
    /// The role has closed it or was told that it is closed: nothing more is reported of it.
    pub(crate) disowned: bool,
    /// A whole frame has come.
    pub(crate) heard: bool,
    /// The role wants nothing more from it for now.
    pub(crate) paused: bool,
    /// Writing failed: what the peer said before is still read, then it is closed.
    pub(crate) broken: bool,
    /// It is on the list of those to be written in this turn.
    pub(crate) dirty: bool,
    /// The decoder of its frames.
    pub(crate) codec: Codec,
    /// What was read and is not delivered yet.
    pub(crate) inbound: Bytes,
    outbound: BytesMut,
    most_outbound: usize,
    stream: TcpStream,
}

impl Connection {
    /// A connection around a socket that is open or being opened.
    pub(crate) fn new(
        stream: TcpStream,
        source: Source,
        remote: SocketAddr,
        door: Option<u16>,
        phase: Phase,
        frame_limit: usize,
    ) -> Self {
        Self {
            source,
            remote,
            door,
            phase,
            disowned: false,
            heard: false,
            paused: false,
            broken: false,
            dirty: false,
            codec: Codec::new(frame_limit),
            inbound: Bytes::new(),
            outbound: BytesMut::new(),
            most_outbound: 0,
            stream,
        }
    }

    /// Whether the socket has become open; for a dialled connection.
    pub(crate) fn poll_open(&mut self) -> Poll<io::Result<()>> {
        let mut context = self.source.context();
        match self.stream.poll_write_ready(&mut context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => Poll::Ready(self.opened()),
        }
    }

    fn opened(&self) -> io::Result<()> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        // A dial to a closed port of one's own address can meet itself in the middle of TCP's
        // simultaneous open, when the system happens to draw that port as the source.
        if self.stream.local_addr()? == self.stream.peer_addr()? {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(())
    }

    /// Reads at most `most` bytes to the end of `into`.
    pub(crate) fn read(&mut self, into: &mut BytesMut, most: usize) -> Read {
        // Bodies of messages keep the block alive that they were read into, so a block is used up
        // before the next one is made: a small request must not hold a whole block for itself.
        if into.capacity() - into.len() < LEAST_READ {
            into.reserve(READ_BLOCK);
        }
        let mut context = self.source.context();
        let mut limited = into.limit(most);
        let reading = pin!(self.stream.read_buf(&mut limited));
        match reading.poll(&mut context) {
            Poll::Pending => Read::Blocked,
            Poll::Ready(Ok(0)) => Read::End,
            Poll::Ready(Ok(bytes)) => Read::Data(bytes),
            Poll::Ready(Err(_)) => Read::Broken,
        }
    }

    /// Queues a frame.
    ///
    /// # Errors
    /// When it is longer than any peer accepts; nothing is queued.
    pub(crate) fn queue(&mut self, message: &Message) -> Result<(), CodecError> {
        self.codec.encode(message, &mut self.outbound)?;
        self.most_outbound = self.most_outbound.max(self.outbound.len());
        Ok(())
    }

    /// Queues a frame that is encoded already.
    pub(crate) fn queue_bytes(&mut self, frame: &[u8]) {
        self.outbound.extend_from_slice(frame);
        self.most_outbound = self.most_outbound.max(self.outbound.len());
    }

    /// How many bytes are not sent yet.
    pub(crate) fn unsent(&self) -> usize {
        self.outbound.len()
    }

    /// Forgets what is not sent yet.
    pub(crate) fn discard(&mut self) {
        self.outbound = BytesMut::new();
        self.most_outbound = 0;
    }

    /// Writes what is queued; `Pending` when the peer must read first.
    pub(crate) fn flush(&mut self) -> Poll<io::Result<()>> {
        let mut context = self.source.context();
        while !self.outbound.is_empty() {
            match Pin::new(&mut self.stream).poll_write(&mut context, &self.outbound) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(bytes)) => self.outbound.advance(bytes),
            }
        }
        if self.most_outbound > KEPT_BUFFER {
            self.outbound = BytesMut::new();
        }
        self.most_outbound = 0;
        Poll::Ready(Ok(()))
    }

    /// Ends our sending; the peer sees the end after the last frame.
    pub(crate) fn end_sending(&mut self) {
        let mut context = self.source.context();
        // Only a socket that is broken already refuses, and reading tells that as well.
        let _ = Pin::new(&mut self.stream).poll_shutdown(&mut context);
    }
}
