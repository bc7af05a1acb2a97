//! The command by which the LFD launches its server: the documents' three arguments, and what the
//! server has to share with its LFD.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use host::cli::Plan;
use host::launch::Command;

use crate::args::Arguments;

const CHECKPOINT: Duration = Duration::from_secs(10);

/// The command, once it is sure that there is such a program.
pub(crate) fn command(given: &Arguments, base: u16, plan: &mut Plan) -> anyhow::Result<Command> {
    let beside = std::env::current_exe().context("cannot find this program's own directory")?;
    let beside = beside.with_file_name("server");
    let program = plan.pick("server_bin", given.server_bin.clone(), |_| None, beside);
    // Without a directory in it, a name would be looked up on PATH when it is launched.
    let program = std::path::absolute(program)?;
    ensure!(
        is_program(&program),
        "{} is no program that can be launched as the server: build it (cargo build --release) or \
         name it with --server-bin",
        program.display()
    );
    if let Some(log) = &given.server_log {
        let dir = std::path::absolute(log)?.parent().map(Path::to_owned).unwrap_or_default();
        ensure!(
            dir.is_dir(),
            "the directory of --server-log {} is not there: make it first",
            log.display()
        );
    }
    let checkpoint =
        plan.pick("checkpoint_freq", given.checkpoint_freq, |file| file.checkpoint, CHECKPOINT);
    let state_dir = plan.state_dir()?;
    let mut args: Vec<OsString> = vec![
        given.server.to_string().into(),
        given.server_address.ip().to_string().into(),
        format!("{checkpoint:?}").into(),
        "--launched".into(),
        "--port-base".into(),
        base.to_string().into(),
        "--state-dir".into(),
        state_dir.into(),
    ];
    let files = [("--cluster", &given.common.cluster), ("--audit", &given.server_audit)];
    for (option, file) in files {
        if let Some(file) = file {
            args.extend([option.into(), file.into()]);
        }
    }
    if let Some(limit) = given.common.frame_limit {
        args.extend(["--frame-limit".into(), limit.to_string().into()]);
    }
    if let Some(color) = given.common.color {
        args.extend(["--color".into(), color.to_string().into()]);
    }
    let flags = [("--quiet", given.common.quiet), ("--verbose", given.common.verbose)];
    args.extend(flags.iter().filter(|(_, on)| *on).map(|(flag, _)| OsString::from(flag)));
    let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
    plan.note("launches", format_args!("{} {}", program.display(), words.join(" ")));
    Ok(Command { program, args, log: given.server_log.clone() })
}

/// Whether the file is there and may be executed.
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path)
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
