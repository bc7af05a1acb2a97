//! Processes as `/proc` shows them: names, parents, states, and who descends from whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Every process.
#[must_use]
pub fn all() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The program of a process, or `a program` if it cannot be seen.
#[must_use]
pub fn program(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .map_or_else(|_| "a program".into(), |name| name.trim().to_owned())
}

/// Whether a process has this socket open.
#[must_use]
pub fn holds_socket(pid: i32, inode: u64) -> bool {
    let wanted = format!("socket:[{inode}]");
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    entries.flatten().any(|entry| {
        fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == wanted.as_str())
    })
}

/// What the kernel says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// `R`, `S`, `T` (stopped), `Z` (ended, not reaped), ...
    pub state: char,
    /// Its parent.
    pub parent: i32,
}

/// What the kernel says of a process; `None` when there is none.
#[must_use]
pub fn stat(pid: i32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// How much memory of a process is in use, in bytes; `None` when there is no such process.
#[must_use]
pub fn resident(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// A program's name may hold blanks and parentheses: what counts comes after the last one.
fn parse(text: &str) -> Option<Stat> {
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
    Some(Stat { state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()? })
}

/// The children of a process, their children, and so on; without `except` and theirs.
#[must_use]
pub fn descendants(of: i32, except: &BTreeSet<i32>) -> BTreeSet<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for pid in all() {
        if let Some(stat) = stat(pid) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = BTreeSet::new();
    let mut open = vec![of];
    while let Some(parent) = open.pop() {
        for child in children.get(&parent).into_iter().flatten() {
            if !except.contains(child) && found.insert(*child) {
                open.push(*child);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(resident(pid).is_some_and(|bytes| bytes > 100_000));
        assert_eq!(resident(i32::MAX), None);
    }

    #[test]
    fn a_strange_program_name_does_not_confuse() {
        let stat = parse("42 (a) b (c)) T 7 42 42 0 -1").unwrap();
        assert_eq!(stat, Stat { state: 'T', parent: 7 });
        assert_eq!(parse("nothing"), None);
    }
}
