//! A user's settings as another server has them: all but his credentials.

use database::{HomeType, Mapping, UserLimits, UserNetworks};
use model::Timestamp;
use policy::Permissions;
use serde::{Deserialize, Serialize};

/// A user's settings. Written down as JSON when he moves, so that the next move can tell what was
/// changed there from what was changed here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
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
    /// The name of his group.
    pub group: Option<String>,
    /// The name of his role.
    pub role: Option<String>,
    /// A policy document (JSON) that narrows what his role may.
    pub session_policy: Option<String>,
    /// What he must show, as AWS Transfer names it.
    pub methods: Option<String>,
    /// Where he may come from.
    pub networks: UserNetworks,
    /// From when on he is kept out.
    pub expires: Option<Timestamp>,
    /// Whether he is kept out.
    pub disabled: bool,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            home_type: HomeType::default(),
            home_directory: String::new(),
            mappings: Vec::new(),
            permissions: Permissions::ALL,
            limits: UserLimits::default(),
            group: None,
            role: None,
            session_policy: None,
            methods: None,
            networks: UserNetworks::default(),
            expires: None,
            disabled: false,
        }
    }
}

impl Profile {
    /// The names of what differs from `other`, as reports have them.
    pub(crate) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let pairs = [
            (
                "home",
                (self.home_type, &self.home_directory) != (other.home_type, &other.home_directory),
            ),
            ("mappings", self.mappings != other.mappings),
            ("permissions", self.permissions != other.permissions),
            ("limits", self.limits != other.limits),
            ("group", self.group != other.group),
            ("role", self.role != other.role),
            (
                "session policy",
                self.session_policy != other.session_policy,
            ),
            ("methods", self.methods != other.methods),
            ("networks", self.networks != other.networks),
            ("expiry", self.expires != other.expires),
            ("disabled", self.disabled != other.disabled),
        ];
        let differing = pairs.into_iter().filter(|(_, differs)| *differs);
        differing.map(|(name, _)| name).collect()
    }
}
