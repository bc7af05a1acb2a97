//! Golden scripts of the load generator: one file per story in `tests/bench`, played by `script`.
//! What it reports in the end stands in a note.
//!
//! Arguments of `start`, all optional: `users`, `pipeline`, `requests`, `seconds`, `rate`,
//! `progress`.

use std::collections::BTreeMap;
use std::error::Error;
use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

use client::Bench;
use client::bench::{Config, Load, Report, users};
use node::{Event, Input, Output, Role, Time};
use script::{Arguments, duration, key};
use test_each_file::test_each_path;

test_each_path! { in "client/tests/bench" as story => play }

fn play(path: &Path) {
    script::play(path, |args| Ok(Telling(Bench::new(config(args)?))));
}

fn config(args: &mut Arguments<'_>) -> Result<Config, Box<dyn Error>> {
    let number = |text: &str| text.parse::<u64>();
    Ok(Config {
        users: users("B", key(args, "users", "2")?)?,
        pipeline: key(args, "pipeline", "1")?,
        body: "xx".into(),
        load: Load {
            requests: args.take_key("requests").map(number).transpose()?,
            time: args.take_key("seconds").map(duration).transpose()?,
            rate: args.take_key("rate").map(number).transpose()?.and_then(NonZeroU64::new),
        },
        progress: args.take_key("progress").map(duration).transpose()?,
        rm: "127.0.0.110:8000".parse()?,
        servers: BTreeMap::new(),
        nonce: 100,
        retry: Duration::from_millis(200),
        round: Duration::from_secs(2),
    })
}

/// A load generator that says its report as a note, before it ends.
struct Telling(Bench);

impl Telling {
    fn tell(&mut self, out: &mut Vec<Output>) {
        if let Some(report) = self.0.take_report() {
            let exit = out.pop();
            out.push(Output::Note(Event::Info(summary(&report))));
            out.extend(exit);
        }
    }
}

fn summary(r: &Report) -> String {
    format!(
        "{} in {:?}, waits {}..{} us, gap {:?} at {:?}, lost {}, refused {}, disconnected {}, \
         duplicates {}, dead {}",
        r.answered,
        r.elapsed,
        r.waits.min(),
        r.waits.max(),
        r.gap.length,
        r.gap.at,
        r.lost,
        r.refused,
        r.disconnected,
        r.duplicates,
        r.dead
    )
}

impl Role for Telling {
    fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        self.0.handle(now, input, out);
        self.tell(out);
    }

    fn wake(&mut self, now: Time, out: &mut Vec<Output>) {
        self.0.wake(now, out);
        self.tell(out);
    }

    fn deadline(&self) -> Option<Time> {
        self.0.deadline()
    }
}
