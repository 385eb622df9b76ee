//! What went wrong, in the eight words that doors translate into their protocol's codes.

/// The kind of a failure. Every crate's `Error` has a `kind()`; the doors alone map it to
/// `SSH_FX_*` (`ssh::status`) and HTTP problem details (`admin`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The named thing does not exist.
    NotFound,
    /// It exists or may exist, but the caller may not do this to it.
    Denied,
    /// It is in a state that this operation does not go with: it exists already, it changed
    /// meanwhile, another upload holds it.
    Conflict,
    /// The request itself is wrong, whatever the state.
    Invalid,
    /// A limit, quota, disk or budget is used up.
    Exhausted,
    /// A part that is needed does not answer now; trying again may help.
    Unavailable,
    /// Understood, and not offered here.
    Unsupported,
    /// A fault of ours.
    Internal,
}

impl ErrorKind {
    /// A lower-case word for logs and metrics labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::Exhausted => "exhausted",
            Self::Unavailable => "unavailable",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        }
    }
}

impl std::fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
