//! Columns: a trace with a column for each process, as a sequence chart has its life lines.
//!
//! Not here: what is worth a line; see `trace`.

use node::Time;
use wire::NodeName;

use crate::plan::Plan;

/// The width of the column of the time.
const TIME: usize = 12;

/// The columns of a trace.
#[derive(Debug, Clone)]
pub struct Columns {
    names: Vec<NodeName>,
    width: usize,
}

/// Who has a column: everybody of a plan, or those that are asked for.
#[must_use]
pub fn names(plan: &Plan, only: &[String]) -> Vec<NodeName> {
    let mut all = plan.first_processes();
    all.truncate(2 + usize::try_from(plan.servers).unwrap_or(0));
    all.extend(plan.server_names().into_iter().map(NodeName::from));
    all.extend(plan.client_names());
    all.retain(|name| only.is_empty() || only.iter().any(|wanted| wanted == name.as_str()));
    all
}

impl Columns {
    /// Columns of that many characters for these processes.
    #[must_use]
    pub fn new(names: Vec<NodeName>, width: usize) -> Self {
        Self { names, width: width.max(2) }
    }

    /// The line over the columns.
    #[must_use]
    pub fn heading(&self) -> String {
        let mut line = format!("{:TIME$}", "time");
        for name in &self.names {
            line += &format!("|{:<width$}", name.as_str(), width = self.width - 1);
        }
        line
    }

    /// Some text in the column of a process, on as many lines as it needs; `None` if it has none.
    #[must_use]
    pub fn text(&self, at: Time, who: NodeName, text: &str) -> Option<String> {
        let column = self.names.iter().position(|name| *name == who)?;
        let characters: Vec<char> = text.chars().collect();
        let mut lines = String::new();
        for (place, part) in characters.chunks(self.width - 1).enumerate() {
            let time = if place == 0 { format!("{at:?}") } else { String::new() };
            lines += if place == 0 { "" } else { "\n" };
            lines += &format!("{time:<TIME$}");
            for other in 0..self.names.len() {
                let own: String =
                    if other == column { part.iter().collect() } else { String::new() };
                lines += &format!("|{own:<width$}", width = self.width - 1);
            }
            lines.truncate(lines.trim_end_matches([' ']).len());
        }
        Some(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::name;

    #[test]
    fn a_long_text_stays_in_its_column() {
        let columns = Columns::new(vec![name("S1"), name("S2"), name("C1")], 6);
        let text = columns.text(Time::from_micros(1_500_000), name("S2"), "abcdefgh");
        let expected = "1.500000s   |     |abcde|\n            |     |fgh  |";
        assert_eq!(text.as_deref(), Some(expected));
        assert_eq!(columns.heading(), "time        |S1   |S2   |C1   ");
        assert_eq!(columns.text(Time::ZERO, name("S7"), "x"), None);
    }
}
