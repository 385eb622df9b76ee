//! What is counted of uploads.

/// Uploads that ended, by `outcome`: completed, failed, unknown.
pub const UPLOADS: &str = "pierhead_uploads_total";
/// Bytes of objects that were stored and committed.
pub const STORED_BYTES: &str = "pierhead_stored_bytes_total";

/// Renames that ended, by `outcome`: moved, failed.
pub const RENAMES: &str = "pierhead_renames_total";

/// Tells the metrics recorder what they mean.
pub fn describe() {
    metrics::describe_counter!(UPLOADS, "Uploads that ended, by outcome.");
    metrics::describe_counter!(RENAMES, "Renames that ended, by outcome.");
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

pub(crate) fn bytes_stored(bytes: u64) {
    metrics::counter!(STORED_BYTES).increment(bytes);
}
