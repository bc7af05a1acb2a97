//! Durations as people write them: a bare number is seconds; `250ms`, `2s` and `1m` are accepted.

use std::time::Duration;

/// Reads a duration.
///
/// # Errors
/// A text that is not a number with one of the units `ms`, `s`, `m`, or none.
pub fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let wrong = || format!("`{text}` is not a duration: write seconds, or 250ms, 2s, 1m");
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let scale = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(number * scale).map_err(|_| wrong())
}

/// A duration as the five programs read it: whole milliseconds.
#[must_use]
pub fn print(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_seconds_and_units_are_read() {
        assert_eq!(parse("10"), Ok(Duration::from_secs(10)));
        assert_eq!(parse("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(parse("1m"), Ok(Duration::from_secs(60)));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "s", "-1", "5h", "1 s 2", "nan"] {
            assert!(parse(text).is_err(), "{text:?} was accepted");
        }
    }
}
