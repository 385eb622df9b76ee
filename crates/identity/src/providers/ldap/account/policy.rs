//! What a directory says to a bind: a refusal, and which.

use std::time::Duration;

use super::super::client::{Entry, Outcome, Reader, SEQUENCE, integer};
use super::super::refusal::Refusal;

/// What a password policy says of an account whose password is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Policy {
    /// How long a password lasts, where it ends.
    pub(crate) max_age: Option<Duration>,
    /// How long an account stays locked, where that ends by itself.
    pub(crate) lockout: Option<Duration>,
}

impl Policy {
    /// What is read of its entry.
    pub(crate) const ATTRIBUTES: [&str; 2] = ["pwdMaxAge", "pwdLockoutDuration"];

    /// After a bind that the directory let pass: what it locks for a time is not locked now, and
    /// the entry that was read before does not know it yet.
    pub(crate) fn applied() -> Self {
        Self {
            max_age: None,
            lockout: Some(Duration::ZERO),
        }
    }

    /// Reads its entry.
    pub(crate) fn of(entry: &Entry) -> Self {
        let span = |name: &str| {
            let seconds = entry.number(name).and_then(|it| u64::try_from(it).ok());
            seconds.filter(|it| *it > 0).map(Duration::from_secs)
        };
        Self {
            max_age: span("pwdMaxAge"),
            lockout: span("pwdLockoutDuration"),
        }
    }
}

/// What the outcome of a user's bind says of him: nothing, or why he is refused.
///
/// # Errors
/// Where it is neither: the directory has a trouble of its own.
pub(crate) fn told(outcome: &Outcome) -> Result<Option<Refusal>, ()> {
    let policy = outcome.password_policy.as_deref().and_then(policy_error);
    match (outcome.code, policy) {
        (Outcome::SUCCESS, refusal) => Ok(refusal),
        (Outcome::INVALID_CREDENTIALS, Some(refusal)) => Ok(Some(refusal)),
        (Outcome::INVALID_CREDENTIALS, None) => Ok(Some(windows_reason(&outcome.text))),
        // No password stands in the entry, or the entry went away meanwhile.
        (Outcome::NO_PASSWORD | Outcome::NO_SUCH_OBJECT, _) => Ok(Some(Refusal::WrongPassword)),
        // 389 Directory Server says so of accounts that are inactive and of those that are locked.
        (Outcome::UNWILLING, refusal) => Ok(Some(refusal.unwrap_or(Refusal::Disabled))),
        (Outcome::CONSTRAINT_VIOLATION, refusal) => Ok(Some(refusal.unwrap_or(Refusal::Locked))),
        _ => Err(()),
    }
}

/// Active Directory hides the reason in the text: `AcceptSecurityContext error, data 775, v1db1`.
fn windows_reason(text: &str) -> Refusal {
    let behind = text.split("data ").nth(1).unwrap_or_default();
    let code = behind
        .split(|c: char| !c.is_ascii_hexdigit())
        .next()
        .unwrap_or_default();
    match code.to_ascii_lowercase().as_str() {
        "525" => Refusal::UnknownUser,
        "530" => Refusal::LogonHours,
        "531" => Refusal::Workstation,
        "532" => Refusal::PasswordExpired,
        "533" => Refusal::Disabled,
        "701" => Refusal::AccountExpired,
        "773" => Refusal::MustChangePassword,
        "775" => Refusal::Locked,
        // 52e, and what is not known.
        _ => Refusal::WrongPassword,
    }
}

/// The error in a password policy response (draft-behera-ldap-password-policy section 6.2).
/// A warning, such as logins left with an old password, refuses nobody.
fn policy_error(value: &[u8]) -> Option<Refusal> {
    let mut response = Reader::new(Reader::new(value).expect(SEQUENCE).ok()?);
    response.optional(0xa0).ok()?;
    let error = response.optional(0x81).ok()??;
    match integer(error).ok()? {
        0 => Some(Refusal::PasswordExpired),
        1 => Some(Refusal::Locked),
        2 => Some(Refusal::MustChangePassword),
        // Of changes of passwords, which nobody asked for.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(code: i32, text: &str, policy: Option<&[u8]>) -> Outcome {
        Outcome {
            code,
            text: text.to_owned(),
            password_policy: policy.map(<[u8]>::to_vec),
        }
    }

    #[test]
    fn the_codes_of_active_directory_are_told_apart() {
        for (code, refusal) in [
            ("52e", Refusal::WrongPassword),
            ("525", Refusal::UnknownUser),
            ("530", Refusal::LogonHours),
            ("531", Refusal::Workstation),
            ("532", Refusal::PasswordExpired),
            ("533", Refusal::Disabled),
            ("701", Refusal::AccountExpired),
            ("773", Refusal::MustChangePassword),
            ("775", Refusal::Locked),
            ("999", Refusal::WrongPassword),
        ] {
            let text = format!(
                "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {code}, v1db1\0"
            );
            assert_eq!(told(&outcome(49, &text, None)), Ok(Some(refusal)), "{code}");
        }
        assert_eq!(
            told(&outcome(49, "", None)),
            Ok(Some(Refusal::WrongPassword))
        );
    }

    #[test]
    fn the_password_policy_is_heard_also_after_success() {
        let expired = b"\x30\x03\x81\x01\x00";
        let locked = b"\x30\x03\x81\x01\x01";
        let reset = b"\x30\x03\x81\x01\x02";
        let warning = b"\x30\x05\xa0\x03\x81\x01\x05";
        for (code, policy, told_so) in [
            (0, None, None),
            (0, Some(&warning[..]), None),
            (0, Some(reset), Some(Refusal::MustChangePassword)),
            (49, Some(expired), Some(Refusal::PasswordExpired)),
            (49, Some(locked), Some(Refusal::Locked)),
            (49, Some(b"\x30\x00"), Some(Refusal::WrongPassword)),
            (49, Some(b"nonsense"), Some(Refusal::WrongPassword)),
        ] {
            assert_eq!(
                told(&outcome(code, "", policy)),
                Ok(told_so),
                "{code} {policy:02x?}"
            );
        }
    }

    #[test]
    fn other_outcomes_are_troubles_of_the_directory() {
        for code in [1, 2, 8, 13, 51, 52, 80] {
            assert_eq!(told(&outcome(code, "", None)), Err(()), "{code}");
        }
        assert_eq!(told(&outcome(53, "", None)), Ok(Some(Refusal::Disabled)));
        assert_eq!(told(&outcome(19, "", None)), Ok(Some(Refusal::Locked)));
        assert_eq!(
            told(&outcome(48, "", None)),
            Ok(Some(Refusal::WrongPassword))
        );
    }
}
