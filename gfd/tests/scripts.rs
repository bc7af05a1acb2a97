//! Golden scripts of the GFD: one file per story, whose first line is its claim. The commands are
//! those of the `script` crate; `start` takes `period` and `timeout`.

use std::error::Error;
use std::path::Path;

use gfd::{Config, GlobalFaultDetector};
use script::Arguments;
use test_each_file::test_each_path;

test_each_path! { in "./gfd/tests/scripts" => play }

fn play(path: &Path) {
    script::play(path, detector);
}

fn detector(args: &mut Arguments<'_>) -> Result<GlobalFaultDetector, Box<dyn Error>> {
    Ok(GlobalFaultDetector::new(Config {
        name: "GFD".parse()?,
        rm: "127.0.0.110:8003".parse()?,
        heartbeat_period: script::duration(args.take_key("period").unwrap_or("100ms"))?,
        heartbeat_timeout: script::duration(args.take_key("timeout").unwrap_or("1s"))?,
    }))
}
