//! Why a directory's user is not let in: told apart in the log and in metrics, never outside.

use std::fmt;

/// Why a user is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No entry fits the filter.
    UnknownUser,
    /// More than one entry fits the filter, so nobody can say who this is.
    SeveralEntries,
    /// The directory writes the name in another way.
    OtherSpelling,
    /// He sent no password, or one that directories take for none.
    EmptyPassword,
    /// It is not his password.
    WrongPassword,
    /// The account is switched off.
    Disabled,
    /// Too many wrong passwords.
    Locked,
    /// The account's time is over, or did not begin.
    AccountExpired,
    /// The password is too old.
    PasswordExpired,
    /// He must set another password first, which SFTP gives no way to.
    MustChangePassword,
    /// He may not log in at this hour.
    LogonHours,
    /// He may not log in from here.
    Workstation,
    /// He is in none of the groups that may come in.
    NoGroup,
}

impl Refusal {
    /// A word for metrics labels.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::UnknownUser => "unknown_user",
            Self::SeveralEntries => "several_entries",
            Self::OtherSpelling => "other_spelling",
            Self::EmptyPassword => "empty_password",
            Self::WrongPassword => "wrong_password",
            Self::Disabled => "disabled",
            Self::Locked => "locked",
            Self::AccountExpired => "account_expired",
            Self::PasswordExpired => "password_expired",
            Self::MustChangePassword => "must_change_password",
            Self::LogonHours => "logon_hours",
            Self::Workstation => "workstation",
            Self::NoGroup => "no_group",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownUser => "no entry of the directory fits the filter",
            Self::SeveralEntries => "more than one entry of the directory fits the filter",
            Self::OtherSpelling => "the directory spells the name in another way",
            Self::EmptyPassword => "the password is empty",
            Self::WrongPassword => "wrong password",
            Self::Disabled => "the account is disabled",
            Self::Locked => "the account is locked",
            Self::AccountExpired => "the account is expired",
            Self::PasswordExpired => "the password is expired",
            Self::MustChangePassword => "the password must be changed first",
            Self::LogonHours => "the account may not log in at this hour",
            Self::Workstation => "the account may not log in from here",
            Self::NoGroup => "in none of the groups that may come in",
        })
    }
}
