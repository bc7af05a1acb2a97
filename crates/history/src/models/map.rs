//! A map from keys to values, as the server of `examples/map.rs` answers for one.
//!
//! `KEY=VALUE` sets a key and is told `OLD/VALUE`; an empty value takes the key out. Any other
//! request is a key and is told its value. What is not there is told as nothing.
//!
//! This is the specification and shares no code with the example.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::Model;

/// The map; empty at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Map;

/// The key of a request, and the value that it sets.
fn read(request: &[u8]) -> (&[u8], Option<&[u8]>) {
    match request.iter().position(|byte| *byte == b'=') {
        Some(place) => (&request[..place], Some(&request[place + 1..])),
        None => (request, None),
    }
}

/// The part of a key that has this value; of one that is not there, if the value is empty.
fn holding(key: &[u8], value: &[u8]) -> BTreeMap<Bytes, Bytes> {
    let entry = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
    if value.is_empty() { BTreeMap::new() } else { [entry].into() }
}

impl Model for Map {
    type State = BTreeMap<Bytes, Bytes>;

    fn initial(&self) -> Self::State {
        BTreeMap::new()
    }

    fn step(
        &self,
        state: &Self::State,
        request: &[u8],
        reply: Option<&[u8]>,
    ) -> Option<Self::State> {
        let (key, value) = read(request);
        let old = state.get(key).cloned().unwrap_or_default();
        let expected = match value {
            Some(value) => [&old[..], b"/", value].concat(),
            None => old.to_vec(),
        };
        if reply.is_some_and(|reply| reply != expected) {
            return None;
        }
        let mut after = state.clone();
        match value {
            Some(b"") => after.remove(key),
            Some(value) => after.insert(Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)),
            None => None,
        };
        Some(after)
    }

    fn before(&self, request: &[u8], reply: &[u8]) -> Option<Self::State> {
        let (key, value) = read(request);
        let old = match value {
            Some(value) => reply.strip_suffix(value)?.strip_suffix(b"/")?,
            None => reply,
        };
        Some(holding(key, old))
    }

    fn after(&self, request: &[u8]) -> Option<Self::State> {
        let (key, value) = read(request);
        value.map(|value| holding(key, value))
    }

    /// Every key is a register of its own.
    fn part<'a>(&self, request: &'a [u8]) -> &'a [u8] {
        read(request).0
    }
}
