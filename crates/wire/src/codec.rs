//! The incremental codec: bytes in any split to messages, and back.
//!
//! [`Codec`] looks at each byte of an unfinished frame once, however many reads it takes to arrive,
//! and never waits for the end of a frame that is too long already. Bodies are slices of the read
//! buffer: whoever keeps one for long keeps that buffer too.
//!
//! After an error the connection is lost: the codec swallows whatever else comes.
//!
//! Not here: closing the connection and the `error` frame before that, which are the host's.

use bytes::{Buf, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::fields::{FieldError, Fields, is_blank, shortened, trim};
use crate::kind::Kind;
use crate::message::{ErrorCode, Message};

/// The longest request, in bytes, unless configured otherwise.
pub const DEFAULT_FRAME_LIMIT: usize = 64 * 1024;

/// How much longer than the limit every frame but a request may be. A request that is within the
/// limit travels on in an `append` or a `forward`, which have longer fields around its body; if
/// those had the same limit, a client could cut the replicas' connections.
pub const HEADROOM: usize = 512;

/// Why bytes are not a message. The connection does not survive any of these.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Something other than a frame stands where a frame begins.
    #[error("a frame begins with an opening angle bracket and not with {0:?}")]
    Start(char),
    /// A frame begins inside another one.
    #[error("`<` inside a frame: its end, `>`, is missing, or a body is not percent-encoded")]
    Nested,
    /// No `>` within the limit.
    #[error("a frame has at most {0} bytes")]
    TooLong(usize),
    /// The frame's fields are not those of its kind.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl CodecError {
    /// The code of the `error` frame that tells the peer.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::TooLong(_) => ErrorCode::TooLong,
            _ => ErrorCode::Malformed,
        }
    }
}

/// The codec of one connection.
#[derive(Debug, Clone)]
pub struct Codec {
    limit: usize,
    /// How many bytes at the start of the buffer belong to an unfinished frame and were looked at.
    scanned: usize,
    /// An error was found; nothing after it is a frame.
    failed: bool,
}

impl Codec {
    /// A codec whose requests have at most `limit` bytes, also when they are written anew with
    /// every byte escaped that must be; other frames may have [`HEADROOM`] more.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, scanned: 0, failed: false }
    }

    /// The end of the frame that starts the buffer, if it has come: the place behind its `>`.
    fn frame_end(&mut self, source: &[u8]) -> Result<Option<usize>, CodecError> {
        match source.first() {
            None => return Ok(None),
            Some(b'<') => {}
            Some(other) => return Err(CodecError::Start(char::from(*other))),
        }
        let longest = self.limit.saturating_add(HEADROOM);
        let from = self.scanned.clamp(1, source.len());
        let to = source.len().min(longest);
        match memchr::memchr2(b'<', b'>', source.get(from..to).unwrap_or_default()) {
            Some(place) if source[from + place] == b'<' => Err(CodecError::Nested),
            Some(place) => Ok(Some(from + place + 1)),
            None if source.len() >= longest => Err(CodecError::TooLong(longest)),
            None => {
                self.scanned = source.len();
                Ok(None)
            }
        }
    }

    /// The next message; what it was read from is removed from the buffer.
    fn next(&mut self, source: &mut BytesMut) -> Result<Option<Message>, CodecError> {
        let blanks = source.iter().take_while(|b| is_blank(**b)).count();
        source.advance(blanks);
        let Some(end) = self.frame_end(source)? else { return Ok(None) };
        self.scanned = 0;
        let comma = memchr::memrchr(b',', &source[..end]).unwrap_or(0);
        let word = trim(&source[comma + 1..end - 1]);
        let kind = Kind::from_bytes(word).ok_or_else(|| FieldError::Kind(shortened(word)))?;
        let message = if kind.carries_body() {
            let frame = source.split_to(end).freeze();
            let fields = Fields::new(kind, &frame[1..=comma], Some(&frame));
            crate::parse::message(kind, fields)?
        } else {
            let message = crate::parse::message(kind, Fields::new(kind, &source[1..=comma], None))?;
            source.advance(end);
            message
        };
        self.check_length(&message, end)?;
        Ok(Some(message))
    }

    /// Only a request is held to the limit proper, and in the form in which it will travel on.
    fn check_length(&self, message: &Message, length: usize) -> Result<(), CodecError> {
        let Message::Request { body, .. } = message else { return Ok(()) };
        // Escaping makes a byte three at most, so what is short needs no count.
        let fits = length.saturating_mul(3) <= self.limit
            || length.max(crate::text::escaped_len(body)) <= self.limit;
        if fits { Ok(()) } else { Err(CodecError::TooLong(self.limit)) }
    }
}

impl Default for Codec {
    fn default() -> Self {
        Self::new(DEFAULT_FRAME_LIMIT)
    }
}

impl Decoder for Codec {
    type Item = Message;
    type Error = CodecError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Message>, CodecError> {
        if self.failed {
            source.clear();
            return Ok(None);
        }
        let result = self.next(source);
        if result.is_err() {
            self.failed = true;
            source.clear();
        }
        result
    }

    /// A frame that the end of the connection cut off is no frame; that the connection ended is
    /// said by its closing.
    fn decode_eof(&mut self, source: &mut BytesMut) -> Result<Option<Message>, CodecError> {
        let result = self.decode(source);
        if let Ok(None) = result {
            source.clear();
        }
        result
    }
}

impl Encoder<&Message> for Codec {
    type Error = CodecError;

    /// # Errors
    /// [`CodecError::TooLong`] for a message that the peer would refuse; `target` is as before.
    fn encode(&mut self, message: &Message, target: &mut BytesMut) -> Result<(), CodecError> {
        let before = target.len();
        crate::text::encode(message, target);
        let longest = self.limit.saturating_add(HEADROOM);
        if target.len() - before > longest {
            target.truncate(before);
            return Err(CodecError::TooLong(longest));
        }
        Ok(())
    }
}
