//! What happens to a process.

use std::time::Duration;

use node::Tune;
use proptest::collection::SizeRange;
use proptest::prelude::*;
use proptest::sample::Index;
use wire::Message;

use crate::{Addressee, Domain};

/// Something that happens. Which connection or process is meant is chosen among those that exist.
#[derive(Debug, Clone)]
pub enum Play {
    /// A connection is accepted at that door.
    Accept(u16),
    /// A connection that was dialled opens.
    Open(Index),
    /// A connection is closed, or refused.
    Close(Index),
    /// A frame arrives.
    Frame(Index, Box<Message>),
    /// The record is safe, or could not be written.
    Disk(bool),
    /// A child is launched, or could not be.
    Child(bool),
    /// A child ends.
    Exit(Index),
    /// A line is typed.
    Line(String),
    /// The keyboard is closed.
    LineEnd,
    /// Settings change.
    Tune(Tune),
    /// Time passes, and the role is woken when it wants to be.
    Time(Duration),
    /// Time passes while the process does not run.
    Frozen(Duration),
    /// The turn is over.
    Settle,
}

/// What happens to a process, with most frames out of `Domain::Near`.
pub fn plays(length: usize) -> impl Strategy<Value = Vec<Play>> {
    let frame = prop_oneof![9 => Domain::Near.message(), 1 => Domain::Far.message()];
    proptest::collection::vec(play(8, frame), 1..length)
}

/// What happens to a process of that kind: most frames are meant for it, and connections stay.
pub fn plays_for(
    addressee: Addressee,
    length: impl Into<SizeRange>,
) -> impl Strategy<Value = Vec<Play>> {
    let frame = prop_oneof![19 => Domain::Near.to(addressee), 1 => Domain::Far.to(addressee)];
    proptest::collection::vec(play(2, frame), length)
}

/// Something that happens; the weight is that of new connections.
fn play(
    accepts: u32,
    frame: impl Strategy<Value = Message> + 'static,
) -> impl Strategy<Value = Play> {
    let millis = |limit| (0..limit).prop_map(Duration::from_millis);
    let optional = || proptest::option::of(millis(10_000_u64));
    let tune = (optional(), optional(), optional()).prop_map(|(period, timeout, checkpoint)| {
        Tune { heartbeat_period: period, heartbeat_timeout: timeout, checkpoint_period: checkpoint }
    });
    let line = prop_oneof!["switch (active|passive)", "[ -~]{0,40}", "\\PC{0,40}"];
    prop_oneof![
        accepts => (0..9_u16).prop_map(Play::Accept),
        8 => any::<Index>().prop_map(Play::Open),
        4 => any::<Index>().prop_map(Play::Close),
        80 => (any::<Index>(), frame).prop_map(|(at, frame)| Play::Frame(at, Box::new(frame))),
        4 => any::<bool>().prop_map(Play::Disk),
        3 => any::<bool>().prop_map(Play::Child),
        2 => any::<Index>().prop_map(Play::Exit),
        2 => line.prop_map(Play::Line),
        1 => Just(Play::LineEnd),
        1 => tune.prop_map(Play::Tune),
        12 => millis(3_000).prop_map(Play::Time),
        1 => millis(20_000).prop_map(Play::Frozen),
        40 => Just(Play::Settle),
    ]
}
