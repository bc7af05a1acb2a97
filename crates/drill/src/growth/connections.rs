//! What one more client costs: memory, mostly.

use anyhow::Result;
use rustix::process::{Resource, getrlimit};
use wire::{Mode, NodeName};

use super::file::Table;
use super::load::Load;
use super::stage::{Stage, closed_loop};
use super::{Growth, settings};
use crate::procfs::resident;

pub(super) const TABLE: Table = Table {
    title: "Connections",
    about: "Passive, three replicas, one request of each client under way. Memory is what it took more \
            than after a short load of few clients, at its greatest, for each client: of the primary \
            (a connection and a session), of a backup (a session); and all of the load generator.",
    columns: &[
        "when",
        "revision",
        "clients",
        "/s",
        "p50",
        "p99",
        "primary, each",
        "backup, each",
        "client, each",
    ],
};

/// The clients of the short load before.
const FEW: u32 = 10;
/// Open files beside the connections: doors, peers, logs.
const SPARE: u64 = 128;

pub(super) async fn measure(growth: &Growth) -> Result<()> {
    let counts: &[u32] = if growth.quick { &[10, 1_000] } else { &[10, 100, 1_000, 10_000] };
    let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    for count in counts {
        let needed = u64::from(*count) + SPARE;
        if limit < needed {
            eprintln!(
                "growth: {count} clients are left out: they need {needed} open files, and at most \
                 {limit} are allowed here; raise the hard limit (ulimit -Hn {needed} as root, or \
                 /etc/security/limits.conf)"
            );
            continue;
        }
        let cells = growth
            .place
            .with(settings(growth, Mode::Passive), async |stage| {
                connect(growth, stage, *count).await
            })
            .await?;
        growth.tell(&TABLE, cells)?;
    }
    Ok(())
}

async fn connect(growth: &Growth, stage: &mut Stage, count: u32) -> Result<Vec<String>> {
    let of = |stage: &Stage, name: NodeName| stage.world.pid(name).and_then(resident).unwrap_or(0);
    let names = [stage.primary()?, stage.backup()?];
    // What the first requests take once and for all belongs to nobody.
    stage.figures(&closed_loop(FEW, 1, growth.time), |_, _| {}).await?;
    let before = names.map(|name| of(stage, name));
    let mut most = [0; 3];
    let mut look = |stage: &Stage, load: &Load| {
        let now = [of(stage, names[0]), of(stage, names[1]), resident(load.pid).unwrap_or(0)];
        most = [0, 1, 2].map(|place| now[place].max(most[place]));
    };
    // The programs raise their own limits of open files as far as they may.
    let figures = stage.figures(&closed_loop(count, 1, growth.time), &mut look).await?;
    let each = |place: usize| {
        let more = most[place].saturating_sub(before.get(place).copied().unwrap_or(0));
        super::bytes(more / u64::from(count))
    };
    let mut cells = vec![count.to_string(), format!("{:.0}", figures.per_second)];
    cells.extend([figures.p50_us, figures.p99_us].map(super::micros));
    cells.extend([each(0), each(1), each(2)]);
    Ok(cells)
}
