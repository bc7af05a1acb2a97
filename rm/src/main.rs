//! `rm`: the Replication Manager (see `rm --help`).
//!
//! Not here: the arguments (`args`), the role (the library), sockets and files (`host`).

mod args;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use host::cli::{Plan, Ready};
use host::state;
use rm::{Config, ReplicationManager};
use wire::ClusterId;
use wire::ports::{RM_CLIENTS, RM_GFD};

use crate::args::{Arguments, OnTotalLoss};

/// The record's file in the state directory.
const RECORD: &str = "rm.toml";

fn main() -> ExitCode {
    host::cli::run(prepare)
}

fn prepare(arguments: Arguments, plan: &mut Plan) -> anyhow::Result<Ready> {
    let Arguments { ip, mode, fresh, force_unclean, .. } = arguments;
    let name = "RM".parse()?;
    plan.note("mode", mode);
    let base = plan.base();
    let doors = [&[RM_GFD], &RM_CLIENTS[..]].concat();
    let mut settings = plan.settings(name, Some(ip), base, &doors);
    settings.half_close = RM_CLIENTS.to_vec();
    settings.keyboard = host::cli::has_keyboard();
    let state_dir = plan.state_dir()?;
    plan.lock(&state_dir, "RM")?;
    let path = state_dir.join(RECORD);
    let record = state::load_record(&path)?;
    let found = if record.is_some() { "found" } else { "none yet" };
    plan.note("record", format_args!("{} ({found})", path.display()));
    let millis = Duration::from_millis;
    let config = Config {
        name,
        mode,
        fresh,
        fresh_cluster: ClusterId(host::cli::started_at()),
        prefer: plan.pick_any("prefer", arguments.prefer, |file| file.prefer),
        on_total_loss: plan
            .pick("on_total_loss", arguments.on_total_loss, |_| None, OnTotalLoss::Restart)
            .into(),
        force_unclean,
        heartbeat_timeout: plan.pick(
            "heartbeat_timeout",
            arguments.heartbeat_timeout,
            |file| file.heartbeat_timeout,
            millis(3000),
        ),
        grace: plan.pick("grace", arguments.grace, |_| None, millis(1000)),
        hold_down: plan.pick("hold_down", arguments.hold_down, |_| None, millis(10_000)),
        stable_before_failback: millis(2000),
    };
    settings.record = Some(path.clone());
    let role = ReplicationManager::new(config, record.as_deref()).with_context(|| {
        format!(
            "cannot use {}: restore it, or start a new cluster with --fresh after moving it away",
            path.display()
        )
    })?;
    Ok(Ready::new(role, settings))
}
