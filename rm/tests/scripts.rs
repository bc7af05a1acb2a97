//! Golden scripts of the RM: one file per story, whose first line is its claim. The commands are
//! those of the `script` crate.
//!
//! `start` takes `mode`, `fresh`, `prefer`, `on_total_loss`, `force_unclean`, `timeout` (1s),
//! `grace` (1s), `hold_down` (10s) and `stable` (2s). Its record is written as the fields of a
//! `view` frame: `view='9,3,passive,S1,S1/11/127.0.0.101:8000'`, with `retired=7` and `condemned=S3/13`
//! beside it. A cluster that it begins by itself is cluster 9.

use std::error::Error;
use std::path::Path;

use rm::{Config, OnTotalLoss, Record, ReplicationManager};
use script::Arguments;
use test_each_file::test_each_path;
use wire::{ClusterId, Incarnation, Message, ReplicaName};

test_each_path! { in "./rm/tests/scripts" => play }

fn play(path: &Path) {
    script::play(path, manager);
}

fn manager(args: &mut Arguments<'_>) -> Result<ReplicationManager, Box<dyn Error>> {
    let name = |text: Option<&str>| text.map(str::parse::<ReplicaName>).transpose();
    let config = Config {
        name: "RM".parse()?,
        mode: script::key(args, "mode", "passive")?,
        fresh: script::key(args, "fresh", "false")?,
        fresh_cluster: ClusterId(9),
        prefer: name(args.take_key("prefer"))?,
        on_total_loss: match args.take_key("on_total_loss") {
            None | Some("restart") => OnTotalLoss::Restart,
            Some("wait") => OnTotalLoss::Wait,
            Some(other) => return Err(format!("on_total_loss={other}").into()),
        },
        force_unclean: name(args.take_key("force_unclean"))?,
        heartbeat_timeout: script::duration(args.take_key("timeout").unwrap_or("1s"))?,
        grace: script::duration(args.take_key("grace").unwrap_or("1s"))?,
        hold_down: script::duration(args.take_key("hold_down").unwrap_or("10s"))?,
        stable_before_failback: script::duration(args.take_key("stable").unwrap_or("2s"))?,
    };
    Ok(ReplicationManager::new(config, record(args)?.as_deref())?)
}

fn record(args: &mut Arguments<'_>) -> Result<Option<String>, Box<dyn Error>> {
    let Some(fields) = args.take_key("view") else { return Ok(None) };
    let Message::View { view, .. } = script::frame(&format!("<RM,{fields},view>"))? else {
        return Err("these are not the fields of a view".into());
    };
    let mut record = Record { view, retired: Vec::new(), condemned: Default::default() };
    if let Some(cluster) = args.take_key("retired") {
        record.retired.push(ClusterId(cluster.parse()?));
    }
    if let Some((server, run)) = args.take_key("condemned").and_then(|run| run.split_once('/')) {
        record.condemned.insert(server.parse()?, Incarnation(run.parse()?));
    }
    Ok(Some(record.to_text()))
}
