//! The replica's stories: one file each, its first line is its claim.

use std::path::Path;
use std::time::Duration;

use script::key;
use server::service::Status;
use server::{Config, Replica};
use test_each_file::test_each_path;
use wire::{DEFAULT_FRAME_LIMIT, Incarnation};

fn play(path: &Path) {
    script::play(path, |args| {
        let duration = |text: &str| script::duration(text);
        Ok(Replica::new(
            Config {
                name: key(args, "name", "S1")?,
                incarnation: Incarnation(key(args, "incarnation", "1")?),
                pid: 4711,
                address: key(args, "address", "127.0.0.101:8000")?,
                checkpoint_period: duration(args.take_key("checkpoint").unwrap_or("10s"))?,
                ack_timeout: Duration::from_millis(250),
                peer_timeout: Duration::from_secs(1),
                frame_limit: key(args, "frame_limit", &DEFAULT_FRAME_LIMIT.to_string())?,
                narrate: key(args, "narrate", "false")?,
                audit: key(args, "audit", "false")?,
            },
            Status::default(),
        ))
    });
}

test_each_path! { in "./server/tests/scripts" => play }
