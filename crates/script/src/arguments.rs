//! Reading the arguments of commands.

use std::error::Error;
use std::time::Duration;

use bytes::BytesMut;
use goldenscript::ArgumentConsumer;
use node::Conn;
use tokio_util::codec::Decoder as _;
use wire::{Codec, Message};

/// Reads `250ms`, `2s`, `1m` or a bare number of seconds.
///
/// # Errors
/// When it is none of them.
pub fn duration(text: &str) -> Result<Duration, Box<dyn Error>> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = parsed("duration", &text[..digits])?;
    match &text[digits..] {
        "us" => Ok(Duration::from_micros(number)),
        "ms" => Ok(Duration::from_millis(number)),
        "" | "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number * 60)),
        unit => Err(format!("no such unit of time: {unit}").into()),
    }
}

/// Reads exactly one frame.
///
/// # Errors
/// When it is not one.
pub fn frame(text: &str) -> Result<Message, Box<dyn Error>> {
    let mut all = frames(text)?;
    if all.len() != 1 {
        return Err(format!("one frame, please, not {}: {text}", all.len()).into());
    }
    Ok(all.remove(0))
}

/// Reads frames.
///
/// # Errors
/// When the text is anything else, or ends within a frame.
pub fn frames(text: &str) -> Result<Vec<Message>, Box<dyn Error>> {
    let mut source = BytesMut::from(text.as_bytes());
    let mut all = Vec::new();
    let mut codec = Codec::default();
    while let Some(message) =
        codec.decode(&mut source).map_err(|e| format!("not a frame: {text}: {e}"))?
    {
        all.push(message);
    }
    if all.is_empty() || !source.trim_ascii().is_empty() {
        return Err(format!("not a whole frame: {text}").into());
    }
    Ok(all)
}

pub(crate) fn parsed<T>(what: &str, text: &str) -> Result<T, Box<dyn Error>>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|e| format!("{what}={text}: {e}").into())
}

pub(crate) fn need<'a>(args: &mut ArgumentConsumer<'a>) -> Result<&'a str, Box<dyn Error>> {
    args.next_pos().ok_or_else(|| "an argument is missing".into())
}

pub(crate) fn number(args: &mut ArgumentConsumer<'_>) -> Result<u32, Box<dyn Error>> {
    parsed("number", need(args)?)
}

pub(crate) fn conn(args: &mut ArgumentConsumer<'_>) -> Result<Conn, Box<dyn Error>> {
    parsed("connection", need(args)?).map(Conn)
}
