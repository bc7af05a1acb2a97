//! Durations as people write them: a bare number is seconds, as in the documents; `250ms`, `2s` and
//! `1m` say their unit.
//!
//! Not here: which durations make sense where; see [`period`] for the one rule that all periods
//! share.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// The units, longest spelling first so that `ms` is not read as `s`.
const UNITS: [(&str, f64); 5] =
    [("ms", 1e-3), ("us", 1e-6), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// Reads a duration: `10` and `10s` are ten seconds, `0.5` and `500ms` are half of one.
///
/// # Errors
/// One line that says what was expected.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)))
        .unwrap_or((text, 1.0));
    // `inf` and `nan` are numbers to Rust, and `1e9` to nobody who types a duration.
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let value = if plain { number.parse::<f64>().ok() } else { None };
    value.and_then(|value| Duration::try_from_secs_f64(value * unit).ok()).ok_or_else(|| {
        format!("`{text}` is no duration: write seconds as a number (10, 0.5), or 250ms, 2s, 1m")
    })
}

/// Reads a duration between two repetitions, which cannot be nothing.
///
/// # Errors
/// Those of [`seconds`], and a period shorter than a millisecond.
pub fn period(text: &str) -> Result<Duration, String> {
    let period = seconds(text)?;
    if period < Duration::from_millis(1) {
        return Err(format!("`{text}` is too short for a period: it is at least 1ms"));
    }
    Ok(period)
}

/// A duration in a TOML file: a number of seconds, or a text as on the command line.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a duration: seconds as a number (10, 0.5), or \"250ms\"")]
enum Written {
    Whole(i64),
    Fraction(f64),
    Text(String),
}

impl Written {
    fn into_text(self) -> String {
        match self {
            Self::Whole(number) => number.to_string(),
            Self::Fraction(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// For `#[serde(deserialize_with = ...)]` on an `Option<Duration>` that is a period.
///
/// # Errors
/// Those of [`period`], at the place in the file.
pub fn period_field<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = Written::deserialize(from)?.into_text();
    period(&text).map(Some).map_err(D::Error::custom)
}

/// For `#[serde(deserialize_with = ...)]` on an `Option<Duration>` that may be nothing.
///
/// # Errors
/// Those of [`seconds`], at the place in the file.
pub fn seconds_field<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = Written::deserialize(from)?.into_text();
    seconds(&text).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_seconds_and_units_are_read() {
        let read = ["10", "0.1", "250ms", "2s", "1m", "1.5h", "20us", " 3 "]
            .map(|text| seconds(text).expect(text).as_micros());
        let expected = [10_000_000, 100_000, 250_000, 2_000_000, 60_000_000, 5_400_000_000, 20];
        assert_eq!(read[..7], expected);
        assert_eq!(read[7], 3_000_000);
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "ms", "-1", "ten", "1e3", "inf", "nan", "1.2.3", "5 parsecs", "10sec"] {
            let error = seconds(text).expect_err(text);
            assert!(error.contains("250ms"), "{error}");
        }
    }

    #[test]
    fn a_period_is_not_nothing() {
        assert!(period("0").expect_err("zero").contains("at least 1ms"));
        assert_eq!(period("1ms"), Ok(Duration::from_millis(1)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
    }
}
