//! What a directory provider is told: where the directory is, and how people stand in it.

use std::path::PathBuf;
use std::time::Duration;

use model::Secret;

use super::client::LdapUrl;

/// What kind of directory it is: the defaults of filter, attributes and groups, and where the
/// state of an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Directory {
    /// OpenLDAP, 389 Directory Server and others that follow the RFCs.
    #[default]
    Standard,
    /// Active Directory and Samba's domain controller.
    ActiveDirectory,
}

/// What a directory provider is told.
#[derive(Debug, Clone)]
pub struct LdapSettings {
    /// Servers of the same directory, tried in this order.
    pub urls: Vec<LdapUrl>,
    /// What kind of directory it is.
    pub directory: Directory,
    /// Whether `ldap://` goes without StartTLS, so that everybody on the way reads passwords.
    pub plaintext: bool,
    /// A PEM file of the CAs that are trusted; those of the machine where absent.
    pub ca_file: Option<PathBuf>,
    /// The account that searches: its DN, or the user principal name on Active Directory. Nobody
    /// where absent.
    pub bind_dn: Option<String>,
    /// Its password.
    pub bind_password: Option<Secret<String>>,
    /// Below which entry users are searched.
    pub base: String,
    /// How a user is found: a filter with `{username}`. Of the kind of directory where absent.
    pub filter: Option<String>,
    /// Whether a name must be written as the directory writes it.
    pub exact_names: bool,
    /// Attributes of users.
    pub attributes: LdapAttributes,
    /// How groups are found.
    pub groups: LdapGroups,
    /// What groups give, in order: of role, home and policy the first that names one holds.
    /// Where there are rules, a user whom none of them fits is refused.
    pub rules: Vec<GroupRule>,
    /// Whether homes are shown as buckets and keys (`PATH`) and not as `/` (`LOGICAL`).
    pub path_homes: bool,
    /// Whether a key still lets in when the password is expired or must be changed.
    pub keys_outlive_passwords: bool,
    /// The entry of the password policy of users whose entries name none.
    pub password_policy: Option<String>,
    /// How long a server may take to be connected to, TLS included, before the next is tried.
    pub connect_timeout: Duration,
    /// How long a server may take for one answer, before the next one is tried.
    pub search_timeout: Duration,
}

/// Names of attributes of users. Those that are absent are not asked for, or are the usual ones of
/// the kind of directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LdapAttributes {
    /// The login name: `uid`, `sAMAccountName`.
    pub name: Option<String>,
    /// What stays when the name changes: `entryUUID`, `objectGUID`.
    pub external_id: Option<String>,
    /// SSH public keys: `sshPublicKey`.
    pub keys: Option<String>,
    /// The home: `/bucket/prefix`.
    pub home: Option<String>,
    /// The role.
    pub role: Option<String>,
    /// A session policy: a JSON document.
    pub policy: Option<String>,
}

/// How the groups of a user are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapGroups {
    /// By what; of the kind of directory where absent.
    pub lookup: Option<GroupLookup>,
    /// Below which entry they are searched; the users' base where absent.
    pub base: Option<String>,
    /// How the groups with a member are found: a filter with `{dn}`, and with `{username}` where
    /// groups hold login names. For [`GroupLookup::Search`].
    pub filter: Option<String>,
    /// How many groups may stand between a user and a group that he is in through others; 0
    /// counts direct membership alone. Active Directory knows no such bound.
    pub depth: u8,
}

impl Default for LdapGroups {
    fn default() -> Self {
        Self {
            lookup: None,
            base: None,
            filter: None,
            depth: 5,
        }
    }
}

/// By what groups are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupLookup {
    /// `memberOf` of the user, then of his groups.
    MemberOf,
    /// Active Directory's matching rule that follows chains.
    InChain,
    /// A search for groups with this member, then for groups with these groups.
    Search,
}

/// What members of a group get.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupRule {
    /// The group's DN; everybody where absent.
    pub group: Option<String>,
    /// The role.
    pub role: Option<String>,
    /// A session policy: a JSON document.
    pub policy: Option<String>,
    /// The home: `/bucket/prefix`, with `${transfer:UserName}` where wanted.
    pub home: Option<String>,
    /// What is shown elsewhere: (path, `/bucket/prefix`). For homes that are not of `PATH`.
    pub mappings: Vec<(String, String)>,
}

impl LdapSettings {
    /// The defaults, for users below `base`.
    pub fn new(urls: Vec<LdapUrl>, base: &str) -> Self {
        Self {
            urls,
            directory: Directory::default(),
            plaintext: false,
            ca_file: None,
            bind_dn: None,
            bind_password: None,
            base: base.to_owned(),
            filter: None,
            exact_names: true,
            attributes: LdapAttributes::default(),
            groups: LdapGroups::default(),
            rules: Vec::new(),
            path_homes: false,
            keys_outlive_passwords: false,
            password_policy: None,
            connect_timeout: Duration::from_secs(3),
            search_timeout: Duration::from_secs(5),
        }
    }

    pub(super) fn filter_text(&self) -> &str {
        let usual = match self.directory {
            Directory::Standard => "(uid={username})",
            Directory::ActiveDirectory => {
                "(&(objectCategory=person)(objectClass=user)(sAMAccountName={username}))"
            }
        };
        self.filter.as_deref().unwrap_or(usual)
    }

    pub(super) fn name_attribute(&self) -> &str {
        let usual = match self.directory {
            Directory::Standard => "uid",
            Directory::ActiveDirectory => "sAMAccountName",
        };
        self.attributes.name.as_deref().unwrap_or(usual)
    }

    pub(super) fn id_attribute(&self) -> &str {
        let usual = match self.directory {
            Directory::Standard => "entryUUID",
            Directory::ActiveDirectory => "objectGUID",
        };
        self.attributes.external_id.as_deref().unwrap_or(usual)
    }

    pub(super) fn keys_attribute(&self) -> &str {
        self.attributes.keys.as_deref().unwrap_or("sshPublicKey")
    }

    pub(super) fn group_lookup(&self) -> GroupLookup {
        let usual = match self.directory {
            Directory::Standard => GroupLookup::MemberOf,
            Directory::ActiveDirectory => GroupLookup::InChain,
        };
        self.groups.lookup.unwrap_or(usual)
    }

    pub(super) fn group_base(&self) -> &str {
        self.groups.base.as_deref().unwrap_or(&self.base)
    }
}
