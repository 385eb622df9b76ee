//! The names of this crate's metrics, with their units.

/// Gauge, bytes: chunks that are out, half-full parts included.
pub const UPLOAD_BUFFERED_BYTES: &str = "pierhead_upload_buffered_bytes";
/// Gauge, bytes: parts handed to a store and not answered yet.
pub const UPLOAD_IN_FLIGHT_BYTES: &str = "pierhead_upload_in_flight_bytes";
/// Gauge, bytes: memory that waits for parts to fill.
pub const UPLOAD_UNSENT_BYTES: &str = "pierhead_upload_unsent_bytes";
/// Gauge, bytes: first parts kept after they were sent.
pub const UPLOAD_KEPT_BYTES: &str = "pierhead_upload_kept_bytes";
/// Gauge, bytes: fetched ahead of readers.
pub const READ_AHEAD_BYTES: &str = "pierhead_read_ahead_bytes";
/// Counter: calls of a remote store by `operation` and `outcome` (`ok` or an error kind).
pub const STORE_CALLS: &str = "pierhead_store_calls_total";
/// Counter: attempts of those calls by `operation`; what exceeds the calls are retries.
pub const STORE_ATTEMPTS: &str = "pierhead_store_attempts_total";
/// Counter: IAM roles assumed for sessions, renewals included, by `outcome` (`ok` or an error kind).
pub const ROLES_ASSUMED: &str = "pierhead_roles_assumed_total";
