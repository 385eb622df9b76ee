//! The names of this crate's metrics.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

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
/// What was decided about connections, offered keys and attempts before anybody was asked, by
/// `stage` (`connection`, `admission`, `offer`, `attempt`, `offence`) and `decision`.
pub(crate) const DECISIONS: &str = "pierhead_defence_decisions_total";
/// Bans that this node made, by `reason`.
pub(crate) const BANS_MADE: &str = "pierhead_bans_total";
/// Bans that hold.
pub(crate) const BANS: &str = "pierhead_bans";
/// Logins, refusals and bans that have no audit row of their own, since there were too many.
pub(crate) const CASES_COUNTED_ONLY: &str = "pierhead_defence_cases_counted_only_total";
/// Users whose imported password does not satisfy today's rules, seen at their login.
pub(crate) const WEAK_PASSWORDS: &str = "pierhead_weak_passwords_total";

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
    describe_counter!(
        DECISIONS,
        Unit::Count,
        "decisions about connections, offered keys and attempts, by stage and decision"
    );
    describe_counter!(
        BANS_MADE,
        Unit::Count,
        "bans that this node made, by reason"
    );
    describe_gauge!(BANS, Unit::Count, "bans that hold");
    describe_counter!(
        CASES_COUNTED_ONLY,
        Unit::Count,
        "logins, refusals and bans counted together in the audit log"
    );
    describe_counter!(
        WEAK_PASSWORDS,
        Unit::Count,
        "logins with an imported password that does not satisfy the rules"
    );
    describe_histogram!(
        VERIFY_SECONDS,
        Unit::Seconds,
        "time to verify a password, waiting for a place included"
    );
}
