//! What is counted of sessions.

/// Sessions open now.
pub const SESSIONS: &str = "pierhead_sessions";
/// Operations that were refused, by what objected: `mount` or `policy`.
pub const REFUSALS: &str = "pierhead_refusals_total";

/// Tells the metrics recorder what they mean.
pub fn describe() {
    metrics::describe_gauge!(SESSIONS, "Sessions open now.");
    metrics::describe_counter!(
        REFUSALS,
        "Operations that were refused, by what objected: mount permissions or policy."
    );
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(crate) fn sessions(open: usize) {
    metrics::gauge!(SESSIONS).set(open as f64);
}

pub(crate) fn refused(by: &'static str) {
    metrics::counter!(REFUSALS, "by" => by).increment(1);
}
