//! The managers' tables, as the documents show them, and as what can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::world::World;

/// A page at the manager: its owner and who has copies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) owner: Option<String>,
    pub(super) copies: BTreeSet<String>,
}

/// Reads a manager's summary: `clock 9; 1 P1 map[P2]; 2 P2 map[]`.
pub(super) fn records(summary: &str) -> Option<BTreeMap<u32, Record>> {
    let mut parts = summary.split("; ");
    parts.next()?.strip_prefix("clock ")?;
    parts
        .map(|part| {
            let (page, rest) = part.split_once(' ')?;
            let (owner, copies) = rest.split_once(' ')?;
            let copies = copies.strip_prefix("map[")?.strip_suffix(']')?;
            let owner = Some(owner.to_owned()).filter(|owner| owner != "-");
            let copies = copies.split_whitespace().map(str::to_owned).collect();
            Some((page.parse().ok()?, Record { owner, copies }))
        })
        .collect()
}

/// The tables of all managers. A backup's stands where its last checkpoint does.
pub(crate) async fn tables(world: &World) -> String {
    let mut text = String::new();
    for server in &world.plan.roster.servers {
        // Writing to a string does not fail.
        let _ = match world.inspect(*server).await {
            Err(why) => writeln!(text, "{server}: {why}"),
            Ok(seen) => {
                let role = if seen.phase == "primary" { "cm_Primary" } else { "cm_Backup" };
                let rows = records(&seen.summary).unwrap_or_default();
                let _ = writeln!(text, "{role}: {server}\nRecord    Owner_ID  copy_set");
                rows.iter().try_for_each(|(page, record)| {
                    let owner = record.owner.as_deref().unwrap_or("-");
                    let copies: Vec<&str> = record.copies.iter().map(String::as_str).collect();
                    writeln!(text, "{page:<9} {owner:<9} map[{}]", copies.join(" "))
                })
            }
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_managers_summary_is_read() {
        let read = records("clock 9; 1 P1 map[P2 P3]; 12 - map[]").unwrap();
        let copies = ["P2", "P3"].map(str::to_owned).into();
        assert_eq!(read[&1], Record { owner: Some("P1".to_owned()), copies });
        assert_eq!(read[&12], Record::default());
        assert_eq!(records("clock 0"), Some(BTreeMap::new()));
        assert_eq!(records("hello_world8"), None);
    }
}
