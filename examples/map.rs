//! A map from keys to values, replicated. Its replies tell what stood there before, so that somebody
//! who sees nothing but replies can judge whether the servers behave as one (`deploy/local.sh run
//! random` does).
//!
//! `KEY=VALUE` sets a key and is answered `OLD/VALUE`; `KEY=` takes it out and is answered `OLD/`;
//! `KEY` is answered its value. What is not there is answered with nothing.
//!
//! ```text
//! cargo build --release
//! deploy/local.sh up passive --server-bin target/release/map
//! printf '<C9,S1,1,colour=blue,request>' | nc 127.0.0.101 8000     # <C9,S1,1,/blue,reply>
//! ```

use std::collections::BTreeMap;
use std::process::ExitCode;

use bytes::Bytes;
use server::{Effects, Request, RestoreError, Service};

/// The map.
#[derive(Debug, Default, PartialEq)]
struct Map(BTreeMap<String, String>);

impl Map {
    /// Executes one request, and gives the reply.
    fn answer(&mut self, request: &str) -> String {
        let Some((key, value)) = request.split_once('=') else {
            return self.0.get(request).cloned().unwrap_or_default();
        };
        let old = match value {
            "" => self.0.remove(key),
            value => self.0.insert(key.to_owned(), value.to_owned()),
        };
        format!("{}/{value}", old.unwrap_or_default())
    }
}

impl Service for Map {
    fn apply(&mut self, request: &Request<'_>, effects: &mut Effects) {
        let reply = self.answer(&String::from_utf8_lossy(request.body));
        effects.reply(Bytes::from(reply));
    }

    fn checkpoint(&self) -> Bytes {
        Bytes::from(serde_json::json!(self.0).to_string())
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), RestoreError> {
        self.0 = serde_json::from_slice(checkpoint).map_err(|e| RestoreError(e.to_string()))?;
        Ok(())
    }

    /// As many keys as fit a line.
    fn summary(&self) -> Bytes {
        let keys = self.0.iter().take(8).map(|(key, value)| format!("{key}={value}"));
        Bytes::from(keys.collect::<Vec<_>>().join(" "))
    }
}

fn main() -> ExitCode {
    server::program::run::<Map>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_tell_what_stood_there_before() {
        let mut map = Map::default();
        let asked = ["x", "x=1", "x=2", "y=3", "x", "x=", "x", "y"];
        let told = ["", "/1", "1/2", "/3", "2", "2/", "", "3"];
        assert_eq!(asked.map(|request| map.answer(request)), told);
    }

    #[test]
    fn a_restored_map_is_the_same_map() {
        let mut map = Map::default();
        map.answer("a \"key\"=a = \\value\n");
        map.answer("b=1");
        let mut other = Map::default();
        other.restore(&map.checkpoint()).expect("its own checkpoint");
        assert_eq!(other, map);
    }
}
