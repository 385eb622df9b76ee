//! A user: his home, his rights, and what can be changed of him.

use model::{GroupId, Secret, ServerId, Timestamp, UserId, UserName};
use policy::Permissions;
use serde::{Deserialize, Serialize};

use crate::{SshKey, UserLimits};

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
    /// What may be done in it at most; whatever the user may do where absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub permissions: Option<Permissions>,
}

/// The networks that a user may come from, as texts that `identity` has read before they were
/// stored. What is denied stays out even where it is allowed too; with none allowed every other
/// address may come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserNetworks {
    /// Networks and addresses that may come in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Networks and addresses that may not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

impl UserNetworks {
    /// Whether everybody may come, from anywhere.
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
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
    /// The name of his role.
    pub role: Option<String>,
    /// A policy document (JSON) that narrows what his role may.
    pub session_policy: Option<String>,
    /// What he must show, as AWS Transfer names it; none: what his server asks for.
    pub methods: Option<String>,
    /// Where he may come from.
    pub networks: UserNetworks,
    /// From when on he is kept out.
    pub expires: Option<Timestamp>,
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
            role: None,
            session_policy: None,
            methods: None,
            networks: UserNetworks::default(),
            expires: None,
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
    /// When he was changed last; what his provider says of him is no change.
    pub changed: Timestamp,
    /// The provider that he comes from; none for built-in users.
    pub provider: Option<String>,
    /// What his provider knows him by: who comes under his name with another one is somebody else.
    pub external_id: Option<String>,
    /// The name of his role.
    pub role: Option<String>,
    /// A policy document (JSON) that narrows what his role may.
    pub session_policy: Option<String>,
    /// What he must show, as AWS Transfer names it; none: what his server asks for.
    pub methods: Option<String>,
    /// The secret of his one-time passwords as it is stored, sealed where there is a key: see
    /// [`UsersTable::totp_secret`](crate::UsersTable::totp_secret).
    pub totp: Option<Secret<String>>,
    /// Where he may come from.
    pub networks: UserNetworks,
    /// From when on he is kept out.
    pub expires: Option<Timestamp>,
    /// When he came in last, to the minute.
    pub last_login: Option<Timestamp>,
}

impl User {
    /// What parts the name of a provider's user from the provider's.
    pub const PROVIDER_SEPARATOR: &str = "@@";

    /// His name as his provider, policies and `${transfer:UserName}` know it: without the
    /// `@@provider` that he is recorded under.
    pub fn plain_name(&self) -> &str {
        let name = self.name.as_str();
        let plain = self.provider.as_ref().and_then(|provider| {
            let name = name.strip_suffix(provider.as_str())?;
            name.strip_suffix(Self::PROVIDER_SEPARATOR)
        });
        plain.unwrap_or(name)
    }

    /// The same as a name of its own: what `${transfer:UserName}` stands for in homes.
    pub fn plain(&self) -> UserName {
        // What is left of a name that holds no slash holds none either.
        UserName::parse(self.plain_name()).unwrap_or_else(|_| self.name.clone())
    }
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
    /// The name of his role; `Some(None)` takes it from him.
    pub role: Option<Option<String>>,
    /// A policy document (JSON) that narrows what his role may; `Some(None)` takes it away.
    pub session_policy: Option<Option<String>>,
    /// What he must show; `Some(None)`: what his server asks for.
    pub methods: Option<Option<String>>,
    /// Where he may come from.
    pub networks: Option<UserNetworks>,
    /// From when on he is kept out; `Some(None)`: never.
    pub expires: Option<Option<Timestamp>>,
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
            role,
            session_policy,
            methods,
            networks,
            expires,
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
        if let Some(role) = role {
            self.role = role;
        }
        if let Some(session_policy) = session_policy {
            self.session_policy = session_policy;
        }
        if let Some(methods) = methods {
            self.methods = methods;
        }
        if let Some(networks) = networks {
            self.networks = networks;
        }
        self.expires = expires.unwrap_or(self.expires);
        self.changed = now;
    }
}
