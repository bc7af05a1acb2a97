//! The figures of a run as text, JSON or CSV, on standard output.

use std::io::{self, Write};
use std::num::NonZeroU64;
use std::time::Duration;

use client::bench::Report;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// The percentiles that are said, with their names.
const PERCENTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999)];

/// How the figures are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Text,
    /// One object.
    Json,
    /// One line, and one of headings before it.
    Csv,
}

/// Names and values, in the order in which they are said.
type Fields = Vec<(String, Value)>;

/// What was asked for, and how what came of it is written.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) clients: usize,
    pub(super) pipeline: u32,
    pub(super) size: usize,
    pub(super) rate: Option<NonZeroU64>,
    pub(super) format: Format,
}

impl Figures {
    /// Prints a report. A closed standard output has nobody who reads it.
    pub(super) fn print(&self, report: &Report) {
        let mut out = io::stdout().lock();
        let _ = match self.format {
            Format::Text => self.text(report, &mut out),
            Format::Json => json(&self.fields(report), &mut out),
            Format::Csv => csv(&self.fields(report), &mut out),
        };
    }

    fn text(&self, r: &Report, out: &mut impl Write) -> io::Result<()> {
        let mode = r.mode.map_or("no view", |mode| mode.as_str());
        let Self { clients, pipeline, size, .. } = self;
        let rate = self.rate.map_or("closed loop".to_owned(), |rate| format!("{rate} per second"));
        writeln!(out, "{mode}, {clients} clients, pipeline {pipeline}, {size} bytes, {rate}")?;
        let (answered, seconds) = (r.answered, r.elapsed.as_secs_f64());
        writeln!(out, "{answered} answered in {seconds:.3} s: {:.0} per second", r.rate())?;
        writeln!(out, "  waits       {}", waits(&r.waits))?;
        if let Some(behind) = &r.behind {
            writeln!(out, "  sent behind {}", waits(behind))?;
        }
        let (gap, at) = (micros(r.gap.length.as_micros() as f64), r.gap.at.as_secs_f64());
        writeln!(out, "  longest gap {gap}, {at:.3} s after the start")?;
        writeln!(
            out,
            "  lost {}, refused {}, disconnected {}, duplicates {}",
            r.lost, r.refused, r.disconnected, r.duplicates
        )
    }

    /// Everything, by name.
    fn fields(&self, r: &Report) -> Fields {
        let mut fields = Fields::new();
        let mut put = |name: &str, value: Value| fields.push((name.to_owned(), value));
        put("mode", json!(r.mode.map(|mode| mode.as_str())));
        put("clients", json!(self.clients));
        put("pipeline", json!(self.pipeline));
        put("size", json!(self.size));
        put("rate", json!(self.rate));
        put("answered", json!(r.answered));
        put("seconds", json!(seconds(r.elapsed)));
        put("per_second", json!(r.rate().round()));
        put("mean_us", json!((r.waits.mean() * 10.0).round() / 10.0));
        for (name, quantile) in PERCENTILES {
            put(&format!("{name}_us"), json!(r.waits.value_at_quantile(quantile)));
        }
        put("max_us", json!(r.waits.max()));
        let behind = r.behind.as_ref();
        put("behind_p50_us", json!(behind.map(|behind| behind.value_at_quantile(0.5))));
        put("behind_p99_us", json!(behind.map(|behind| behind.value_at_quantile(0.99))));
        put("gap_us", json!(u64::try_from(r.gap.length.as_micros()).unwrap_or(u64::MAX)));
        put("gap_at_seconds", json!(seconds(r.gap.at)));
        put("lost", json!(r.lost));
        put("refused", json!(r.refused));
        put("disconnected", json!(r.disconnected));
        put("duplicates", json!(r.duplicates));
        put("dead", json!(r.dead));
        fields
    }
}

fn json(fields: &Fields, out: &mut impl Write) -> io::Result<()> {
    let field = |(name, value): &(String, Value)| format!("{}:{value}", json!(name));
    let all: Vec<String> = fields.iter().map(field).collect();
    writeln!(out, "{{{}}}", all.join(","))
}

fn csv(fields: &Fields, out: &mut impl Write) -> io::Result<()> {
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    // No value has a comma or a quote in it.
    let shown = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let values: Vec<String> = fields.iter().map(|(_, value)| shown(value)).collect();
    writeln!(out, "{}\n{}", names.join(","), values.join(","))
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e6
}

fn waits(histogram: &Histogram<u64>) -> String {
    let at = |(name, quantile): (&str, f64)| {
        format!("{name} {}", micros(histogram.value_at_quantile(quantile) as f64))
    };
    let mut all: Vec<String> = PERCENTILES.map(at).into();
    all.push(format!("max {}", micros(histogram.max() as f64)));
    all.push(format!("mean {}", micros(histogram.mean())));
    all.join("  ")
}

/// Three digits, in the unit that suits.
fn micros(micros: f64) -> String {
    let (value, unit) = match micros {
        m if m < 1e3 => (m, "us"),
        m if m < 1e6 => (m / 1e3, "ms"),
        m => (m / 1e6, "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut waits = Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("good bounds");
        for wait in [100, 200, 300] {
            waits.record(wait).expect("within the bounds");
        }
        Report {
            mode: Some(wire::Mode::Active),
            answered: 3,
            lost: 1,
            refused: 2,
            disconnected: 4,
            duplicates: 6,
            elapsed: Duration::from_millis(1500),
            waits,
            behind: None,
            gap: client::bench::Gap {
                length: Duration::from_micros(1234),
                at: Duration::from_millis(10),
            },
            dead: false,
        }
    }

    fn figures(format: Format) -> Figures {
        Figures { clients: 2, pipeline: 4, size: 16, rate: None, format }
    }

    #[test]
    fn people_read_three_digits_with_their_unit() {
        let shown = [0.0, 9.994, 63.2, 999.0, 1234.0, 45_600.0, 7.5e6].map(micros);
        assert_eq!(
            shown,
            ["0.00 us", "9.99 us", "63.2 us", "999 us", "1.23 ms", "45.6 ms", "7.50 s"]
        );
        let mut text = Vec::new();
        figures(Format::Text).text(&report(), &mut text).expect("a vector takes everything");
        let text = String::from_utf8(text).expect("text");
        assert!(
            text.starts_with("active, 2 clients, pipeline 4, 16 bytes, closed loop\n"),
            "{text}"
        );
        assert!(text.contains("3 answered in 1.500 s: 2 per second"), "{text}");
        assert!(text.contains("longest gap 1.23 ms, 0.010 s after the start"), "{text}");
    }

    #[test]
    fn programs_get_the_same_fields_in_json_and_csv() {
        let fields = figures(Format::Json).fields(&report());
        let mut text = Vec::new();
        json(&fields, &mut text).expect("a vector takes everything");
        let object: Value = serde_json::from_slice(&text).expect("an object");
        assert_eq!((&object["p50_us"], &object["gap_us"]), (&json!(200), &json!(1234)));
        assert_eq!((&object["per_second"], &object["rate"]), (&json!(2.0), &Value::Null));
        let mut text = Vec::new();
        csv(&fields, &mut text).expect("a vector takes everything");
        let text = String::from_utf8(text).expect("text");
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!((lines.len(), lines[0].len(), lines[1].len()), (2, fields.len(), fields.len()));
        let place = lines[0].iter().position(|name| *name == "lost").expect("a heading");
        assert_eq!(lines[1][place], "1");
    }
}
