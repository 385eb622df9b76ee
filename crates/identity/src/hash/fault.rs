//! Why a text is not a password hash that is taken.

use model::ErrorKind;

/// Why a text is not a password hash that is taken. It never holds the text, nor a part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHash {
    /// It begins like none of the formats.
    #[error(
        "read password hash: it is of none of the formats that are taken: argon2, bcrypt, scrypt, \
         pbkdf2, yescrypt, $6$, $5$, $1$, $apr1$, {{SSHA}} and its kin, base64 of SHA-224"
    )]
    Unknown,
    /// It is longer than any hash.
    #[error("read password hash: it is longer than 1024 bytes")]
    TooLong,
    /// It begins like a hash of this format and is none.
    #[error("read password hash that begins with {start}: {fault}")]
    Malformed {
        /// What it begins with.
        start: &'static str,
        /// What is wrong.
        fault: &'static str,
    },
    /// It would cost more to verify than a login may.
    #[error("read password hash that begins with {start}: it costs too much: {fault}")]
    TooDear {
        /// What it begins with.
        start: &'static str,
        /// Its cost and the bound.
        fault: String,
    },
}

impl InvalidHash {
    /// `Invalid`, always.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

/// What one format finds wrong with a text.
#[derive(Debug)]
pub(super) enum Fault {
    Malformed(&'static str),
    TooDear(String),
}

impl Fault {
    pub(super) fn of(self, start: &'static str) -> InvalidHash {
        match self {
            Self::Malformed(fault) => InvalidHash::Malformed { start, fault },
            Self::TooDear(fault) => InvalidHash::TooDear { start, fault },
        }
    }
}

/// Refuses a cost above its bound.
pub(super) fn at_most(name: &str, value: u64, bound: u64) -> Result<(), Fault> {
    match value <= bound {
        true => Ok(()),
        false => Err(Fault::TooDear(format!(
            "{name} is {value}, the most is {bound}"
        ))),
    }
}

/// A decimal number as hashes write them: digits alone, no zero in front.
pub(super) fn number(text: &str) -> Result<u32, Fault> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Err(Fault::Malformed("its cost is not a number"));
    }
    // So many digits can only be too dear.
    text.parse()
        .map_err(|_| Fault::TooDear("its cost has more than ten digits".to_owned()))
}
