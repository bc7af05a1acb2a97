//! `client`: one client of the replicated service (see `client --help`), and a load generator with
//! many (`client bench --help`), and a process of shared virtual memory (`client ivy --help`).
//!
//! Not here: the arguments (`args`, `load` for the load generator, `memory` for Ivy), the configuration file
//! (`config`) and the roles (the library), sockets and the keyboard (`host`).

mod args;
mod load;
mod memory;

use std::process::ExitCode;

use anyhow::Context as _;
use client::config::File;
use client::{Client, Source};
use host::cli::{Plan, Ready};

use crate::args::Arguments;

fn main() -> ExitCode {
    // A command line of its own: a client's has no place for a second one beside it.
    let first = std::env::args_os().nth(1).unwrap_or_default();
    if first == load::COMMAND {
        host::cli::run(load::prepare)
    } else if first == memory::COMMAND {
        host::cli::run(memory::prepare)
    } else {
        host::cli::run(prepare)
    }
}

fn prepare(arguments: Arguments, plan: &mut Plan) -> anyhow::Result<Ready> {
    let path = &arguments.config;
    let mut file: File = host::cli::load(path)?;
    arguments.override_file(&mut file)?;
    let base = plan.base();
    let config =
        file.config(host::cli::started_at(), base).with_context(|| path.display().to_string())?;
    plan.note("name", config.name);
    plan.note("rm", config.rm);
    plan.note("requests", format_args!("{:?}", config.source));
    plan.note("window", config.window);
    plan.note("retry", format_args!("{:?}", config.retry));
    plan.note("round", format_args!("{:?}", config.round));
    let mut settings = plan.settings(config.name.into(), file.bind, base, &[]);
    settings.keyboard = config.source == Source::Keyboard;
    Ok(Ready::new(Client::new(config), settings))
}
