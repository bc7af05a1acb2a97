//! Golden scripts of the LFD: one file per story, whose first line is its claim. The commands are
//! those of the `script` crate; `start` takes `period`, `timeout` and `grace`.

use std::error::Error;
use std::path::Path;

use lfd::{Config, LocalFaultDetector};
use script::Arguments;
use test_each_file::test_each_path;

test_each_path! { in "./lfd/tests/scripts" => play }

fn play(path: &Path) {
    script::play(path, detector);
}

fn detector(args: &mut Arguments<'_>) -> Result<LocalFaultDetector, Box<dyn Error>> {
    Ok(LocalFaultDetector::new(Config {
        name: "LFD1".parse()?,
        server: "S1".parse()?,
        server_address: "127.0.0.101:8003".parse()?,
        gfd: "127.0.0.110:8000".parse()?,
        heartbeat_period: script::duration(args.take_key("period").unwrap_or("100ms"))?,
        heartbeat_timeout: script::duration(args.take_key("timeout").unwrap_or("1s"))?,
        hung_grace: script::duration(args.take_key("grace").unwrap_or("10s"))?,
    }))
}
