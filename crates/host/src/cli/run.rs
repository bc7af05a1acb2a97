//! From `main` to the event loop: arguments, plan, settings, run.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{FromArgMatches as _, Parser};
use node::{RUNS_ALREADY, Role};

use super::{Common, Plan, VARIABLES, unknown_variables};
use crate::Settings;
use crate::error::Error;

/// Bad use, or an environment in which the program cannot run.
const BAD_USE: u8 = 2;

/// A role that is ready to run. What it is made of differs from service to service; running it does
/// not.
pub struct Ready(Box<dyn FnOnce() -> ExitCode>);

impl Ready {
    /// The role, and how to run it.
    pub fn new<R: Role + 'static>(role: R, settings: Settings) -> Self {
        Self(Box::new(move || crate::run(role, settings)))
    }
}

/// The whole of a binary: reads the command line, lets `prepare` build the role and its settings,
/// and runs it; with `--check`, prints what would be used instead. Anything wrong is one line and
/// exit code 2, or 3 where the same process runs already.
pub fn run<A: Parser>(prepare: fn(A, &mut Plan) -> anyhow::Result<Ready>) -> ExitCode {
    let program = A::command().get_name().to_owned();
    match start(&program, prepare) {
        Ok(code) => code,
        Err(error) => {
            // What a library says may have several lines, and a picture in them.
            let text = format!("{error:#}");
            let words: Vec<&str> = text.split_whitespace().collect();
            eprintln!("{program}: {}", words.join(" "));
            let second = matches!(error.downcast_ref(), Some(Error::Locked { .. }));
            ExitCode::from(if second { RUNS_ALREADY } else { BAD_USE })
        }
    }
}

fn start<A: Parser>(
    program: &str,
    prepare: fn(A, &mut Plan) -> anyhow::Result<Ready>,
) -> anyhow::Result<ExitCode> {
    let matches = match A::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return explain(program, &error),
    };
    // A launched server has its LFD's environment, and the LFD has said it.
    if !matches!(matches.try_get_one::<bool>("launched"), Ok(Some(true))) {
        warn_of_unknown_variables(program);
    }
    let arguments = A::from_arg_matches(&matches)?;
    let common = Common::from_arg_matches(&matches)?;
    let mut plan = Plan::new(common, matches)?;
    let ready = prepare(arguments, &mut plan)?;
    if plan.check() {
        write!(std::io::stdout(), "{program} would use:\n{plan}")?;
        return Ok(ExitCode::SUCCESS);
    }
    // The plan stays until the end: it holds the locks.
    Ok((ready.0)())
}

/// Help and version go to standard output; anything else becomes one line.
fn explain(program: &str, error: &clap::Error) -> anyhow::Result<ExitCode> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        error.print()?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = error.to_string();
    let mut line = String::new();
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if part.starts_with("Usage:") || part.starts_with("For more information") {
            break;
        }
        let part = part.strip_prefix("error: ").unwrap_or(part);
        let between = match part.starts_with("tip: ") {
            _ if line.is_empty() => "",
            true => "; ",
            false => " ",
        };
        write!(line, "{between}{part}")?;
    }
    anyhow::bail!("{line} (see `{program} --help`)")
}

fn warn_of_unknown_variables(program: &str) {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown = unknown_variables(names).join(", ");
    if !unknown.is_empty() {
        eprintln!(
            "{program}: warning: ignored, since the suite has no such variable: {unknown} \
             (see `{program} --help`)"
        );
    }
}

/// For the tests of each binary: its command line is well-formed, and all its variables are known to
/// the other binaries.
///
/// # Panics
/// When it is not.
pub fn examine<A: Parser>() {
    let command = A::command();
    for argument in command.get_arguments() {
        let Some(variable) = argument.get_env().and_then(|variable| variable.to_str()) else {
            continue;
        };
        assert!(VARIABLES.contains(&variable), "{variable} is missing in host::cli::VARIABLES");
        assert_eq!(variable, super::variable(argument.get_id().as_str()), "is reported by --check");
    }
    command.debug_assert();
}
