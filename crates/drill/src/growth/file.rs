//! A file of Markdown tables that grow by a row at a time.
//!
//! Guarantee: what stands in the file stays; a row goes to the end of the table under its heading,
//! and a heading that is missing is added with its table.

use std::fs;
use std::io;
use std::path::Path;

/// One table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    /// Its heading.
    pub(super) title: &'static str,
    /// What it shows, in a sentence or two.
    pub(super) about: &'static str,
    /// Its columns.
    pub(super) columns: &'static [&'static str],
}

/// One line of a table.
pub(super) fn line(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// The heading and the head of a table.
pub(super) fn head(table: &Table) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| (*column).to_owned()).collect();
    let rule = "|---".repeat(columns.len());
    format!("## {}\n\n{}\n\n{}\n{rule}|\n", table.title, table.about, line(&columns))
}

/// Adds a row to a table of a file, which need not exist yet.
pub(super) fn append(
    path: &Path,
    opening: &str,
    table: &Table,
    cells: &[String],
) -> io::Result<()> {
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => opening.to_owned(),
        Err(error) => return Err(error),
    };
    fs::write(path, with_row(&before, table, &line(cells)))
}

fn with_row(text: &str, table: &Table, row: &str) -> String {
    let heading = format!("## {}", table.title);
    let mut lines: Vec<&str> = text.lines().collect();
    let Some(start) = lines.iter().position(|line| *line == heading) else {
        return format!("{}\n\n{}{row}\n", text.trim_end(), head(table));
    };
    let is_next = |line: &&str| line.starts_with("## ");
    let end = lines[start + 1..].iter().position(is_next).map_or(lines.len(), |n| start + 1 + n);
    let last = lines[start..end].iter().rposition(|line| line.starts_with('|'));
    lines.insert(last.map_or(end, |last| start + last + 1), row);
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Table = Table { title: "A", about: "About a.", columns: &["x", "y"] };
    const B: Table = Table { title: "B", about: "About b.", columns: &["z"] };

    #[test]
    fn rows_go_to_the_end_of_their_own_table() {
        let cells =
            |texts: &[&str]| line(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
        let mut text = "# Growth\n\nA remark.\n".to_owned();
        text = with_row(&text, &A, &cells(&["1", "2"]));
        text = with_row(&text, &B, &cells(&["3"]));
        text = with_row(&text, &A, &cells(&["4", "5"]));
        let expected = "# Growth\n\nA remark.\n\n## A\n\nAbout a.\n\n| x | y |\n|---|---|\n\
                        | 1 | 2 |\n| 4 | 5 |\n\n## B\n\nAbout b.\n\n| z |\n|---|\n| 3 |\n";
        assert_eq!(text, expected);
    }
}
