//! The outcome of the measurements: medians, ratios, one table, one file.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::Options;
use super::case::{CASES, Case, Party, Sample};

/// One line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    direction: &'static str,
    case: &'static str,
    /// Medians.
    cpu_seconds_per_gib: f64,
    mib_per_second: f64,
    /// The median's share of each of OpenSSH's in the same direction, in the order of the cases.
    of_openssh: Vec<(&'static str, f64)>,
    /// Every measurement.
    all_cpu_seconds_per_gib: Vec<f64>,
}

#[derive(Serialize)]
struct Report<'a> {
    size_mib: u64,
    rounds: usize,
    cipher: &'static str,
    processor: String,
    cores: usize,
    rows: &'a [Row],
}

/// Medians by case; ratios against OpenSSH's cases of the same direction.
pub(crate) fn rows(samples: &[(usize, Sample)]) -> Vec<Row> {
    CASES
        .iter()
        .enumerate()
        .map(|(index, case)| row(samples, index, case))
        .collect()
}

fn row(samples: &[(usize, Sample)], index: usize, case: &Case) -> Row {
    let cpu = median_cpu(samples, index);
    let of_openssh = if case.party == Party::OpenSsh {
        Vec::new()
    } else {
        let peers = CASES
            .iter()
            .enumerate()
            .filter(|(_, peer)| peer.party == Party::OpenSsh && peer.direction == case.direction);
        peers
            .map(|(peer, reference)| (reference.name, rounded(cpu / median_cpu(samples, peer))))
            .collect()
    };
    let own = || {
        samples
            .iter()
            .filter(|(case, _)| *case == index)
            .map(|(_, sample)| sample)
    };
    Row {
        direction: case.direction.name(),
        case: case.name,
        cpu_seconds_per_gib: rounded(cpu),
        mib_per_second: rounded(median(own().map(|sample| sample.mib_per_second).collect())),
        of_openssh,
        all_cpu_seconds_per_gib: own()
            .map(|sample| rounded(sample.cpu_seconds_per_gib))
            .collect(),
    }
}

fn median_cpu(samples: &[(usize, Sample)], index: usize) -> f64 {
    let own = samples.iter().filter(|(case, _)| *case == index);
    median(own.map(|(_, sample)| sample.cpu_seconds_per_gib).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// The table that is printed.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "\n     case                                    CPU s/GiB   MiB/s   of OpenSSH\n",
    );
    for row in rows {
        let ratios: Vec<String> = row
            .of_openssh
            .iter()
            .map(|(name, ratio)| format!("{ratio:.2} ({name})"))
            .collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<5}{:<40}{:>9.2}{:>8.0}   {}",
            row.direction,
            row.case,
            row.cpu_seconds_per_gib,
            row.mib_per_second,
            ratios.join(", ")
        );
    }
    text
}

/// To a thousandth: more than the clock of the processor accounting gives.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// Writes the results for the next reader, and for comparison.
pub(crate) fn write(path: &Path, options: &Options, rows: &[Row]) -> Result<()> {
    let report = Report {
        size_mib: options.size_mib,
        rounds: options.rounds,
        cipher: "aes128-gcm@openssh.com",
        processor: processor(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        rows,
    };
    let text = serde_json::to_string_pretty(&report).context("write the results as JSON")? + "\n";
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let name = line
        .and_then(|line| line.split_once(": "))
        .map(|(_, name)| name.trim());
    name.unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::case::Direction;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn ratios_are_against_openssh_in_the_same_direction() {
        let sample = |cpu| Sample {
            cpu_seconds_per_gib: rounded(cpu),
            mib_per_second: 100.0,
        };
        let samples: Vec<(usize, Sample)> = CASES
            .iter()
            .enumerate()
            .map(|(index, case)| {
                let openssh = case.party == Party::OpenSsh;
                let put = case.direction == Direction::Put;
                (
                    index,
                    sample(if openssh {
                        if put { 2.0 } else { 4.0 }
                    } else {
                        1.0
                    }),
                )
            })
            .collect();
        for row in rows(&samples) {
            for (_, ratio) in &row.of_openssh {
                assert_eq!(*ratio, if row.direction == "put" { 0.5 } else { 0.25 });
            }
            assert_eq!(row.of_openssh.is_empty(), row.case.starts_with("OpenSSH"));
        }
    }
}
