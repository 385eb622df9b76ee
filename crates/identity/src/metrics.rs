//! The names of this crate's metrics.

use metrics::{Unit, describe_counter, describe_histogram};

/// Logins, by `method` and `outcome` (`success` or the reason of the refusal).
pub(crate) const LOGINS: &str = "pierhead_logins_total";
/// What directories answered, by `provider` and `outcome` (`admitted`, the reason of the refusal,
/// `unavailable` or `malformed`).
pub(crate) const LDAP_ANSWERS: &str = "pierhead_ldap_answers_total";
/// How long a password took to verify, waiting for a place included.
pub(crate) const VERIFY_SECONDS: &str = "pierhead_password_verify_seconds";
/// Questions to providers, by `provider`, `question` (`keys`, `password`) and `outcome`.
pub(crate) const PROVIDER_QUESTIONS: &str = "pierhead_identity_provider_questions_total";
/// How long questions to providers took, by `provider`.
pub(crate) const PROVIDER_SECONDS: &str = "pierhead_identity_provider_seconds";

/// Tells the recorder what the metrics of this crate mean.
pub fn describe() {
    describe_counter!(LOGINS, Unit::Count, "login attempts by method and outcome");
    describe_counter!(
        PROVIDER_QUESTIONS,
        Unit::Count,
        "questions to identity providers by provider, question and outcome"
    );
    describe_histogram!(
        PROVIDER_SECONDS,
        Unit::Seconds,
        "time that questions to identity providers took, waiting for a place included"
    );
    describe_counter!(
        LDAP_ANSWERS,
        Unit::Count,
        "answers of directories by provider and outcome"
    );
    describe_histogram!(
        VERIFY_SECONDS,
        Unit::Seconds,
        "time to verify a password, waiting for a place included"
    );
}
