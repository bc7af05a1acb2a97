//! `server`: one replica (see `server --help`).
//!
//! Not here: the arguments (`args`), the role (the library), sockets and files (`host`).

mod args;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use host::cli::{Plan, Ready};
use server::service::Status;
use server::{Config, Replica};
use wire::Incarnation;
use wire::ports::{SERVER_CLIENTS, SERVER_LFD, SERVER_PEERS};

use crate::args::{Arguments, Service};

const ACK_TIMEOUT: Duration = Duration::from_millis(250);
const PEER_TIMEOUT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    host::cli::run(prepare)
}

fn prepare(arguments: Arguments, plan: &mut Plan) -> anyhow::Result<Ready> {
    let Arguments { name, ip, checkpoint, service, .. } = arguments;
    if arguments.launched && !plan.check() {
        host::process::new_session().context("--launched is for servers that an LFD launches")?;
    }
    plan.note("name", name);
    plan.note("checkpoint-freq", format_args!("{checkpoint:?}"));
    plan.note("service", format_args!("{service:?}"));
    let doors = [&SERVER_CLIENTS[..], &[SERVER_LFD], &SERVER_PEERS].concat();
    let base = plan.base();
    let mut settings = plan.settings(name.into(), Some(ip), base, &doors);
    settings.half_close = SERVER_CLIENTS.to_vec();
    let state_dir = plan.state_dir()?;
    plan.lock(&state_dir, name.as_str())?;
    let config = Config {
        name,
        incarnation: Incarnation(host::cli::started_at()),
        pid: std::process::id(),
        address: (ip, base).into(),
        checkpoint_period: checkpoint,
        ack_timeout: plan.pick(
            "ack_timeout",
            arguments.ack_timeout,
            |f| f.ack_timeout,
            ACK_TIMEOUT,
        ),
        peer_timeout: plan.pick("peer_timeout", arguments.peer_timeout, |_| None, PEER_TIMEOUT),
        frame_limit: settings.frame_limit,
        narrate: !settings.console.quiet,
        audit: settings.audit.is_some(),
    };
    match service {
        Service::Status => Ok(Ready::new(Replica::new(config, Status::default()), settings)),
    }
}
