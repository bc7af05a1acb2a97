//! A server as a program: its command line, and how the role and its settings are made of it.
//!
//! [`run`] is the whole `main` of a server of your own service; `server` itself adds the choice
//! between the services that come with the suite.
//!
//! Not here: the role, sockets and files (`host`).

use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser};
use host::cli::{Common, Plan, Ready, machine, period};
use wire::ports::{SERVER_CLIENTS, SERVER_LFD, SERVER_PEERS};
use wire::{Incarnation, ReplicaName};

use crate::{Config, Replica, Service};

const ACK_TIMEOUT: Duration = Duration::from_millis(250);
const PEER_TIMEOUT: Duration = Duration::from_secs(1);

/// What every server is told, whatever it replicates.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Its name: S1, S2, ...
    #[arg(value_name = "NAME")]
    name: ReplicaName,

    /// The address of this machine, as others reach it.
    #[arg(value_name = "IP", value_parser = machine)]
    ip: IpAddr,

    /// The time from one checkpoint to the next (passive mode): seconds, or 250ms, 2s, 1m.
    #[arg(value_name = "CHECKPOINT_FREQ", value_parser = period)]
    checkpoint: Duration,

    /// How late a backup may acknowledge, while another does, before it is complained of
    /// [default: 250ms].
    #[arg(long, env = "CHEVRON_ACK_TIMEOUT", value_name = "TIME", value_parser = period)]
    ack_timeout: Option<Duration>,

    /// How long another replica may be silent before it is complained of [default: 1s].
    #[arg(long, env = "CHEVRON_PEER_TIMEOUT", value_name = "TIME", value_parser = period)]
    peer_timeout: Option<Duration>,

    /// An LFD launched this: run in a session of its own, so as to outlive the LFD.
    #[arg(long)]
    launched: bool,

    #[command(flatten)]
    common: Common,
}

/// Makes a server that replicates `service`.
///
/// # Errors
/// When an argument or the environment does not allow it to run.
pub fn prepare<S: Service + 'static>(
    arguments: Arguments,
    plan: &mut Plan,
    service: S,
) -> anyhow::Result<Ready> {
    let Arguments { name, ip, checkpoint, .. } = arguments;
    if arguments.launched && !plan.check() {
        host::process::new_session().context("--launched is for servers that an LFD launches")?;
    }
    plan.note("name", name);
    plan.note("checkpoint-freq", format_args!("{checkpoint:?}"));
    let doors = [&SERVER_CLIENTS[..], &[SERVER_LFD], &SERVER_PEERS].concat();
    let base = plan.base();
    let mut settings = plan.settings(name.into(), Some(ip), base, &doors);
    settings.half_close = SERVER_CLIENTS.to_vec();
    settings.keyboard = !arguments.launched && !service.table(false).is_empty();
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
    Ok(Ready::new(Replica::new(config, service), settings))
}

/// A server of a service of your own, launched like the suite's (`lfd --server-bin`).
#[derive(Debug, Parser)]
#[command(version, about = "One replica of a service", after_help = EXAMPLE)]
struct Own {
    #[command(flatten)]
    arguments: Arguments,
}

/// The `main` of a server that replicates `S`.
pub fn run<S: Service + Default + 'static>() -> ExitCode {
    host::cli::run(|own: Own, plan| prepare(own.arguments, plan, S::default()))
}

/// What the help of a server ends with.
pub const EXAMPLE: &str = "\
Example:
  server S1 172.19.136.188 10

Listens on IP, ports from 8000 (--port-base):
  8000 8001 8002  clients C1, C2, C3 (each accepts any)
  8003            its LFD
  8004 8005       other replicas

Try it while it is the primary:
  printf '<C9,S1,1,hello,request>' | nc 172.19.136.188 8000

Each option with a variable: the argument goes before the variable, the variable before the
--cluster file, the file before the default.";
