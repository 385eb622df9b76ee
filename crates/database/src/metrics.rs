//! The names of this crate's metrics.

use metrics::{Unit, describe_counter, describe_histogram};

/// Transactions that the grouped writer committed.
pub(crate) const COMMITS: &str = "pierhead_database_commits_total";
/// Writes per transaction of the grouped writer.
pub(crate) const WRITES_PER_COMMIT: &str = "pierhead_database_writes_per_commit";
/// How long a transaction of the grouped writer took.
pub(crate) const COMMIT_SECONDS: &str = "pierhead_database_commit_seconds";
/// Batches that failed and were written again, one by one or whole.
pub(crate) const RETRIES: &str = "pierhead_database_write_retries_total";
/// Queries that read outside of a transaction.
pub(crate) const QUERIES: &str = "pierhead_database_queries_total";
/// Best-effort audit entries that found the queue full and were left out.
pub(crate) const NOTES_DROPPED: &str = "pierhead_database_notes_dropped_total";

/// Tells the recorder what the metrics of this crate mean.
pub fn describe() {
    describe_counter!(
        COMMITS,
        Unit::Count,
        "transactions that the grouped writer committed"
    );
    describe_histogram!(
        WRITES_PER_COMMIT,
        Unit::Count,
        "writes per transaction of the grouped writer"
    );
    describe_histogram!(
        COMMIT_SECONDS,
        Unit::Seconds,
        "time of a transaction of the grouped writer"
    );
    describe_counter!(
        RETRIES,
        Unit::Count,
        "write batches that failed and were tried again"
    );
    describe_counter!(
        QUERIES,
        Unit::Count,
        "queries that read outside of a transaction"
    );
    describe_counter!(
        NOTES_DROPPED,
        Unit::Count,
        "best-effort audit entries left out because the queue was full"
    );
}
