//! What was found out about a source, for the person who moves it.

use serde::Serialize;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Something that is good to know: it comes over in another form, or has no meaning here.
    Note,
    /// Somebody or something stays behind, and that is most likely what is wanted.
    Skipped,
    /// Something cannot be understood or kept. Nothing is moved until it is mended, or until it is
    /// said that it may stay behind.
    Fault,
}

/// One thing that was found. Never a secret, nor a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it weighs.
    pub weight: Weight,
    /// Who or what it is about: `acme`, `shadow, line 3`.
    pub about: String,
    /// What was found, and what to do.
    pub what: String,
}

impl Finding {
    /// Good to know.
    pub fn note(about: impl ToString, what: impl Into<String>) -> Self {
        Self::new(Weight::Note, about, what)
    }

    /// Stays behind.
    pub fn skipped(about: impl ToString, what: impl Into<String>) -> Self {
        Self::new(Weight::Skipped, about, what)
    }

    /// Cannot be understood or kept.
    pub fn fault(about: impl ToString, what: impl Into<String>) -> Self {
        Self::new(Weight::Fault, about, what)
    }

    fn new(weight: Weight, about: impl ToString, what: impl Into<String>) -> Self {
        Self {
            weight,
            about: about.to_string(),
            what: what.into(),
        }
    }
}
