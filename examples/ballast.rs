//! The documents' status string, with ballast: a state of any size, to see what size costs.
//!
//! A request `ballast N` makes the state N bytes larger than the status; any other request is the
//! new status, as in the suite's own service. `bench/growth.sh` measures with it:
//!
//! ```text
//! printf '<C9,S1,1,ballast 1048576,request>' | nc 127.0.0.101 8000    # <C9,S1,1,1048576,reply>
//! ```
//!
//! Writing the state down costs what copying it costs: a service that has to format its state pays
//! for that in addition.

use std::process::ExitCode;

use bytes::Bytes;
use server::{Effects, Request, RestoreError, Service};

/// The most ballast, in bytes: somebody else's typing error must not fill everybody's memory.
const MOST: usize = 64 << 20;

/// A status, and bytes that mean nothing.
#[derive(Debug, Default, PartialEq)]
struct Ballast {
    status: Bytes,
    bytes: Vec<u8>,
}

/// Bytes that no encoding makes shorter, the same everywhere.
fn noise(length: usize) -> Vec<u8> {
    let mut word: u64 = 0x9e37_79b9_7f4a_7c15;
    let next = |_| {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(next).collect();
    bytes.truncate(length);
    bytes
}

impl Service for Ballast {
    fn apply(&mut self, request: &Request<'_>, effects: &mut Effects) {
        let text = std::str::from_utf8(request.body).unwrap_or_default();
        let asked = text.strip_prefix("ballast ").and_then(|rest| rest.split(' ').next());
        match asked.and_then(|length| length.parse::<usize>().ok()) {
            Some(length) => {
                self.bytes = noise(length.min(MOST));
                effects.reply(Bytes::from(self.bytes.len().to_string()));
            }
            None => {
                self.status = request.body.clone();
                effects.reply(request.body.clone());
            }
        }
    }

    fn checkpoint(&self) -> Bytes {
        let length = u64::try_from(self.status.len()).unwrap_or_default();
        Bytes::from([&length.to_le_bytes()[..], &self.status, &self.bytes].concat())
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), RestoreError> {
        let short = || RestoreError("it ends before the status does".to_owned());
        let (length, rest) = checkpoint.split_first_chunk::<8>().ok_or_else(short)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| short())?;
        let (status, bytes) = rest.split_at_checked(length).ok_or_else(short)?;
        self.status = Bytes::copy_from_slice(status);
        self.bytes = bytes.to_vec();
        Ok(())
    }

    /// Without the ballast: it stands in printed lines.
    fn summary(&self) -> Bytes {
        self.status.clone()
    }
}

fn main() -> ExitCode {
    server::program::run::<Ballast>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_state_is_the_same_state() {
        let state = Ballast { status: Bytes::from_static(b"hello"), bytes: noise(1001) };
        let mut other = Ballast::default();
        other.restore(&state.checkpoint()).expect("its own checkpoint");
        assert_eq!(other, state);
        for end in 0..13 {
            assert!(other.restore(&state.checkpoint()[..end]).is_err(), "{end}");
        }
    }
}
