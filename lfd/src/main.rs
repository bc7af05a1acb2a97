//! `lfd`: the Local Fault Detector of one server (see `lfd --help`).
//!
//! Not here: the arguments (`args`), how the server is launched (`launch`), the role (the library),
//! sockets, processes and files (`host`).

mod args;
mod launch;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use host::cli::{Plan, Ready};
use lfd::{Config, LocalFaultDetector};
use wire::ports::SERVER_LFD;

use crate::args::Arguments;

const HUNG_GRACE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    host::cli::run(prepare)
}

fn prepare(arguments: Arguments, plan: &mut Plan) -> anyhow::Result<Ready> {
    let Arguments { heartbeat, name, server, server_address, gfd, .. } = arguments;
    let base = server_address.port().saturating_sub(SERVER_LFD);
    ensure!(
        base > 0 && plan.common.port_base.is_none_or(|given| given == base),
        "{server_address} is not where a server listens for its LFD: that is its port base plus \
         {SERVER_LFD}, 8003 by default"
    );
    plan.note("name", name);
    plan.note("heartbeat-freq", format_args!("{heartbeat:?}"));
    plan.note("server", format_args!("{server} at {server_address}"));
    plan.note("gfd", gfd);
    let mut settings = plan.settings(name, Some(server_address.ip()), base, &[]);
    settings.launch = Some(launch::command(&arguments, base, plan)?);
    let config = Config {
        name,
        server,
        server_address,
        gfd,
        heartbeat_period: heartbeat,
        heartbeat_timeout: plan.heartbeat_timeout(heartbeat, arguments.heartbeat_timeout)?,
        hung_grace: plan.pick("hung_grace", arguments.hung_grace, |_| None, HUNG_GRACE),
    };
    Ok(Ready::new(LocalFaultDetector::new(config), settings))
}
