//! Golden scripts of an Ivy process: one file per story in `tests/ivy_scripts`, played by `script`.

use std::path::Path;
use std::time::Duration;

use client::ivy::{Config, Process};
use script::key;
use test_each_file::test_each_path;

test_each_path! { in "client/tests/ivy_scripts" as story => play }

fn play(path: &Path) {
    script::play(path, |args| {
        Ok(Process::new(Config {
            name: key(args, "name", "P1")?,
            rm: "127.0.0.110:8000".parse()?,
            address: "127.0.0.110:8011".parse()?,
            nonce: key(args, "nonce", "100")?,
            round: Duration::from_secs(2),
        }))
    });
}
