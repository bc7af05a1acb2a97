//! A cluster that is loaded and measured.
//!
//! Guarantee: nothing is measured before every server is a member, and nothing is left running.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use wire::NodeName;

use super::load::{Figures, Load};
use crate::plan::{Plan, Settings};
use crate::world::{self, Asked, World, run_directory};

/// How long a cluster may take to be whole, at first and after a kill.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where clusters are made.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The directory of the suite.
    pub(super) root: PathBuf,
    /// The directory of the programs.
    pub(super) programs: PathBuf,
}

impl Place {
    /// Brings a cluster up, measures, and ends it.
    pub(super) async fn with<T>(
        &self,
        settings: Settings,
        measure: impl AsyncFnOnce(&mut Stage) -> Result<T>,
    ) -> Result<T> {
        let mut plan = Plan::new(settings, PathBuf::new(), self.programs.clone());
        world::check(&plan)?;
        plan.dir = run_directory(&self.root, "growth")?;
        let dir = plan.dir.clone();
        let mut stage = Stage { world: World::new(plan, false)? };
        let measured = match stage.up().await {
            Ok(()) => measure(&mut stage).await,
            Err(error) => Err(error),
        };
        let ended = stage.world.end().await;
        let measured = measured.with_context(|| format!("logs in {}", dir.display()))?;
        ended?;
        std::fs::remove_dir_all(&dir)
            .with_context(|| format!("cannot remove {}", dir.display()))?;
        let _ = std::fs::remove_file(self.root.join("run/latest"));
        Ok(measured)
    }
}

/// A cluster that runs.
pub(super) struct Stage {
    pub(super) world: World,
}

impl Stage {
    async fn up(&mut self) -> Result<()> {
        let roster = self.world.plan.roster.clone();
        for name in [roster.rm, roster.gfd].into_iter().chain(roster.lfds.iter().copied()) {
            self.world.start(name)?;
        }
        self.whole().await
    }

    /// Waits until every server is a member; servers that write no audit say nothing of themselves.
    pub(super) async fn whole(&mut self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        let servers = self.world.plan.roster.servers.clone();
        while !servers.iter().all(|server| self.world.picture.in_view(*server)) {
            if Instant::now() > until {
                bail!("not every server is a member after {} s", PATIENCE.as_secs());
            }
            self.pump().await?;
        }
        Ok(())
    }

    /// The primary of the newest view.
    pub(super) fn primary(&self) -> Result<NodeName> {
        self.world.picture.view().map(|view| view.primary).context("there is no view")
    }

    /// A member that is not the primary.
    pub(super) fn backup(&self) -> Result<NodeName> {
        let view = self.world.picture.view().context("there is no view")?;
        let mut backups = view.members.iter().filter(|member| **member != view.primary);
        backups.next().copied().context("there is no backup")
    }

    /// Starts `client bench` with these options.
    pub(super) fn load(&self, options: &[String]) -> Result<Load> {
        let plan = &self.world.plan;
        let file = plan.dir.join("bench.toml");
        let manager = plan.manager();
        // No source address: the kernel looks for a free port of one for milliseconds, once thousands
        // are taken, instead of for a free pair.
        std::fs::write(&file, format!("name = \"B1\"\nrm = \"{manager}\"\n"))?;
        let base = plan.settings.port_base.to_string();
        let state = plan.dir.join("state").display().to_string();
        let fixed = ["bench", "-c", &file.display().to_string(), "--json", "--port-base", &base];
        let mut args: Vec<String> = fixed.iter().map(|arg| (*arg).to_owned()).collect();
        args.extend(["--state-dir".to_owned(), state]);
        args.extend_from_slice(options);
        Load::start(&plan.programs.join("client"), &args)
    }

    /// Runs `client bench` to its end, and looks at the cluster from time to time.
    pub(super) async fn figures(
        &mut self,
        options: &[String],
        mut look: impl FnMut(&Self, &Load),
    ) -> Result<Figures> {
        let load = self.load(options)?;
        while !load.is_over() {
            look(self, &load);
            self.pump().await?;
        }
        load.figures()
    }

    /// Lets time pass.
    pub(super) async fn pause(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.pump().await?;
        }
        Ok(())
    }

    /// Little reading, so that what is measured has the machine.
    pub(super) async fn pump(&mut self) -> Result<()> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        match self.world.pump().await? {
            Some(Asked::End) => bail!("interrupted"),
            _ => Ok(()),
        }
    }
}

/// The options of a closed loop.
pub(super) fn closed_loop(clients: u32, pipeline: u32, time: Duration) -> Vec<String> {
    let text = format!("--clients {clients} --pipeline {pipeline} --progress 0 --seconds");
    let words = text.split(' ').map(str::to_owned);
    words.chain([format!("{}ms", time.as_millis())]).collect()
}
