//! `[identity.provider.ldap]`: LDAP and Active Directory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use identity::providers::ldap::{
    Directory, GroupLookup, GroupRule, LdapAttributes, LdapGroups, LdapSettings, LdapUrl,
};
use model::Secret;
use serde::{Deserialize, Serialize};

use crate::config::reference::{Key, key};
use crate::config::{Hidden, Span};

/// `[identity.provider.ldap]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LdapConfig {
    /// Servers of the same directory, in the order in which they are tried.
    pub urls: Vec<String>,
    /// What kind of directory it is.
    pub directory: DirectoryKind,
    /// Whether `ldap://` goes without StartTLS.
    pub plaintext: bool,
    /// The CAs that are trusted.
    pub ca_file: Option<PathBuf>,
    /// The account that searches.
    pub bind_dn: Option<String>,
    /// Its password.
    pub bind_password: Hidden,
    /// A file with its password.
    pub bind_password_file: Option<PathBuf>,
    /// Below which entry users are searched.
    pub base: String,
    /// How a user is found.
    pub filter: Option<String>,
    /// Whether a name must be written as the directory writes it.
    pub exact_names: bool,
    /// Whether homes are shown as buckets and keys.
    pub path_homes: bool,
    /// Whether a key lets in when the password is expired or must be changed.
    pub keys_outlive_passwords: bool,
    /// The password policy of entries that name none.
    pub password_policy: Option<String>,
    /// How long a server may take to be connected to.
    pub connect_timeout: Span,
    /// How long the directory may look.
    pub search_timeout: Span,
    /// Attributes of users.
    pub attributes: AttributesConfig,
    /// How groups are found.
    pub groups: GroupsConfig,
    /// What groups give.
    pub rule: Vec<RuleConfig>,
}

/// What kind of directory it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirectoryKind {
    /// OpenLDAP and others that follow the RFCs.
    #[default]
    Standard,
    /// Active Directory and Samba.
    ActiveDirectory,
}

/// `[identity.provider.ldap.attributes]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttributesConfig {
    /// The login name.
    pub name: Option<String>,
    /// What stays when the name changes.
    pub external_id: Option<String>,
    /// SSH public keys.
    pub keys: Option<String>,
    /// The home.
    pub home: Option<String>,
    /// The role.
    pub role: Option<String>,
    /// A session policy.
    pub policy: Option<String>,
}

/// `[identity.provider.ldap.groups]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupsConfig {
    /// By what they are found.
    pub lookup: Option<LookupKind>,
    /// Below which entry.
    pub base: Option<String>,
    /// Which of them have a member.
    pub filter: Option<String>,
    /// How many groups may stand between.
    pub depth: u8,
}

/// By what groups are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookupKind {
    /// `memberOf`.
    MemberOf,
    /// Active Directory's matching rule.
    InChain,
    /// A search by members.
    Search,
}

/// `[[identity.provider.ldap.rule]]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuleConfig {
    /// The group's DN; everybody where absent.
    pub group: Option<String>,
    /// The role.
    pub role: Option<String>,
    /// A session policy.
    pub policy: Option<String>,
    /// The home.
    pub home: Option<String>,
    /// Other paths.
    pub mappings: BTreeMap<String, String>,
}

impl Default for LdapConfig {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            directory: DirectoryKind::default(),
            plaintext: false,
            ca_file: None,
            bind_dn: None,
            bind_password: Hidden::default(),
            bind_password_file: None,
            base: String::new(),
            filter: None,
            exact_names: true,
            path_homes: false,
            keys_outlive_passwords: false,
            password_policy: None,
            connect_timeout: Span::seconds(3),
            search_timeout: Span::seconds(5),
            attributes: AttributesConfig::default(),
            groups: GroupsConfig::default(),
            rule: Vec::new(),
        }
    }
}

impl Default for GroupsConfig {
    fn default() -> Self {
        let usual = LdapGroups::default();
        Self {
            lookup: None,
            base: None,
            filter: None,
            depth: usual.depth,
        }
    }
}

/// Its keys, for the reference.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("urls", "[]", "Servers of the same directory, tried in this order: `[\"ldaps://dc1.example.com\", \"ldap://dc2.example.com:389\"]`. `ldap://` begins TLS by StartTLS before anything is said."),
    key("directory", "\"standard\"", "`standard` (OpenLDAP, 389 Directory Server and others that follow the RFCs) or `active-directory` (also Samba's domain controller): the defaults below, and where the state of an account stands."),
    key("plaintext", "false", "`ldap://` goes without TLS: whoever is on the way reads every password. For a directory on this machine."),
    key("ca_file", "", "A PEM file of the CAs that sign the servers' certificates. Default: those of the machine. A certificate must name the host of its URL."),
    key("bind_dn", "", "The account that searches: a DN, or `name@domain` on Active Directory. Default: nobody."),
    key("bind_password", "", "Its password. Better given as a file."),
    key("bind_password_file", "", "A file with its password, read at the start; a line break at its end does not count."),
    key("base", "\"\"", "Users are searched below this entry: `ou=people,dc=example,dc=com`."),
    key("filter", "", "How a user is found (RFC 4515), with `{username}`. Exactly one entry must fit. Default: `(uid={username})`; on Active Directory `(&(objectCategory=person)(objectClass=user)(sAMAccountName={username}))`."),
    key("exact_names", "true", "A name must be written as the directory writes it. Directories find `bob` also as `BOB`; off, these are two users here, with two homes where homes hold the name."),
    key("path_homes", "false", "Homes are of type PATH (buckets and keys show) and not LOGICAL (the home is `/`)."),
    key("keys_outlive_passwords", "false", "A key still lets in when the account's password is expired or must be changed. Accounts that are disabled, locked or expired never come in."),
    key("password_policy", "", "The entry of the password policy of users whose entries name none (OpenLDAP: that of `ppolicy_default`). It tells for logins by key how long locks and passwords last."),
    key("connect_timeout", "\"3s\"", "How long a server may take to be connected to, TLS included, before the next one is tried."),
    key("search_timeout", "\"5s\"", "How long a server may take for one answer; whole seconds. Then the next one is tried, unless it is the user's password that was not answered. Below `deadline`, so that there is time left for it."),
    key("rule", "[]", "What groups give, in order, each an `[[identity.provider.ldap.rule]]`. Of role, home, policy and mappings the first one that fits and names it holds. Where there are rules, a user whom none of them fits is refused."),
];

/// Those of `attributes`.
#[rustfmt::skip]
pub(super) const ATTRIBUTES: &[Key] = &[
    key("attributes.name", "", "The login name. Default: `uid`; on Active Directory `sAMAccountName`."),
    key("attributes.external_id", "", "What stays when the name changes: who has it owns what he uploaded. Default: `entryUUID`; on Active Directory `objectGUID`."),
    key("attributes.keys", "", "SSH public keys, one a value, as in `authorized_keys`. Default: `sshPublicKey`. Active Directory has none by itself; many use `altSecurityIdentities`."),
    key("attributes.home", "", "The home, `/bucket/prefix`: it goes before those of the rules. Default: none is read."),
    key("attributes.role", "", "The role: it goes before those of the rules. Default: none is read."),
    key("attributes.policy", "", "A session policy, a JSON document: it goes before those of the rules. Default: none is read."),
];

/// Those of `groups`.
#[rustfmt::skip]
pub(super) const GROUPS: &[Key] = &[
    key("groups.lookup", "", "How groups are found: `member-of` (the attribute of the user, then of his groups), `in-chain` (Active Directory follows the chain) or `search` (by `groups.filter`). Default: `member-of`; on Active Directory `in-chain`."),
    key("groups.base", "", "Groups are searched below this entry. Default: `base`."),
    key("groups.filter", "", "For `search`: the groups with a member `{dn}`, or `{username}` where groups hold login names. Default: `(\\|(member={dn})(uniqueMember={dn}))`."),
    key("groups.depth", "5", "How many groups may stand between a user and one that he is in through others; 0: none. For `member-of` and `search`."),
];

/// Those of a rule.
#[rustfmt::skip]
pub(super) const RULE: &[Key] = &[
    key("rule.group", "", "The DN of a group. Default: everybody."),
    key("rule.role", "", "The role, by ARN or by a word of `roles`."),
    key("rule.policy", "", "A session policy, a JSON document."),
    key("rule.home", "", "The home: `/bucket/prefix/${transfer:UserName}`."),
    key("rule.mappings", "{}", "What is shown beside it: `{ \"/shared\" = \"/bucket/shared\" }`."),
];

impl LdapConfig {
    /// What the types cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.bind_password.secret().is_some() && self.bind_password_file.is_some() {
            return Err("bind_password and bind_password_file are both given".to_owned());
        }
        for url in &self.urls {
            LdapUrl::parse(url).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// What is hidden when the configuration is printed.
    pub(super) fn secrets(&self) -> Vec<&Hidden> {
        vec![&self.bind_password]
    }

    /// What the provider is told. Reads the password's file.
    ///
    /// # Errors
    /// Where a URL is none, or the file cannot be read.
    pub(crate) fn settings(&self) -> anyhow::Result<LdapSettings> {
        let urls = self.urls.iter().map(|url| LdapUrl::parse(url));
        let mut settings = LdapSettings::new(urls.collect::<Result<_, _>>()?, &self.base);
        settings.directory = match self.directory {
            DirectoryKind::Standard => Directory::Standard,
            DirectoryKind::ActiveDirectory => Directory::ActiveDirectory,
        };
        settings.plaintext = self.plaintext;
        settings.ca_file.clone_from(&self.ca_file);
        settings.bind_dn.clone_from(&self.bind_dn);
        settings.bind_password = self.password()?;
        settings.filter.clone_from(&self.filter);
        settings.exact_names = self.exact_names;
        settings.path_homes = self.path_homes;
        settings.keys_outlive_passwords = self.keys_outlive_passwords;
        settings.password_policy.clone_from(&self.password_policy);
        settings.connect_timeout = self.connect_timeout.duration();
        settings.search_timeout = self.search_timeout.duration();
        settings.attributes = self.attributes.settings();
        settings.groups = self.groups.settings();
        settings.rules = self.rule.iter().map(RuleConfig::settings).collect();
        Ok(settings)
    }

    fn password(&self) -> anyhow::Result<Option<Secret<String>>> {
        use anyhow::Context as _;
        let Some(path) = &self.bind_password_file else {
            return Ok(self.bind_password.secret().cloned());
        };
        let read = std::fs::read_to_string(path);
        let text = read.with_context(|| format!("read bind_password_file {}", path.display()))?;
        Ok(Some(Secret::new(
            text.trim_end_matches(['\r', '\n']).to_owned(),
        )))
    }
}

impl AttributesConfig {
    fn settings(&self) -> LdapAttributes {
        let Self {
            name,
            external_id,
            keys,
            home,
            role,
            policy,
        } = self.clone();
        LdapAttributes {
            name,
            external_id,
            keys,
            home,
            role,
            policy,
        }
    }
}

impl GroupsConfig {
    fn settings(&self) -> LdapGroups {
        let lookup = self.lookup.map(|kind| match kind {
            LookupKind::MemberOf => GroupLookup::MemberOf,
            LookupKind::InChain => GroupLookup::InChain,
            LookupKind::Search => GroupLookup::Search,
        });
        LdapGroups {
            lookup,
            base: self.base.clone(),
            filter: self.filter.clone(),
            depth: self.depth,
        }
    }
}

impl RuleConfig {
    fn settings(&self) -> GroupRule {
        let Self {
            group,
            role,
            policy,
            home,
            mappings,
        } = self.clone();
        GroupRule {
            group,
            role,
            policy,
            home,
            mappings: mappings.into_iter().collect(),
        }
    }
}
