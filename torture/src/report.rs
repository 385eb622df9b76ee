//! What was done and seen, as a table.

use std::collections::BTreeMap;

use crate::ledger::Ledger;

/// Counts of one combination.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) kills: u64,
    /// Acknowledged operations by name.
    pub(crate) deeds: BTreeMap<&'static str, u64>,
    /// Listings by the watcher.
    pub(crate) looks: u64,
    /// Object versions that the watcher read.
    pub(crate) versions: u64,
    pub(crate) seconds: u64,
}

impl Counts {
    /// Adds what one partner did.
    pub(crate) fn add(&mut self, ledger: &Ledger) {
        for (deed, count) in &ledger.acknowledged {
            *self.deeds.entry(deed).or_default() += count;
        }
    }
}

/// One column for each combination.
pub(crate) fn table(columns: &[(String, Counts)]) -> String {
    let mut rows: Vec<(&str, Vec<u64>)> = Vec::new();
    let row = |count: fn(&Counts) -> u64| columns.iter().map(|(_, counts)| count(counts)).collect();
    rows.push(("kills", row(|counts| counts.kills)));
    let mut names: Vec<&str> = columns
        .iter()
        .flat_map(|(_, counts)| counts.deeds.keys().copied())
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let count = |(_, counts): &(String, Counts)| counts.deeds.get(name).copied();
        let counts = columns
            .iter()
            .map(|column| count(column).unwrap_or_default());
        rows.push((name, counts.collect()));
    }
    rows.push(("looks at the bucket", row(|counts| counts.looks)));
    rows.push(("versions seen", row(|counts| counts.versions)));
    rows.push(("seconds", row(|counts| counts.seconds)));
    let mut text = format!("{:<22}", "");
    for (title, _) in columns {
        text += &format!("{title:>17}");
    }
    for (name, counts) in rows {
        text += &format!("\n{name:<22}");
        for count in counts {
            text += &format!("{count:>17}");
        }
    }
    text + "\n"
}
