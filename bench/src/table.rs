//! The table: medians over rounds, and ratios to the bare echo of the same round.
//!
//! A line of the file is a JSON object with `round`, `system`, `shape` and figures; the shape
//! `failover` has `gap_us`, every other one `per_second` and `p50_us`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// What everything is compared with.
const LIMIT: &str = "bare echo";

/// The shape that is no load.
const FAILOVER: &str = "failover";

/// One measurement.
struct Measured {
    round: u64,
    system: String,
    shape: String,
    per_second: f64,
    p50_us: f64,
    gap_us: f64,
}

impl Measured {
    fn parse(line: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(line)?;
        let text = |key: &str| value[key].as_str().map(str::to_owned).context("no system or shape");
        let number = |key: &str| value[key].as_f64().unwrap_or(0.0);
        Ok(Self {
            round: value["round"].as_u64().context("no round")?,
            system: text("system")?,
            shape: text("shape")?,
            per_second: number("per_second"),
            p50_us: number("p50_us"),
            gap_us: number("gap_us"),
        })
    }
}

/// Prints the table of a file.
pub(crate) fn print(path: &Path) -> Result<()> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let all = text
        .lines()
        .map(|line| Measured::parse(line).with_context(|| format!("not a measurement: {line}")))
        .collect::<Result<Vec<_>>>()?;
    print!("{}", table(&all));
    Ok(())
}

fn table(all: &[Measured]) -> String {
    let systems = in_order(all.iter().map(|m| m.system.as_str()));
    let shapes = in_order(all.iter().map(|m| m.shape.as_str()));
    let head: Vec<String> = shapes.iter().map(|shape| heading(shape)).collect();
    let mut out = format!("| | {} |\n|---|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for system in systems {
        let cells: Vec<String> = shapes.iter().map(|shape| cell(all, system, shape)).collect();
        out.push_str(&format!("| {system} | {} |\n", cells.join(" | ")));
    }
    out
}

fn heading(shape: &str) -> String {
    let plural =
        |clients: &str| format!("{clients} client{}", if clients == "1" { "" } else { "s" });
    match shape.split_once('x') {
        Some((clients, "1")) => plural(clients),
        Some((clients, pipeline)) => format!("{}, pipeline {pipeline}", plural(clients)),
        None => "kill -9 of the leader to the next answer".to_owned(),
    }
}

fn cell(all: &[Measured], system: &str, shape: &str) -> String {
    let mine: Vec<&Measured> =
        all.iter().filter(|m| m.system == system && m.shape == shape).collect();
    if mine.is_empty() {
        return String::new();
    }
    let middle = |figure: fn(&Measured) -> f64| median(mine.iter().map(|m| figure(m)).collect());
    if shape == FAILOVER {
        let worst = mine.iter().map(|m| m.gap_us).fold(0.0, f64::max);
        return format!("{}, worst {}", micros(middle(|m| m.gap_us)), micros(worst));
    }
    let rate =
        format!("{}/s, p50 {}", thousands(middle(|m| m.per_second)), micros(middle(|m| m.p50_us)));
    let limits: BTreeMap<u64, f64> = all
        .iter()
        .filter(|m| m.system == LIMIT && m.shape == shape)
        .map(|m| (m.round, m.per_second))
        .collect();
    let ratios: Vec<f64> =
        mine.iter().filter_map(|m| Some(m.per_second / limits.get(&m.round)?)).collect();
    if ratios.is_empty() || system == LIMIT {
        return rate;
    }
    format!("{rate}; {:.2} of the echo", median(ratios))
}

/// Each word once, in the order in which they come first.
fn in_order<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for word in words {
        if !all.contains(&word) {
            all.push(word);
        }
    }
    all
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

fn thousands(rate: f64) -> String {
    match rate {
        r if r >= 1e6 => format!("{:.2} M", r / 1e6),
        r if r >= 1e5 => format!("{:.0} k", r / 1e3),
        r => format!("{:.1} k", r / 1e3),
    }
}

fn micros(micros: f64) -> String {
    match micros {
        m if m < 1e3 => format!("{m:.0} us"),
        m if m < 1e4 => format!("{:.2} ms", m / 1e3),
        m if m < 1e6 => format!("{:.0} ms", m / 1e3),
        m => format!("{:.2} s", m / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_of_the_same_round_and_the_median_counts() {
        let lines = [
            (1, "bare echo", 100_000),
            (1, "other", 50_000),
            (2, "bare echo", 200_000),
            (2, "other", 20_000),
            (3, "bare echo", 100_000),
            (3, "other", 30_000),
        ];
        let mut all: Vec<Measured> = lines
            .map(|(round, system, rate)| {
                let line = format!(
                    "{{\"round\":{round},\"system\":\"{system}\",\"shape\":\"50x16\",\
                     \"per_second\":{rate},\"p50_us\":80}}"
                );
                Measured::parse(&line).expect("good")
            })
            .into();
        let gap = "{\"round\":1,\"system\":\"other\",\"shape\":\"failover\",\"gap_us\":4200}";
        all.push(Measured::parse(gap).expect("good"));
        let table = table(&all);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].contains("50 clients, pipeline 16 | kill -9"), "{table}");
        assert_eq!(lines[2], "| bare echo | 100 k/s, p50 80 us |  |");
        let other = "| other | 30.0 k/s, p50 80 us; 0.30 of the echo | 4.20 ms, worst 4.20 ms |";
        assert_eq!(lines[3], other);
    }
}
