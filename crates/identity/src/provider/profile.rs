//! What a provider says of a user whom it admits.

use database::{HomeType, Mapping, MappingKind};
use model::{Secret, Timestamp};

use crate::{PublicKey, contract};

/// A user, as his provider knows him.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// What the provider knows him by, and never gives to another: an `objectGUID`, an `entryUUID`.
    /// With the provider it is the owner of what he uploads.
    pub external_id: Option<String>,
    /// His role: an ARN, or the provider's own word for it. What names no role known here refuses
    /// the login; none is for providers that know no roles.
    pub role: Option<String>,
    /// A session policy, a JSON document that nobody has read yet.
    pub policy: Option<String>,
    /// Where his files are.
    pub home: Home,
    /// The keys that he may sign by; of a question for keys alone.
    pub keys: Vec<PublicKey>,
    /// Whether his password was looked at.
    pub password: PasswordCheck,
    /// From when on he is kept out.
    pub expires: Option<Timestamp>,
    /// The groups that he is in, as the provider names them; for the log and for tests.
    pub groups: Vec<String>,
}

/// Where a user's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// How he sees where he is.
    pub kind: HomeType,
    /// `/bucket/prefix`; empty for none. It may hold variables.
    pub directory: String,
    /// What he sees besides or instead of it.
    pub mappings: Vec<Mapping>,
}

/// What became of the password.
#[derive(Debug, Clone, Default)]
pub enum PasswordCheck {
    /// The provider looked at it, and it is right.
    Verified,
    /// The provider knows its hash, of any format of [`PasswordHash`](crate::PasswordHash):
    /// verified here, capped in cost.
    Hash(Secret<String>),
    /// It was not asked about. Admits nobody who came with one.
    #[default]
    NotAsked,
}

impl Default for Home {
    /// No files at all.
    fn default() -> Self {
        Self {
            kind: HomeType::Path,
            directory: String::new(),
            mappings: Vec::new(),
        }
    }
}

impl From<contract::Home> for Home {
    fn from(home: contract::Home) -> Self {
        match home {
            contract::Home::Path { directory } => Self {
                kind: HomeType::Path,
                directory: directory.unwrap_or_default(),
                mappings: Vec::new(),
            },
            // Where he begins does not widen what his mappings show.
            contract::Home::Logical { mappings, .. } => Self {
                kind: HomeType::Logical,
                directory: String::new(),
                mappings: mappings.into_iter().map(mapping).collect(),
            },
        }
    }
}

fn mapping(mapping: contract::Mapping) -> Mapping {
    Mapping {
        entry: mapping.entry,
        target: mapping.target,
        kind: match mapping.kind {
            contract::MappingType::Directory => MappingKind::Directory,
            contract::MappingType::File => MappingKind::File,
        },
        permissions: None,
    }
}
