//! The end of a drill: the clients end, the members agree, the verdict is printed.
//!
//! Not here: the verdict itself; see `report`.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::checks;
use crate::report::{Finals, Report};
use crate::world::World;

/// How long the members may take to agree once the clients have ended.
const QUIET: Duration = Duration::from_secs(10);

/// Ends the clients and asks the members where they stand until they agree; a drill that was
/// interrupted does not ask.
///
/// # Errors
/// When a file of the run cannot be read or written.
pub async fn finals(world: &mut World, interrupted: bool) -> Result<Finals> {
    if let Err(error) = world.stop_clients().await {
        world.strays.push(format!("{error:#}"));
    }
    if interrupted {
        return Ok(Err("not asked".into()));
    }
    let active = world.picture.view().is_some_and(|view| view.mode == "active");
    let start = Instant::now();
    loop {
        let states = world.states().await;
        let agree = matches!(&states, Ok(states) if checks::members_agree(states, active).held);
        if agree || start.elapsed() > QUIET {
            return Ok(states);
        }
        world.pump().await?;
    }
}

/// Prints the report, and removes the run's directory unless it is worth keeping. Gives whether
/// everything held.
///
/// # Errors
/// When the terminal cannot be written, or the directory not be removed.
pub fn deliver(report: &Report, json: bool, keep: bool, dir: &Path, root: &Path) -> Result<bool> {
    if json {
        writeln!(io::stdout(), "{}", serde_json::to_string(report)?)?;
    } else {
        write!(io::stdout(), "{}", report.summary())?;
    }
    if report.held && !keep {
        std::fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        let _ = std::fs::remove_file(root.join("run/latest"));
    } else {
        eprintln!("drill: logs and audits in {}", dir.display());
    }
    Ok(report.held)
}
