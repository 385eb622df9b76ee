//! `Report`: what a sweep found, and what it did about it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::{Location, TransferId};

/// What is done about something that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// The object of an upload stands: its commit and its event are made up for.
    Commit,
    /// An upload of a dead node is kept for its owner to continue.
    Keep,
    /// An upload of a dead node is given up: nothing of it is safe.
    GiveUp,
    /// Nobody continued an unfinished upload in time.
    Expire,
    /// What an upload that has ended left in its store is taken away.
    Clear,
    /// A rename that nobody is at goes on.
    FinishRename,
    /// A multipart upload that no row accounts for is aborted.
    AbortUpload,
    /// An object in staging whose upload has ended is deleted.
    DeleteStaged,
    /// An object of a probe of the store that was broken off is deleted.
    DeleteProbe,
    /// A temporary file that stands whole in staging and has lost its row gets it back: the
    /// database was restored from an older backup.
    Adopt,
    /// Something in staging that is not of this installation's making, or older than its
    /// database, stays.
    LeaveForeign,
}

impl Deed {
    /// One word, as metrics and JSON have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Keep => "keep",
            Self::GiveUp => "give-up",
            Self::Expire => "expire",
            Self::Clear => "clear",
            Self::FinishRename => "finish-rename",
            Self::AbortUpload => "abort-upload",
            Self::DeleteStaged => "delete-staged",
            Self::DeleteProbe => "delete-probe",
            Self::Adopt => "adopt",
            Self::LeaveForeign => "leave-foreign",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It would be done.
    Planned,
    /// It is left for the next pass: why.
    Left(String),
}

impl Outcome {
    /// One word, as metrics and JSON have it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Planned => "planned",
            Self::Left(_) => "left",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is done about it.
    pub deed: Deed,
    /// Where it is.
    pub location: Location,
    /// Whose it is, where that is known.
    pub transfer: Option<TransferId>,
    /// What came of it.
    pub outcome: Outcome,
}

impl Entry {
    pub(super) fn log(&self) {
        let (deed, location) = (self.deed.as_str(), &self.location);
        let transfer = self.transfer.map(|id| id.to_string());
        match &self.outcome {
            Outcome::Left(reason) => {
                tracing::warn!(deed, %location, transfer, reason, "the sweeper left something");
            }
            _ => tracing::info!(deed, %location, transfer, "the sweeper did something"),
        }
    }
}

/// What a sweep found, and what it did about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    entries: Vec<Entry>,
    counts: BTreeMap<(Deed, &'static str), usize>,
}

impl Report {
    /// Entries that are kept; beyond that they are only counted.
    pub const MOST_ENTRIES: usize = 10_000;

    pub(super) fn add(&mut self, entry: Entry) {
        *self
            .counts
            .entry((entry.deed, entry.outcome.as_str()))
            .or_default() += 1;
        if self.entries.len() < Self::MOST_ENTRIES {
            self.entries.push(entry);
        }
    }

    /// What was found, the first [`Self::MOST_ENTRIES`] of it.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How often which deed had which outcome ("done", "planned", "left").
    pub fn counts(&self) -> &BTreeMap<(Deed, &'static str), usize> {
        &self.counts
    }

    /// How often a deed had this outcome.
    pub fn count(&self, deed: Deed, outcome: &'static str) -> usize {
        self.counts.get(&(deed, outcome)).copied().unwrap_or(0)
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Whether something is left that the next pass has to look at again.
    pub fn left_anything(&self) -> bool {
        let is_left =
            |(deed, outcome): &(Deed, &str)| *outcome == "left" && *deed != Deed::LeaveForeign;
        self.counts.keys().any(is_left)
    }

    /// The counts in a line: `commit done 2, clear left 1`.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        for ((deed, outcome), count) in &self.counts {
            let comma = if text.is_empty() { "" } else { ", " };
            // Writing into a text does not fail.
            let _ = write!(text, "{comma}{} {outcome} {count}", deed.as_str());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use model::{BucketName, ObjectKey};

    use super::*;

    #[test]
    fn a_report_counts_what_it_does_not_keep() {
        let mut report = Report::default();
        assert!(report.is_empty());
        for _ in 0..=Report::MOST_ENTRIES {
            report.add(Entry {
                deed: Deed::Clear,
                location: Location {
                    bucket: BucketName::parse("b").expect("valid"),
                    key: ObjectKey::parse("k").expect("valid"),
                },
                transfer: None,
                outcome: Outcome::Done,
            });
        }
        assert_eq!(report.entries().len(), Report::MOST_ENTRIES);
        assert_eq!(report.count(Deed::Clear, "done"), Report::MOST_ENTRIES + 1);
        assert_eq!(report.summary(), "clear done 10001");
        assert!(!report.left_anything());
    }
}
