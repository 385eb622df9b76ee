//! What the person who moves a source decides for all of its users.

use model::{Timestamp, UserName};

/// Decisions for all users of a source.
#[derive(Debug, Clone)]
pub struct Options {
    /// The source, as it is written down: `unix`, `csv`.
    pub source: &'static str,
    /// The group of users whose source names none.
    pub group: Option<String>,
    /// The role of users whose source names none.
    pub role: Option<String>,
    /// Users of the same name who did not come from this source become those of the source.
    pub replace: bool,
    /// Whether users come, too, who have neither a password nor a key: they may have certificates, or
    /// get a password later.
    pub without_credentials: bool,
    /// The time.
    pub now: Timestamp,
}

/// The variable that stands for a user's name in homes.
const NAME: &str = "${transfer:UserName}";

/// The home of a user by a template: `/inbox/${transfer:UserName}`.
pub fn home_for(template: &str, name: &UserName) -> String {
    template.replace(NAME, name.as_str())
}
