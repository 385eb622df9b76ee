//! What is counted of sessions.

/// Sessions open now.
pub const SESSIONS: &str = "pierhead_sessions";

/// Tells the metrics recorder what they mean.
pub fn describe() {
    metrics::describe_gauge!(SESSIONS, "Sessions open now.");
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(crate) fn sessions(open: usize) {
    metrics::gauge!(SESSIONS).set(open as f64);
}
