//! A user: his home, his rights, and what can be changed of him.

use model::{GroupId, Secret, ServerId, Timestamp, UserId, UserName};
use policy::Permissions;
use serde::{Deserialize, Serialize};

use crate::SshKey;

/// How a user sees where he is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HomeType {
    /// He sees `/bucket/prefix` and starts there.
    Path,
    /// He sees his mappings, or, without any, his home as `/`.
    #[default]
    Logical,
}

impl HomeType {
    /// As AWS Transfer writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Path => "PATH",
            Self::Logical => "LOGICAL",
        }
    }
}

impl std::str::FromStr for HomeType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "PATH" => Ok(Self::Path),
            "LOGICAL" => Ok(Self::Logical),
            _ => Err(format!(
                "{text:?} is not a home directory type: PATH or LOGICAL"
            )),
        }
    }
}

/// What a mapping leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MappingKind {
    /// A prefix.
    #[default]
    Directory,
    /// One object.
    File,
}

/// A home directory mapping, as AWS Transfer has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Where the user sees it: an absolute path.
    pub entry: String,
    /// What is there: `/bucket/prefix`.
    pub target: String,
    /// Whether that is a prefix or an object.
    #[serde(rename = "type", default)]
    pub kind: MappingKind,
    /// What may be done in it; the user's own permissions where absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub permissions: Option<Permissions>,
}

/// Limits of a user. Absent means that the server's limits say it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserLimits {
    /// Sessions at the same time.
    pub sessions: Option<u32>,
}

/// A user to make.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// At which server.
    pub server: ServerId,
    /// His name, unique at the server.
    pub name: UserName,
    /// His group.
    pub group: Option<GroupId>,
    /// His password's hash (a PHC string); none for keys only.
    pub password_hash: Option<Secret<String>>,
    /// How he sees where he is.
    pub home_type: HomeType,
    /// `/bucket/prefix`.
    pub home_directory: String,
    /// What he sees besides or instead of it.
    pub mappings: Vec<Mapping>,
    /// What he may do where no mapping says otherwise.
    pub permissions: Permissions,
    /// His limits.
    pub limits: UserLimits,
}

impl NewUser {
    /// A user with this home, all rights in it, and no credential yet.
    pub fn new(server: ServerId, name: UserName, home_directory: impl Into<String>) -> Self {
        Self {
            server,
            name,
            group: None,
            password_hash: None,
            home_type: HomeType::default(),
            home_directory: home_directory.into(),
            mappings: Vec::new(),
            permissions: Permissions::ALL,
            limits: UserLimits::default(),
        }
    }
}

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// His id: a user made again under the same name is another.
    pub id: UserId,
    /// At which server.
    pub server: ServerId,
    /// His name, unique at the server.
    pub name: UserName,
    /// His group.
    pub group: Option<GroupId>,
    /// His password's hash (a PHC string); none for keys only.
    pub password_hash: Option<Secret<String>>,
    /// How he sees where he is.
    pub home_type: HomeType,
    /// `/bucket/prefix`.
    pub home_directory: String,
    /// What he sees besides or instead of it.
    pub mappings: Vec<Mapping>,
    /// What he may do where no mapping says otherwise.
    pub permissions: Permissions,
    /// His limits.
    pub limits: UserLimits,
    /// Whether he is kept out.
    pub disabled: bool,
    /// When he was made.
    pub created: Timestamp,
    /// When he was changed last.
    pub changed: Timestamp,
}

/// What is to change of a user; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct UserChanges {
    /// His group; `Some(None)` takes him out of it.
    pub group: Option<Option<GroupId>>,
    /// How he sees where he is.
    pub home_type: Option<HomeType>,
    /// `/bucket/prefix`.
    pub home_directory: Option<String>,
    /// What he sees besides or instead of it.
    pub mappings: Option<Vec<Mapping>>,
    /// What he may do where no mapping says otherwise.
    pub permissions: Option<Permissions>,
    /// His limits.
    pub limits: Option<UserLimits>,
    /// Whether he is kept out.
    pub disabled: Option<bool>,
}

/// A user and all his keys, read at once for a login.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// His SSH public keys.
    pub keys: Vec<SshKey>,
}

impl User {
    /// Makes these changes to him.
    pub(crate) fn apply(&mut self, changes: UserChanges, now: Timestamp) {
        let UserChanges {
            group,
            home_type,
            home_directory,
            mappings,
            permissions,
            limits,
            disabled,
        } = changes;
        self.group = group.unwrap_or(self.group);
        self.home_type = home_type.unwrap_or(self.home_type);
        if let Some(home_directory) = home_directory {
            self.home_directory = home_directory;
        }
        if let Some(mappings) = mappings {
            self.mappings = mappings;
        }
        self.permissions = permissions.unwrap_or(self.permissions);
        if let Some(limits) = limits {
            self.limits = limits;
        }
        self.disabled = disabled.unwrap_or(self.disabled);
        self.changed = now;
    }
}
