//! `[password]`: what a password that is set has to satisfy.

use std::path::PathBuf;

use identity::{PasswordPolicy, PasswordRules};
use serde::{Deserialize, Serialize};

/// `[password]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordConfig {
    /// The fewest characters.
    pub min_characters: u32,
    /// The fewest different characters.
    pub min_different: u32,
    /// Names of the house, of which passwords must not be made.
    pub names: Vec<String>,
    /// A sorted file of hashes of passwords that became known.
    pub breached_list: Option<PathBuf>,
}

impl Default for PasswordConfig {
    fn default() -> Self {
        Self {
            min_characters: 12,
            min_different: 5,
            names: vec!["pierhead".to_owned()],
            breached_list: None,
        }
    }
}

impl PasswordConfig {
    /// What `identity` is told.
    pub(crate) fn policy(&self) -> PasswordPolicy {
        PasswordPolicy {
            rules: PasswordRules {
                characters: self.min_characters as usize,
                different: self.min_different as usize,
                names: self.names.clone(),
            },
            breached: self.breached_list.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_rules() {
        let policy = PasswordConfig::default().policy();
        let wanted = PasswordPolicy::default();
        assert_eq!(format!("{policy:?}"), format!("{wanted:?}"));
    }
}
