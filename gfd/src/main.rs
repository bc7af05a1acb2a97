//! `gfd`: the Global Fault Detector (see `gfd --help`).
//!
//! Not here: the arguments (`args`), the role (the library), sockets (`host`).

mod args;

use std::net::SocketAddr;
use std::process::ExitCode;

use gfd::{Config, GlobalFaultDetector};
use host::cli::{Plan, Ready};
use wire::ports::{GFD_LFDS, RM_GFD};

use crate::args::Arguments;

fn main() -> ExitCode {
    host::cli::run(prepare)
}

fn prepare(arguments: Arguments, plan: &mut Plan) -> anyhow::Result<Ready> {
    let Arguments { ip, heartbeat, .. } = arguments;
    let name = "GFD".parse()?;
    plan.note("heartbeat-freq", format_args!("{heartbeat:?}"));
    let base = plan.base();
    let settings = plan.settings(name, Some(ip), base, &GFD_LFDS);
    let beside = SocketAddr::new(ip, base + RM_GFD);
    let config = Config {
        name,
        rm: plan.pick("rm", arguments.rm, |file| file.rm, beside),
        heartbeat_period: heartbeat,
        heartbeat_timeout: plan.heartbeat_timeout(heartbeat, arguments.heartbeat_timeout)?,
    };
    Ok(Ready::new(GlobalFaultDetector::new(config), settings))
}
