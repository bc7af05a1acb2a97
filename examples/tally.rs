//! Your own struct, replicated: a tally that counts words.
//!
//! Each request is a word (one more of it) or `?word` (how many of it). Try it, in a terminal each:
//!
//! ```text
//! cargo build --release
//! deploy/local.sh up passive --server-bin target/release/tally
//! printf '<C9,S1,1,apples,request>' | nc 127.0.0.101 8000     # <C9,S1,1,1,reply>
//! ```
//!
//! What makes it replicable: the next state depends on nothing but the state and the request. It has
//! no clock and no randomness, and its map is ordered, so that equal states give equal bytes.

use std::collections::BTreeMap;
use std::process::ExitCode;

use bytes::Bytes;
use server::{Effects, Request, RestoreError, Service};

/// How many of each word.
#[derive(Debug, Default, PartialEq)]
struct Tally(BTreeMap<String, u64>);

impl Service for Tally {
    fn apply(&mut self, request: &Request<'_>, effects: &mut Effects) {
        let word = String::from_utf8_lossy(request.body).into_owned();
        let count = match word.strip_prefix('?') {
            Some(asked) => self.0.get(asked).copied().unwrap_or(0),
            None => {
                let count = self.0.entry(word).or_default();
                *count += 1;
                *count
            }
        };
        effects.reply(Bytes::from(count.to_string()));
    }

    fn checkpoint(&self) -> Bytes {
        Bytes::from(serde_json::json!(self.0).to_string())
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), RestoreError> {
        self.0 = serde_json::from_slice(checkpoint).map_err(|e| RestoreError(e.to_string()))?;
        Ok(())
    }
}

fn main() -> ExitCode {
    server::program::run::<Tally>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_tally_is_the_same_tally() {
        let words = [("apples", 3), ("a \"quoted\" word\n", 1)];
        let tally = Tally(words.map(|(word, count)| (word.to_owned(), count)).into());
        let mut other = Tally::default();
        other.restore(&tally.checkpoint()).expect("its own checkpoint");
        assert_eq!(other, tally);
    }
}
