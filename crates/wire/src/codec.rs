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
use crate::message::Message;
use crate::parts::ErrorCode;
use crate::scan::{Found, Scan};

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
    /// What is known of the frame that starts the buffer.
    scan: Scan,
    /// An error was found; nothing after it is a frame.
    failed: bool,
}

impl Codec {
    /// A codec whose requests have at most `limit` bytes, also when they are written anew with
    /// every byte escaped that must be; other frames may have [`HEADROOM`] more.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, scan: Scan::default(), failed: false }
    }

    /// The end of the frame that starts the buffer, if it has come: the place of its `>`.
    fn frame_end(&mut self, source: &mut BytesMut) -> Result<Option<usize>, CodecError> {
        if source.first().is_some_and(|byte| is_blank(*byte)) {
            let blanks = source.iter().take_while(|b| is_blank(**b)).count();
            source.advance(blanks);
        }
        match source.first() {
            None => return Ok(None),
            Some(b'<') => {}
            Some(other) => return Err(CodecError::Start(char::from(*other))),
        }
        let longest = self.limit.saturating_add(HEADROOM);
        match self.scan.look(&source[..source.len().min(longest)]) {
            Found::End(place) => Ok(Some(place)),
            Found::Nested => Err(CodecError::Nested),
            Found::Nothing if source.len() >= longest => Err(CodecError::TooLong(longest)),
            Found::Nothing => Ok(None),
        }
    }

    /// The message of the frame that starts the buffer and ends there; the frame is removed.
    fn message(&mut self, source: &mut BytesMut, end: usize) -> Result<Message, FieldError> {
        let behind = source.len() - end - 1;
        let kind = kind_of(&source[self.scan.kind()..end])?;
        let message = crate::parse::message(kind, Fields::new(kind, source, &self.scan));
        // A body has taken its own part out already.
        source.advance(source.len() - behind);
        self.scan.next_frame();
        message
    }

    /// Only a request is held to the limit proper, and in the form in which it will travel on.
    fn is_within_limit(&self, message: &Message, length: usize) -> bool {
        let Message::Request { body, .. } = message else { return true };
        // Escaping makes a byte three at most, so what is short needs no count.
        length.saturating_mul(3) <= self.limit
            || length.max(crate::escape::escaped_len(body)) <= self.limit
    }

    /// Nothing that follows an error is a frame.
    #[cold]
    fn fail(
        &mut self,
        source: &mut BytesMut,
        error: CodecError,
    ) -> Result<Option<Message>, CodecError> {
        self.failed = true;
        source.clear();
        Err(error)
    }
}

/// The kind that a frame ends with.
#[inline]
fn kind_of(word: &[u8]) -> Result<Kind, FieldError> {
    let trimmed = || Kind::from_bytes(trim(word));
    let kind = Kind::from_bytes(word).or_else(trimmed);
    kind.ok_or_else(|| FieldError::Kind(shortened(trim(word))))
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
        let end = match self.frame_end(source) {
            Ok(Some(end)) => end,
            Ok(None) => return Ok(None),
            Err(error) => return self.fail(source, error),
        };
        match self.message(source, end) {
            Ok(message) if self.is_within_limit(&message, end + 1) => Ok(Some(message)),
            Ok(_) => self.fail(source, CodecError::TooLong(self.limit)),
            Err(error) => self.fail(source, error.into()),
        }
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
