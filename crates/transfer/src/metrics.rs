//! What is counted of uploads.

/// Uploads that ended, by `outcome`: completed, failed, unknown.
pub const UPLOADS: &str = "pierhead_uploads_total";
/// Bytes of objects that were stored and committed.
pub const STORED_BYTES: &str = "pierhead_stored_bytes_total";

/// Renames that ended, by `outcome`: moved, failed.
pub const RENAMES: &str = "pierhead_renames_total";

/// What the sweeper did, by `deed` (commit, keep, give-up, expire, clear, abort-upload,
/// delete-staged, leave-foreign) and `outcome`: done, left.
pub const SWEPT: &str = "pierhead_sweeper_deeds_total";
/// When the sweeper last came to its end on this node, in seconds since 1970.
pub const SWEPT_AT: &str = "pierhead_sweeper_last_run_seconds";
/// How long a sweep took.
pub const SWEEP_SECONDS: &str = "pierhead_sweeper_run_seconds";

/// Tells the metrics recorder what they mean.
pub fn describe() {
    metrics::describe_counter!(UPLOADS, "Uploads that ended, by outcome.");
    metrics::describe_counter!(RENAMES, "Renames that ended, by outcome.");
    metrics::describe_counter!(
        SWEPT,
        "What the sweeper did about what dead nodes left, by deed and outcome."
    );
    metrics::describe_gauge!(
        SWEPT_AT,
        metrics::Unit::Seconds,
        "When the sweeper last came to its end on this node, since 1970."
    );
    metrics::describe_histogram!(
        SWEEP_SECONDS,
        metrics::Unit::Seconds,
        "How long a sweep took."
    );
    metrics::describe_counter!(
        STORED_BYTES,
        metrics::Unit::Bytes,
        "Bytes of objects that were stored and committed."
    );
}

pub(crate) fn upload_ended(outcome: &'static str) {
    metrics::counter!(UPLOADS, "outcome" => outcome).increment(1);
}

pub(crate) fn rename_ended(outcome: &'static str) {
    metrics::counter!(RENAMES, "outcome" => outcome).increment(1);
}

pub(crate) fn sweep_did(deed: &'static str, outcome: &'static str) {
    metrics::counter!(SWEPT, "deed" => deed, "outcome" => outcome).increment(1);
}

pub(crate) fn swept(now: model::Timestamp, took: std::time::Duration) {
    metrics::gauge!(SWEPT_AT).set(now.as_seconds() as f64);
    metrics::histogram!(SWEEP_SECONDS).record(took.as_secs_f64());
}

pub(crate) fn bytes_stored(bytes: u64) {
    metrics::counter!(STORED_BYTES).increment(bytes);
}
