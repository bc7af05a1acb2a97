//! The load generator: one thread, many connections, a window of unanswered requests on each.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::Load;
use crate::poll::{Poll, read, write};
use crate::protocol::{Asked, Protocol};

/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

struct Link {
    stream: TcpStream,
    protocol: Box<dyn Protocol>,
    out: Vec<u8>,
    /// When each unanswered request was sent.
    since: VecDeque<Instant>,
}

/// What came of it.
struct Figures {
    answered: u64,
    waits: Histogram<u64>,
    last: Instant,
    gap: Duration,
}

impl Figures {
    fn answered(&mut self, now: Instant, since: Instant, requests: u64) {
        self.answered += requests;
        let wait = u64::try_from(now.duration_since(since).as_micros()).unwrap_or(u64::MAX);
        self.waits.saturating_record_n(wait, requests);
        self.gap = self.gap.max(now.duration_since(self.last));
        self.last = now;
    }
}

impl Link {
    fn open(task: &Load, number: usize) -> Result<Self> {
        let mut stream = TcpStream::connect(task.address)
            .with_context(|| format!("cannot connect to {}", task.address))?;
        stream.set_nodelay(true)?;
        let asked = Asked { number, pipeline: task.pipeline, size: task.size };
        let protocol = task.kind.speak(&asked, &mut stream)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, protocol, out: Vec::new(), since: VecDeque::new() })
    }

    /// Sends so many requests (or batches of them).
    fn send(&mut self, now: Instant, count: usize) -> Result<()> {
        for _ in 0..count {
            self.protocol.request(&mut self.out);
            self.since.push_back(now);
        }
        Ok(write(&mut self.stream, &mut self.out)?)
    }

    /// Takes in what has come, and asks anew for each answer.
    fn receive(&mut self, block: &mut [u8], batch: u64, figures: &mut Figures) -> Result<()> {
        let Some(bytes) = read(&mut self.stream, block)? else { return Ok(()) };
        let now = Instant::now();
        let answers = self.protocol.replies(&block[..bytes], &mut self.out)?;
        for _ in 0..answers {
            let since = self.since.pop_front().context("an answer that nobody asked for")?;
            figures.answered(now, since, batch);
        }
        self.send(now, answers)
    }
}

/// Runs it, and says the figures.
pub(crate) fn run(task: &Load) -> Result<Value> {
    ensure!(task.clients > 0 && task.pipeline > 0, "there is nobody who asks");
    let mut links: Vec<Link> =
        (0..task.clients).map(|number| Link::open(task, number)).collect::<Result<_>>()?;
    let mut poll = Poll::new()?;
    for (number, link) in links.iter().enumerate() {
        poll.add(&link.stream, number)?;
    }
    let start = Instant::now();
    let mut figures = Figures {
        answered: 0,
        waits: Histogram::new_with_bounds(1, 3_600_000_000, 3)?,
        last: start,
        gap: Duration::ZERO,
    };
    // A batch counts as the requests in it, and one is under way at a time.
    let batch = if task.kind.batches() { task.pipeline } else { 1 };
    for link in &mut links {
        link.send(start, task.pipeline / batch)?;
    }
    let end = start + Duration::from_secs_f64(task.seconds);
    let (mut ready, mut block) = (Vec::new(), vec![0; 256 * 1024]);
    while Instant::now() < end {
        poll.wait(Duration::from_millis(100), &mut ready)?;
        for number in ready.iter().copied() {
            links[number].receive(&mut block, batch as u64, &mut figures)?;
        }
        ensure!(figures.last.elapsed() < PATIENCE, "no answer for {PATIENCE:?}");
    }
    Ok(said(task, &figures, start.elapsed()))
}

fn said(task: &Load, figures: &Figures, elapsed: Duration) -> Value {
    let at = |quantile| figures.waits.value_at_quantile(quantile);
    json!({
        "clients": task.clients,
        "pipeline": task.pipeline,
        "size": task.size,
        "answered": figures.answered,
        "seconds": elapsed.as_secs_f64(),
        "per_second": (figures.answered as f64 / elapsed.as_secs_f64()).round(),
        "p50_us": at(0.5),
        "p99_us": at(0.99),
        "max_us": figures.waits.max(),
        "gap_us": u64::try_from(figures.gap.as_micros()).unwrap_or(u64::MAX),
    })
}
