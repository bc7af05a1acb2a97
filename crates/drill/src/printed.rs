//! What the servers printed of their state: in active mode the `my_state_S1 = A before processing
//! <C1, S1, 8, request>` lines of all servers are one sequence, the server's name aside.
//!
//! A server that was killed or joined later printed only a part of it: its log is cut into *runs*
//! where a process begins and where it takes over a checkpoint, and two runs are compared over the
//! part that both have.
//!
//! Not here: passive mode, where backups print nothing; and whether what was printed was also
//! executed, which the audit files tell.

use std::collections::HashMap;
use std::fs;
use std::io;

use wire::NodeName;

use crate::checks::Finding;
use crate::plan::Plan;

/// The name of the check.
const CHECK: &str = "printed states agree";

/// One state line, without the name of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Printed {
    state: String,
    /// `after`, or `before`.
    after: bool,
    client: String,
    number: u64,
}

impl Printed {
    /// Reads a state line of this server; `None` for any other line.
    fn parse(line: &str, server: NodeName) -> Option<Self> {
        let (_, rest) = line.split_once(&format!("my_state_{server} = "))?;
        let (said, request) = rest.rsplit_once(" processing <")?;
        let (state, when) = said.rsplit_once(' ')?;
        let fields: Vec<&str> = request.strip_suffix(", request>")?.split(", ").collect();
        let [client, named, number] = fields.as_slice() else { return None };
        let known = *named == server.as_str() && ["before", "after"].contains(&when);
        Some(Self {
            state: state.to_owned(),
            after: when == "after",
            client: (*client).to_owned(),
            number: number.parse().ok().filter(|_| known)?,
        })
    }

    /// What no other line of one run has: a request takes effect once.
    fn key(&self) -> (&str, u64, bool) {
        (&self.client, self.number, self.after)
    }
}

impl std::fmt::Display for Printed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let when = if self.after { "after" } else { "before" };
        write!(f, "{} {when} <{}, {}>", self.state, self.client, self.number)
    }
}

/// What one server printed between two moments at which its state may have been set anew.
type Run = Vec<Printed>;

/// Whether what comes after this line need not go on where what was before it ended: the first
/// heartbeat of a process, a checkpoint that is taken over, and, for good measure, the end of a
/// joining; and a state line that is not whole, because its process was killed in the middle of it
/// or its other stream came between. One cut too many only makes two runs of one.
fn begins_anew(line: &str) -> bool {
    let heartbeat = line.contains(" [1] ") && line.contains(" receives heartbeat from ");
    let states = [" has the checkpoint of ", "my_state_"].iter().any(|text| line.contains(text));
    heartbeat || states || line.ends_with("Server is ready")
}

/// The runs in a server's log, or why they cannot be compared.
fn runs(server: NodeName, log: &str) -> Result<Vec<Run>, String> {
    let mut runs = vec![Run::new()];
    for line in log.lines() {
        if line.contains("lines dropped, the terminal is slow") {
            return Err(format!("{server} dropped lines: its log has holes"));
        }
        match (Printed::parse(line, server), runs.last_mut()) {
            (Some(printed), Some(run)) => run.push(printed),
            _ if begins_anew(line) => runs.push(Run::new()),
            _ => {}
        }
    }
    runs.retain(|run| !run.is_empty());
    Ok(runs)
}

/// Compares two runs over the part that both have: how long it is, or the lines that differ.
fn compare<'a>(
    one: &'a [Printed],
    other: &'a [Printed],
) -> Result<usize, (&'a Printed, &'a Printed)> {
    let places: HashMap<_, usize> =
        one.iter().enumerate().map(|(place, printed)| (printed.key(), place)).collect();
    let shared = |(place, printed): (usize, &Printed)| Some((*places.get(&printed.key())?, place));
    // Both are parts of one sequence without holes: where they meet first, one of them begins.
    let Some((here, there)) = other.iter().enumerate().find_map(shared) else { return Ok(0) };
    let back = here.min(there);
    let (ours, theirs) = (&one[here - back..], &other[there - back..]);
    if let Some(differ) = ours.iter().zip(theirs).find(|(ours, theirs)| ours != theirs) {
        return Err(differ);
    }
    // And where one of them has ended, the other has nothing of it any more.
    let length = ours.len().min(theirs.len());
    match theirs[length..].iter().find_map(|again| Some((places.get(&again.key())?, again))) {
        Some((place, again)) => Err((&one[*place], again)),
        None => Ok(length),
    }
}

/// Whether the servers printed one sequence of states. `logs` are whole logs, one for each server.
#[must_use]
pub fn states_agree(logs: &[(NodeName, String)]) -> Finding {
    let mut all: Vec<(NodeName, Run)> = Vec::new();
    for (server, log) in logs {
        match runs(*server, log) {
            Ok(runs) => all.extend(runs.into_iter().map(|run| (*server, run))),
            Err(why) => return Finding::skipped(CHECK, &why),
        }
    }
    let mut compared = 0;
    let mut broken = Vec::new();
    for (place, (server, run)) in all.iter().enumerate() {
        for (other, their) in all[place + 1..].iter().filter(|(other, _)| other != server) {
            match compare(run, their) {
                Ok(count) => compared += count,
                Err((ours, theirs)) => {
                    broken.push(format!("{server} printed {ours}, {other} printed {theirs}"));
                }
            }
        }
    }
    Finding::of(CHECK, compared, "state lines compared between servers", &broken)
}

/// The check for a run; `None` where there are no such lines to compare, or only one server's.
///
/// # Errors
/// When a log cannot be read.
pub fn check(plan: &Plan, modes: &[&str], clients_again: bool) -> io::Result<Option<Finding>> {
    let active = modes.contains(&"active") && plan.roster.servers.len() > 1;
    if !active {
        return Ok(None);
    }
    let why = [
        (plan.settings.quiet, "the processes printed nothing (quiet)"),
        (modes.contains(&"passive"), "part of the run was passive, where backups print nothing"),
        (clients_again, "a client was launched again, and its numbers begin anew"),
    ];
    if let Some((_, why)) = why.iter().find(|(skip, _)| *skip) {
        return Ok(Some(Finding::skipped(CHECK, why)));
    }
    let read = |server: &NodeName| {
        let bytes = fs::read(plan.path(*server, "log"))?;
        Ok((*server, String::from_utf8_lossy(&bytes).into_owned()))
    };
    let logs = plan.roster.servers.iter().map(read).collect::<io::Result<Vec<_>>>()?;
    Ok(Some(states_agree(&logs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server prints while it executes these requests of C1.
    fn log(server: &str, numbers: std::ops::RangeInclusive<u64>) -> String {
        let line = |number: u64| {
            let request = format!("processing <C1, {server}, {number}, request>");
            let before = if number == 1 { "?".into() } else { format!("hello {}", number - 1) };
            format!(
                "[17:14:08] my_state_{server} = {before} before {request}\n\
                 [17:14:08] my_state_{server} = hello {number} after {request}\n"
            )
        };
        numbers.map(line).collect()
    }

    fn judge(logs: &[(&str, String)]) -> Finding {
        let logs: Vec<_> =
            logs.iter().map(|(name, log)| (name.parse().unwrap(), log.clone())).collect();
        states_agree(&logs)
    }

    #[test]
    fn a_state_line_is_read_and_others_are_not() {
        let server = "S1".parse().unwrap();
        let printed = Printed::parse(log("S1", 8..=8).lines().next().unwrap(), server).unwrap();
        assert_eq!(printed.to_string(), "hello 7 before <C1, 8>");
        for line in
            ["[1] [x] S1 sending checkpoint to S2", "my_state_S1 = a before processing <C1,"]
        {
            assert_eq!(Printed::parse(line, server), None);
        }
    }

    #[test]
    fn servers_that_ran_for_different_parts_agree_over_what_both_printed() {
        let joined = format!("Server is ready\n{}", log("S2", 4..=9));
        // It was killed in the middle of a line, and printed on from a later place.
        let back = "[17:14:08] my_state_S3 = hello 2 bef[17:14:09] [1] S3 receives heartbeat from \
                    LFD3\n[17:14:09] S3 has the checkpoint of S1, which stands at entry 6\n";
        let killed = format!("{}{back}{}", log("S3", 1..=2), log("S3", 7..=10));
        let finding = judge(&[("S1", log("S1", 1..=9)), ("S2", joined), ("S3", killed)]);
        assert!(finding.held, "{finding:?}");
        // S1 and S2: 6 requests, S1 and S3: 2 and 3, S2 and S3: 3; two lines for each.
        assert!(finding.detail.starts_with("28 "), "{finding:?}");
    }

    #[test]
    fn a_torn_line_is_a_hole_and_what_follows_is_compared_all_the_same() {
        let torn = |log: String| {
            let whole = "before processing <C1, S2, 5, request>";
            log.replace(whole, "before processing <C1[17:14:08] S2 adopted\n, S2, 5, request>")
        };
        let finding = judge(&[("S1", log("S1", 1..=9)), ("S2", torn(log("S2", 1..=9)))]);
        assert!(finding.held && finding.detail.starts_with("17 "), "{finding:?}");
        let other = torn(log("S2", 1..=9)).replace("hello 7 after", "hello 6 after");
        assert!(!judge(&[("S1", log("S1", 1..=9)), ("S2", other)]).held);
    }

    #[test]
    fn another_state_another_order_and_a_missing_line_are_found() {
        let good = log("S1", 1..=9);
        let broken = |other: String| {
            let finding = judge(&[("S1", good.clone()), ("S2", other)]);
            assert!(!finding.held, "{finding:?}");
            finding.detail
        };
        let other = log("S2", 1..=9).replace("hello 5 after", "hello 6 after");
        let detail = broken(other);
        let said = "S1 printed hello 5 after <C1, 5>, S2 printed hello 6 after <C1, 5>";
        assert_eq!(detail, said);
        broken(format!("{}{}", log("S2", 1..=4), log("S2", 6..=9)));
        broken(format!("{}{}", log("S2", 6..=9), log("S2", 1..=4)));
        broken(log("S2", 1..=9).replacen("hello 3 before", "? before", 1));
    }

    #[test]
    fn nothing_in_common_proves_nothing_and_dropped_lines_are_said() {
        assert!(!judge(&[("S1", log("S1", 1..=3)), ("S2", log("S2", 4..=5))]).held);
        assert!(!judge(&[("S1", String::new()), ("S2", String::new())]).held);
        let holes =
            format!("{}\u{2026} 12 lines dropped, the terminal is slow\n", log("S2", 1..=2));
        let finding = judge(&[("S1", log("S1", 1..=9)), ("S2", holes)]);
        assert!(finding.skipped && finding.detail.contains("S2 dropped lines"), "{finding:?}");
    }
}
