//! Configuration files as people, editors and full disks leave them behind.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Values that have no place almost anywhere, and those at the edges of what has one.
const VALUES: [&str; 30] = [
    "0",
    "-1",
    "1",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999999",
    "1e300",
    "-0.0",
    "1e-300",
    "nan",
    "inf",
    "-inf",
    "true",
    "\"\"",
    "\"1e400\"",
    "\"584542046091s\"",
    "\"99999999999999999999m\"",
    "\"-1ms\"",
    "\"0.0000001\"",
    "\"NaN\"",
    "\"\\u0000\"",
    "\"ßß\u{1F980}\"",
    "\"[::1]:65535\"",
    "\"0.0.0.0:0\"",
    "[]",
    "[\"\", 1]",
    "{}",
    "{ a = { b = 1 } }",
    "1979-05-27T07:32:00Z",
    "'''\n'''",
];

/// What stands between a key and its value.
const SETS: &str = " = ";

/// What is done to a file.
#[derive(Debug, Clone)]
enum Edit {
    /// A line goes,
    Delete(Index),
    /// or is there twice,
    Repeat(Index),
    /// or loses its comment sign,
    Uncomment(Index),
    /// or has another value,
    Value(Index, String),
    /// or another key.
    Key(Index, String),
    /// Something is typed.
    Type(Index, String),
    /// The rest is missing.
    Cut(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let value = prop_oneof![
        8 => select(&VALUES[..]).prop_map(str::to_owned),
        2 => "[ -~]{0,20}",
        1 => (0..3000_usize).prop_map(|depth| "[".repeat(depth)),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_map(|number| format!("{number:?}")),
    ];
    prop_oneof![
        1 => any::<Index>().prop_map(Edit::Delete),
        1 => any::<Index>().prop_map(Edit::Repeat),
        6 => any::<Index>().prop_map(Edit::Uncomment),
        6 => (any::<Index>(), value).prop_map(|(line, value)| Edit::Value(line, value)),
        1 => (any::<Index>(), "[a-z_]{0,10}").prop_map(|(line, key)| Edit::Key(line, key)),
        1 => (any::<Index>(), "\\PC{0,5}|[\\[\\]=\"'#\n.{}]{1,3}")
            .prop_map(|(place, text)| Edit::Type(place, text)),
        1 => any::<Index>().prop_map(Edit::Cut),
    ]
}

/// One of the files that are good, after some edits; or any text at all.
pub fn files(good: Vec<String>) -> impl Strategy<Value = String> {
    let edited = (select(good), vec(edit(), 1..8))
        .prop_map(|(text, edits)| edits.into_iter().fold(text, edited));
    prop_oneof![12 => edited, 1 => "\\PC{0,200}", 1 => "[a-z\\[\\]=\"'#\n. {},0-9]{0,200}"]
}

fn edited(text: String, edit: Edit) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return text;
    }
    match edit {
        Edit::Delete(line) => drop(lines.remove(line.index(lines.len()))),
        Edit::Repeat(line) => {
            let line = line.index(lines.len());
            lines.insert(line, lines[line].clone());
        }
        Edit::Uncomment(line) => {
            if let Some(line) = chosen(line, &mut lines, "#") {
                *line = line.trim_start_matches(['#', ' ']).to_owned();
            }
        }
        Edit::Value(line, value) => {
            if let Some(line) = chosen(line, &mut lines, SETS) {
                let at = line.find(SETS).map_or(0, |at| at + SETS.len());
                line.replace_range(at.., &value);
            }
        }
        Edit::Key(line, key) => {
            if let Some(line) = chosen(line, &mut lines, SETS) {
                let at = line.find(SETS).unwrap_or(0);
                line.replace_range(..at, &key);
            }
        }
        Edit::Type(place, typed) => {
            let mut text = lines.join("\n");
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            if !places.is_empty() {
                text.insert_str(*place.get(&places), &typed);
            }
            return text;
        }
        Edit::Cut(place) => {
            let text = lines.join("\n");
            return text.chars().take(place.index(text.chars().count() + 1)).collect();
        }
    }
    lines.join("\n")
}

/// One of the lines that have that in them.
fn chosen<'a>(index: Index, lines: &'a mut [String], mark: &str) -> Option<&'a mut String> {
    let mut fit: Vec<&mut String> = lines.iter_mut().filter(|line| line.contains(mark)).collect();
    if fit.is_empty() {
        return None;
    }
    let place = index.index(fit.len());
    Some(fit.swap_remove(place))
}

/// Whether an error says where in that file it is: `NAME:LINE:` with a line that there is, or the
/// one after the last.
///
/// # Errors
/// What is wrong with it.
pub fn says_where(error: &str, name: &str, text: &str) -> Result<(), TestCaseError> {
    let line = error.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
    let line = line.and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
    let lines = text.matches('\n').count() + 1;
    prop_assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "no place: {error}");
    Ok(())
}
