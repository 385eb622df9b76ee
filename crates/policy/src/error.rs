//! Why a document was refused, and where in it.

use std::fmt;

use model::ErrorKind;

/// The crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A document that cannot be used. Its text names the document, the statement, the member and the
/// reason, for the person who edits it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy {document:?}, {place}: {reason}")]
pub struct Error {
    document: String,
    place: Place,
    reason: String,
}

impl Error {
    pub(crate) fn new(document: &str, place: Place, reason: impl Into<String>) -> Self {
        Self {
            document: quote(document),
            place,
            reason: reason.into(),
        }
    }

    /// Always [`ErrorKind::Invalid`]: the same document is refused again.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    /// Where in the document.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What is wrong there.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// A place in a document: the whole, a statement, or a member of one.
#[derive(Debug, Clone, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct Place {
    /// The statement, counted from 1.
    pub statement: Option<usize>,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// The member in it, or in the document; deeper ones after a dot:
    /// `Condition.StringLike.s3:prefix`.
    pub member: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(number) = self.statement else {
            return match &self.member {
                Some(member) => f.write_str(member),
                None => f.write_str("document"),
            };
        };
        write!(f, "statement {number}")?;
        if let Some(sid) = &self.sid {
            write!(f, " ({sid:?})")?;
        }
        match &self.member {
            Some(member) => write!(f, ", {member}"),
            None => Ok(()),
        }
    }
}

/// What is wrong with a member, before it is known whose member it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) member: Option<String>,
    pub(crate) reason: String,
}

impl Fault {
    pub(crate) fn at(member: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            member: Some(member.into()),
            reason: reason.into(),
        }
    }

    pub(crate) fn whole(reason: impl Into<String>) -> Self {
        Self {
            member: None,
            reason: reason.into(),
        }
    }
}

/// The beginning of a text that somebody wrote: errors stay short and carry no control characters.
pub(crate) fn quote(text: &str) -> String {
    let plain = |character: char| match character.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => character,
    };
    let mut short: String = text.chars().take(80).map(plain).collect();
    if text.chars().nth(80).is_some() {
        short.push_str("...");
    }
    short
}

/// ", did you mean X?" where one of the known words is close.
pub(crate) fn suggestion<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let word: String = word.chars().take(80).collect::<String>().to_lowercase();
    let distance = |candidate: &&str| strsim::osa_distance(&word, &candidate.to_lowercase());
    match known.into_iter().min_by_key(distance) {
        Some(near) if distance(&near) <= 2 => format!("; did you mean {near}?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_short_and_one_line() {
        assert_eq!(quote("a\nb\u{1b}"), "a\u{fffd}b\u{fffd}");
        assert_eq!(quote(&"x".repeat(81)), format!("{}...", "x".repeat(80)));
        assert_eq!(quote(&"\u{fc}".repeat(80)), "\u{fc}".repeat(80));
    }
}
