//! What one more replica costs.

use anyhow::Result;
use wire::Mode;

use super::file::Table;
use super::stage::closed_loop;
use super::{Growth, settings};

pub(super) const TABLE: Table = Table {
    title: "Replicas",
    about: "Closed loops of 16-byte requests: requests per second, and how long half and 99 of 100 of \
            them took.",
    columns: &[
        "when",
        "revision",
        "mode",
        "replicas",
        "1 client: /s",
        "p50",
        "p99",
        "50 clients: /s",
        "p50",
        "p99",
        "50 x 16: /s",
        "p50",
        "p99",
    ],
};

/// Clients and pipelines.
const SHAPES: [(u32, u32); 3] = [(1, 1), (50, 1), (50, 16)];

pub(super) async fn measure(growth: &Growth) -> Result<()> {
    let counts: &[usize] = if growth.quick { &[1, 3, 5] } else { &[1, 2, 3, 5, 7] };
    for mode in [Mode::Passive, Mode::Active] {
        for count in counts {
            let mut settings = settings(growth, mode);
            settings.replicas = *count;
            let cells = growth
                .place
                .with(settings, async |stage| {
                    let mut cells = vec![mode.to_string(), count.to_string()];
                    for (clients, pipeline) in SHAPES {
                        let options = closed_loop(clients, pipeline, growth.time);
                        let figures = stage.figures(&options, |_, _| {}).await?;
                        cells.push(format!("{:.0}", figures.per_second));
                        cells.extend([figures.p50_us, figures.p99_us].map(super::micros));
                    }
                    Ok(cells)
                })
                .await?;
            growth.tell(&TABLE, cells)?;
        }
    }
    Ok(())
}
