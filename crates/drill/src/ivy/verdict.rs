//! What a scenario came to: figures, and what held.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use anyhow::Result;
use wire::NodeName;

use super::history::{Did, History};
use super::said::{Ivy, Outcome};
use super::scenarios::{Load, Scenario};
use super::stage::{Played, Stage};
use super::tables::{Record as Page, records};
use crate::audit::{Record, What};

/// No manager takes over sooner than this after a kill, in microseconds.
const TAKE_OVER: u64 = 1000;

/// An operation that is over.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) ended: u64,
    micros: u64,
    pub(super) local: bool,
    writes: bool,
    page: u32,
    outcome: Outcome,
    contents: String,
}

impl Operation {
    pub(super) fn began(&self) -> u64 {
        self.ended.saturating_sub(self.micros)
    }
}

/// The verdict of a scenario.
#[derive(Debug)]
pub(super) struct Verdict {
    lines: Vec<String>,
    checks: Vec<(String, Result<(), String>)>,
}

impl Verdict {
    pub(super) fn held(&self) -> bool {
        self.checks.iter().all(|(_, held)| held.is_ok())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "  {line}")?;
        }
        for (what, held) in &self.checks {
            match held {
                Ok(()) => writeln!(f, "  held    {what}")?,
                Err(why) => writeln!(f, "  BROKEN  {what}: {why}")?,
            }
        }
        writeln!(f, "  {}", if self.held() { "all held" } else { "NOT all held" })
    }
}

/// Judges what was played.
pub(super) async fn judge(
    stage: &mut Stage<'_>,
    scenario: &Scenario,
    played: Played,
) -> Result<Verdict> {
    let operations = operations(&stage.world.records);
    let mut lines = trace(stage, scenario, &played);
    lines.extend(figures(&stage.world.records, &operations, &played));
    let measured = measured(&operations, &played).count() as u64;
    let requested = played.requested;
    let complete =
        if measured == requested { Ok(()) } else { Err(format!("{measured} of {requested}")) };
    let mut checks = vec![("every operation that was asked for is over".to_owned(), complete)];
    checks.push((
        "one owner per page, no access beside a writer's, and the manager knows of all".to_owned(),
        agree(stage).await?,
    ));
    checks.push((
        "every read returns the latest write in one order of all operations".to_owned(),
        consistent(&stage.world.records, operations),
    ));
    let fenced = stage.world.records.iter().any(|r| matches!(r.what, What::Ivy(Ivy::Fenced)));
    let innocent = if fenced { Err("one was".to_owned()) } else { Ok(()) };
    checks.push(("no live process was given up".to_owned(), innocent));
    if scenario.back {
        let back = stage.world.records.iter().any(|r| matches!(r.what, What::Ivy(Ivy::ImBack)));
        let back = if back { Ok(()) } else { Err("no process was told".to_owned()) };
        checks.push(("the preferred manager is back (IM_BACK)".to_owned(), back));
    }
    let strays = &stage.world.strays;
    let clean = if strays.is_empty() { Ok(()) } else { Err(strays.join("; ")) };
    checks.push(("nothing ended by itself".to_owned(), clean));
    checks.extend(played.found);
    Ok(Verdict { lines, checks })
}

/// The operations of every process, in its order.
pub(super) fn operations(records: &[Record]) -> BTreeMap<NodeName, Vec<Operation>> {
    let mut begun = BTreeMap::new();
    let mut over: BTreeMap<NodeName, Vec<Operation>> = BTreeMap::new();
    for record in records {
        match &record.what {
            What::Ivy(Ivy::Began { operation, writes, contents, .. }) => {
                begun.insert((record.who, *operation), (*writes, contents.clone()));
            }
            What::Ivy(Ivy::Ended { operation, page, outcome, local, micros }) => {
                let Some((writes, contents)) = begun.remove(&(record.who, *operation)) else {
                    continue;
                };
                over.entry(record.who).or_default().push(Operation {
                    ended: record.at,
                    micros: *micros,
                    local: *local,
                    writes,
                    page: *page,
                    outcome: outcome.clone(),
                    contents,
                });
            }
            _ => {}
        }
    }
    over
}

fn measured<'a>(
    operations: &'a BTreeMap<NodeName, Vec<Operation>>,
    played: &Played,
) -> impl Iterator<Item = &'a Operation> {
    let began = played.began;
    operations.values().flatten().filter(move |operation| operation.ended >= began)
}

fn figures(
    records: &[Record],
    operations: &BTreeMap<NodeName, Vec<Operation>>,
    played: &Played,
) -> Vec<String> {
    let all: Vec<&Operation> = measured(operations, played).collect();
    let first = all.iter().map(|operation| operation.began()).min().unwrap_or(0);
    let last = all.iter().map(|operation| operation.ended).max().unwrap_or(0);
    let elapsed = last.saturating_sub(first).max(1);
    let mut remote: Vec<u64> = all.iter().filter(|o| !o.local).map(|o| o.micros).collect();
    remote.sort_unstable();
    let sent = |r: &&Record| r.at >= played.began && matches!(r.what, What::Ivy(Ivy::Row(_)));
    let messages = records.iter().filter(sent).count();
    let mut lines = vec![format!(
        "elapsed {:.1} ms, completed {}/{}, {:.0} operations/s",
        elapsed as f64 / 1e3,
        all.len(),
        played.requested,
        all.len() as f64 * 1e6 / elapsed as f64
    )];
    if let (Some(least), Some(most)) = (remote.first(), remote.last()) {
        lines.push(format!(
            "{} over the manager (median {} us, {least} to {most}), {} local; \
             {:.1} messages per operation over the manager",
            remote.len(),
            remote[remote.len() / 2],
            all.len() - remote.len(),
            messages as f64 / remote.len() as f64
        ));
    }
    if played.killed > 0 {
        let gaps = gaps(operations, &played.kills);
        let seen = match (gaps.get(gaps.len() / 2), gaps.last()) {
            (Some(median), Some(most)) => format!(
                "a process waited {:.1} ms (median), {:.1} ms at most",
                *median as f64 / 1e3,
                *most as f64 / 1e3
            ),
            _ => "no process waited".to_owned(),
        };
        let (killed, times) = (played.killed, played.kills.len());
        lines.push(format!("{killed} managers killed, {times} fail-overs: {seen}"));
    }
    lines
}

/// How long the processes waited at some kills, from the shortest time to the longest, in
/// microseconds.
pub(super) fn gaps(operations: &BTreeMap<NodeName, Vec<Operation>>, kills: &[u64]) -> Vec<u64> {
    let of = |at: &u64| operations.values().filter_map(|ours| gap(ours, *at)).collect::<Vec<_>>();
    let mut gaps: Vec<u64> = kills.iter().flat_map(of).collect();
    gaps.sort_unstable();
    gaps
}

/// How long a process waited at a kill: the longest of its operations that were in hand then or began
/// before another manager can have been in charge, from the kill on. `None` if it had none.
fn gap(operations: &[Operation], kill: u64) -> Option<u64> {
    let in_hand = |o: &&Operation| !o.local && o.ended > kill && o.began() < kill + TAKE_OVER;
    operations.iter().filter(in_hand).map(|o| o.ended - kill.max(o.began())).max()
}

/// The documents' trace, for the scenarios that are one operation.
fn trace(stage: &Stage<'_>, scenario: &Scenario, played: &Played) -> Vec<String> {
    if !matches!(scenario.load, Load::One(_)) {
        return Vec::new();
    }
    let mut rows: Vec<(u64, String)> = Vec::new();
    for record in stage.world.records.iter().filter(|record| record.at >= played.began) {
        let row = match &record.what {
            What::Ivy(Ivy::Row([kind, from, to, page, requester])) => {
                format!("{kind:<16} {from:<9} {to:<9} {page:<9} {requester}")
            }
            What::Ivy(Ivy::Done) => "Done".to_owned(),
            _ => continue,
        };
        rows.push((record.at, row));
    }
    rows.sort_by_key(|(at, _)| *at);
    let heading = "Type             From      To        Page      Requester".to_owned();
    std::iter::once(heading).chain(rows.into_iter().map(|(_, row)| row)).collect()
}

/// Whether the tables of the processes agree with the primary manager's.
async fn agree(stage: &mut Stage<'_>) -> Result<Result<(), String>> {
    let from = stage.world.records.len();
    for process in stage.processes.clone() {
        stage.world.type_at(process, "print").map_err(anyhow::Error::msg)?;
    }
    let count = stage.processes.len();
    let said = |stage: &Stage<'_>| {
        let records = stage.world.records[from..].iter();
        let printed = records.filter(|r| matches!(r.what, What::Ivy(Ivy::Entries)));
        printed.map(|record| record.who).collect::<BTreeSet<_>>().len()
    };
    stage.wait("all tables are printed", |stage| said(stage) == count).await?;
    let Some(primary) = stage.world.picture.view().map(|view| view.primary) else {
        return Ok(Err("there is no view".to_owned()));
    };
    let summary = match stage.world.inspect(primary).await {
        Ok(standing) => standing.summary,
        Err(why) => return Ok(Err(format!("{primary}: {why}"))),
    };
    let Some(pages) = records(&summary) else {
        return Ok(Err(format!("{primary} has no table: {summary}")));
    };
    Ok(compare(&stage.world.records[from..], &pages))
}

fn compare(printed: &[Record], pages: &BTreeMap<u32, Page>) -> Result<(), String> {
    let mut access: BTreeMap<u32, Vec<(String, bool, &str)>> = BTreeMap::new();
    for record in printed {
        if let What::Ivy(Ivy::Entry(page, owner, may)) = &record.what {
            let of = access.entry(*page).or_default();
            of.push((record.who.to_string(), *owner, may.as_str()));
        }
    }
    for (page, table) in pages {
        let rows = access.get(page).map(Vec::as_slice).unwrap_or_default();
        let owners: Vec<&String> = rows.iter().filter(|row| row.1).map(|row| &row.0).collect();
        if owners.into_iter().ne(&table.owner) {
            return Err(format!("page {page}: the manager says {table:?}, the processes {rows:?}"));
        }
        let with = || rows.iter().filter(|row| row.2 != "Nil");
        if with().any(|row| row.2 == "ReadWrite") && with().count() > 1 {
            return Err(format!("page {page} has a writer and others with access: {rows:?}"));
        }
        let known =
            |name: &String| table.owner.as_ref() == Some(name) || table.copies.contains(name);
        if let Some(row) = with().find(|row| !known(&row.0)) {
            return Err(format!("page {page}: {} has access, the manager says {table:?}", row.0));
        }
    }
    Ok(())
}

/// Something of the managers' log that orders writes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Wrote(NodeName),
    Lost(u32),
}

/// Whether the history is sequentially consistent.
fn consistent(
    records: &[Record],
    operations: BTreeMap<NodeName, Vec<Operation>>,
) -> Result<(), String> {
    let mut log: BTreeMap<u64, (u64, Turn)> = BTreeMap::new();
    let mut turns = Vec::new();
    for record in records {
        match &record.what {
            What::Executed(entry) if entry.effect && entry.body.ends_with("WriteConfirmation") => {
                let turn = Turn::Wrote(entry.client);
                log.entry(entry.sequence).or_insert((record.at, turn));
            }
            What::Ivy(Ivy::Lost(page, _)) => turns.push((record.at, Turn::Lost(*page))),
            _ => {}
        }
    }
    turns.extend(log.into_values());
    turns.sort();
    let mut left: BTreeMap<NodeName, (usize, VecDeque<Operation>)> = BTreeMap::new();
    for (run, (name, operations)) in operations.into_iter().enumerate() {
        left.insert(name, (run, operations.into()));
    }
    let mut history = History::default();
    for (_, turn) in turns {
        match turn {
            Turn::Lost(page) => history.lost(page),
            Turn::Wrote(process) => {
                let Some((run, operations)) = left.get_mut(&process) else { continue };
                while let Some(next) = operations.pop_front() {
                    let granted = next.writes && !next.local;
                    if granted {
                        history.owned(*run, next.page);
                    }
                    enter(&mut history, *run, &next)?;
                    if granted {
                        break;
                    }
                }
            }
        }
    }
    for (run, operations) in left.into_values() {
        for next in operations {
            enter(&mut history, run, &next)?;
        }
    }
    history.check()
}

fn enter(history: &mut History, run: usize, operation: &Operation) -> Result<(), String> {
    // What two processes write may look alike; who wrote it and when does not.
    let did = match &operation.outcome {
        Outcome::Written => Did::Wrote(operation.contents.clone()),
        Outcome::Read(contents) => Did::Read(contents.clone()),
        Outcome::Never => Did::FoundNothing,
        Outcome::Lost(_) => {
            let last = history.losses(operation.page).checked_sub(1);
            Did::FoundLost(last.ok_or("a page is lost, and no manager said so")?)
        }
    };
    history.did(run, operation.page, did)
}
