//! A client that looks for whoever answers: what a user notices of a fail-over.
//!
//! One request at a time; whoever is silent, refuses or is not there is left for the next server at
//! once. So the figure is the servers' own, and no driver's retry policy is in it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::protocol::{Asked, Kind, Protocol};

/// The pause after every server was tried.
const PAUSE: Duration = Duration::from_millis(1);

struct Link {
    stream: TcpStream,
    protocol: Box<dyn Protocol>,
}

impl Link {
    fn open(kind: Kind, server: SocketAddr, patience: Duration) -> Result<Self> {
        let mut stream = TcpStream::connect_timeout(&server, patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        let protocol = kind.speak(&Asked { number: 0, pipeline: 1, size: 16 }, &mut stream)?;
        Ok(Self { stream, protocol })
    }

    /// Asks once, and waits for the answer.
    fn ask(&mut self) -> Result<()> {
        let (mut out, mut block) = (Vec::new(), [0; 4096]);
        self.protocol.request(&mut out);
        loop {
            self.stream.write_all(&out)?;
            out.clear();
            let bytes = self.stream.read(&mut block)?;
            if bytes == 0 {
                bail!("the connection is closed");
            }
            if self.protocol.replies(&block[..bytes], &mut out)? > 0 {
                return Ok(());
            }
        }
    }
}

/// Asks until the time is over, and says the longest time between two answers.
pub(crate) fn run(
    kind: Kind,
    servers: &[SocketAddr],
    time: Duration,
    patience: Duration,
) -> Result<Value> {
    let start = Instant::now();
    let (mut answered, mut turn) = (0_u64, 0);
    let (mut last, mut gap, mut at) = (None, Duration::ZERO, Duration::ZERO);
    let mut link = None;
    while start.elapsed() < time {
        let asked = match &mut link {
            Some(link) => Link::ask(link),
            None => {
                Link::open(kind, servers[turn % servers.len()], patience).and_then(|mut new| {
                    new.ask()?;
                    link = Some(new);
                    Ok(())
                })
            }
        };
        if asked.is_err() {
            (link, turn) = (None, turn + 1);
            if turn.is_multiple_of(servers.len()) {
                std::thread::sleep(PAUSE);
            }
            continue;
        }
        let now = Instant::now();
        answered += 1;
        if let Some(before) = last.replace(now)
            && now.duration_since(before) > gap
        {
            (gap, at) = (now.duration_since(before), before.duration_since(start));
        }
    }
    if last.is_none_or(|last| last.elapsed() > time / 4) {
        bail!("nobody answers any more; {answered} answers before");
    }
    Ok(json!({
        "answered": answered,
        "gap_us": u64::try_from(gap.as_micros()).unwrap_or(u64::MAX),
        "gap_at_seconds": at.as_secs_f64(),
    }))
}
