//! `ConfigError`: what is wrong with a configuration, and where it says so.

use std::fmt;

/// A configuration that cannot be used. Nothing starts with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    origin: String,
    line: Option<usize>,
    message: String,
}

impl ConfigError {
    /// Something wrong with what `origin` (a file or a variable) says.
    pub fn new(origin: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            line: None,
            message: message.into(),
        }
    }

    /// The same, at this line (from 1) of the file.
    #[must_use]
    pub(super) fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.origin, self.message),
            None => write!(f, "{}: {}", self.origin, self.message),
        }
    }
}

impl std::error::Error for ConfigError {}
