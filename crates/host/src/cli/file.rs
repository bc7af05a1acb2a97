//! Configuration files: read whole, parsed strictly, and complained about in one line that an editor
//! can jump to (`FILE:LINE:COLUMN: what`).
//!
//! Not here: what stands in them ([`crate::cluster`], and the client's own file).

use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read the configuration file {}", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no TOML, or has a key or a value that has no place there.
    #[error("{}:{line}:{column}: {message}", .path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong, and what would be right.
        message: String,
    },
}

/// Reads a TOML file into its type.
///
/// # Errors
/// [`FileError`] when it cannot be read, or does not fit the type.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    let read = std::fs::read_to_string(path);
    let text = read.map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    parse(path, &text)
}

/// Parses the text of a TOML file into its type; `path` is for the error.
///
/// # Errors
/// [`FileError::Parse`] when the text does not fit the type.
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, FileError> {
    toml::from_str(text).map_err(|error| {
        let (line, column) = place(text, error.span().map_or(0, |span| span.start));
        let words: Vec<&str> = error.message().split_whitespace().collect();
        FileError::Parse { path: path.to_owned(), line, column, message: words.join(" ") }
    })
}

/// The line and column of a byte, both from 1.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only the parsing is looked at")]
        height: Option<u32>,
    }

    fn complaint(text: &str) -> String {
        parse::<Sample>(Path::new("a.toml"), text).expect_err(text).to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_line_and_column() {
        let text = complaint("# a comment\nheight = 1\n  heigth = 2\n");
        assert!(text.starts_with("a.toml:3:3: unknown field `heigth`"), "{text}");
        assert!(text.contains("height"), "{text}");
    }

    #[test]
    fn a_wrong_value_is_named_with_line_and_column_in_one_line() {
        let text = complaint("height = \"tall\"\n");
        assert!(text.starts_with("a.toml:1:10: invalid type"), "{text}");
        assert!(!complaint("height = = 3").contains('\n'));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load::<Sample>(Path::new("/nowhere/at all.toml")).expect_err("is not there");
        assert!(error.to_string().contains("/nowhere/at all.toml"), "{error}");
    }
}
