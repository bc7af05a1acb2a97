//! Whether memory stays as it is under full load.

use std::time::Duration;

use anyhow::Result;
use wire::{Mode, NodeName};

use super::file::Table;
use super::load::Load;
use super::stage::{Stage, closed_loop};
use super::{Growth, settings};
use crate::clock;
use crate::procfs::resident;

pub(super) const TABLE: Table = Table {
    title: "Flat memory",
    about: "Three replicas under full load (50 clients, 16 requests of each under way). Memory in use \
            after a tenth of the time, which fills logs and session tables, at the end, and at its \
            greatest between them.",
    columns: &[
        "when",
        "revision",
        "mode",
        "time",
        "requests",
        "/s",
        "process",
        "after a tenth",
        "end",
        "most",
    ],
};

/// One process over the time.
struct Memory {
    name: NodeName,
    early: u64,
    last: u64,
    most: u64,
}

pub(super) async fn measure(growth: &Growth) -> Result<()> {
    for mode in [Mode::Passive, Mode::Active] {
        let rows = growth
            .place
            .with(settings(growth, mode), async |stage| load(stage, growth.flat).await)
            .await?;
        for row in rows {
            growth.tell(&TABLE, [vec![mode.to_string()], row].concat())?;
        }
    }
    Ok(())
}

async fn load(stage: &mut Stage, time: Duration) -> Result<Vec<Vec<String>>> {
    let roster = stage.world.plan.roster.clone();
    let names = roster.servers.iter().copied().chain([roster.rm, roster.gfd, roster.lfds[0]]);
    let new = |name| Memory { name, early: 0, last: 0, most: 0 };
    let mut all: Vec<Memory> = names.map(new).collect();
    let start = clock::now();
    let early = start + u64::try_from(time.as_micros() / 10).unwrap_or(u64::MAX);
    let mut next = start;
    let mut look = |stage: &Stage, _: &Load| {
        let now = clock::now();
        if now < next {
            return;
        }
        next = now + 250_000;
        for memory in &mut all {
            let Some(bytes) = stage.world.pid(memory.name).and_then(resident) else { continue };
            memory.last = bytes;
            if now < early {
                memory.early = bytes;
            } else {
                memory.most = memory.most.max(bytes);
            }
        }
    };
    let figures = stage.figures(&closed_loop(50, 16, time), &mut look).await?;
    let answered = figures.per_second * time.as_secs_f64();
    let row = |memory: &Memory| {
        let Memory { name, early, last, most } = memory;
        let mut cells = vec![format!("{} s", time.as_secs()), format!("{:.1} M", answered / 1e6)];
        cells.extend([format!("{:.0}", figures.per_second), name.to_string()]);
        cells.extend([*early, *last, *most].map(super::bytes));
        cells
    };
    Ok(all.iter().map(row).collect())
}
