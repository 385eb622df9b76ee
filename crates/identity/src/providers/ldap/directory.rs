//! A directory provider's settings, checked and read once.

use std::sync::atomic::AtomicUsize;

use tokio_rustls::TlsConnector;

use super::account;
use super::client::{Connection, Fault, Outcome, connector};
use super::filter::{Filter, Piece};
use super::groups::Groups;
use super::primary;
use super::rules::Rules;
use super::settings::{Directory, GroupLookup, LdapSettings};
use crate::ProviderName;

/// Settings that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("identity provider `{provider}`: {fault}")]
pub struct InvalidLdapSettings {
    provider: ProviderName,
    fault: String,
}

/// What is needed to ask.
pub(super) struct Compiled {
    pub(super) name: ProviderName,
    pub(super) settings: LdapSettings,
    /// Absent where no server is asked over TLS.
    pub(super) tls: Option<TlsConnector>,
    pub(super) filter: Filter,
    /// What is read of users.
    pub(super) attributes: Vec<String>,
    pub(super) groups: Groups,
    pub(super) rules: Rules,
    /// The name of an entry that does not exist.
    pub(super) nobody: String,
    /// Which of the servers answered last.
    pub(super) last_good: AtomicUsize,
}

impl Compiled {
    pub(super) fn new(
        name: ProviderName,
        settings: LdapSettings,
    ) -> Result<Self, InvalidLdapSettings> {
        let compiled = compile(name.clone(), settings);
        compiled.map_err(|fault| InvalidLdapSettings {
            provider: name,
            fault,
        })
    }

    /// Seconds that the directory may look.
    pub(super) fn time_limit(&self) -> i32 {
        seconds(&self.settings)
    }

    /// Binds as the account that searches, or becomes nobody where there is none.
    pub(super) async fn bind_service(&self, connection: &mut Connection) -> Result<(), Fault> {
        let account = self.settings.bind_dn.as_deref();
        let outcome = match (account, &self.settings.bind_password) {
            (Some(dn), Some(password)) => connection.bind(dn, password).await?,
            _ => connection.bind_anonymously().await?,
        };
        match outcome.code {
            Outcome::SUCCESS => Ok(()),
            _ => Err(Fault::Service {
                dn: account.unwrap_or_default().to_owned(),
                outcome: outcome.to_string(),
            }),
        }
    }
}

fn compile(name: ProviderName, settings: LdapSettings) -> Result<Compiled, String> {
    check(&settings)?;
    let encrypted = settings.urls.iter().any(|url| url.is_tls()) || !settings.plaintext;
    let tls = match encrypted {
        true => Some(connector(settings.ca_file.as_deref())?),
        false => None,
    };
    let filter = Filter::parse(settings.filter_text()).map_err(|error| error.to_string())?;
    if !filter.uses(&Piece::Username) {
        return Err("`filter` finds the same for everybody: it needs {username}".to_owned());
    }
    let nobody = match settings.base.as_str() {
        "" => "cn=pierhead-asks-for-nobody".to_owned(),
        base => format!("cn=pierhead-asks-for-nobody,{base}"),
    };
    Ok(Compiled {
        name,
        tls,
        filter,
        attributes: attributes(&settings),
        groups: groups(&settings)?,
        rules: Rules::new(&settings)?,
        nobody,
        last_good: AtomicUsize::new(0),
        settings,
    })
}

fn check(settings: &LdapSettings) -> Result<(), String> {
    if settings.urls.is_empty() {
        return Err("`urls` names no server".to_owned());
    }
    if settings.plaintext && settings.urls.iter().any(|url| url.is_tls()) {
        return Err("`plaintext` is on, and a URL begins with ldaps".to_owned());
    }
    let password = settings.bind_password.as_ref();
    match (
        &settings.bind_dn,
        password.is_some_and(|it| !it.expose().is_empty()),
    ) {
        (Some(_), false) => Err("`bind_dn` needs a `bind_password`".to_owned()),
        (None, true) => Err("`bind_password` needs a `bind_dn`".to_owned()),
        _ => Ok(()),
    }
}

fn groups(settings: &LdapSettings) -> Result<Groups, String> {
    let lookup = settings.group_lookup();
    let usual = match lookup {
        GroupLookup::InChain => "(&(objectClass=group)(member:1.2.840.113556.1.4.1941:={dn}))",
        _ => "(|(member={dn})(uniqueMember={dn}))",
    };
    let text = settings.groups.filter.as_deref().unwrap_or(usual);
    let filter = Filter::parse(text).map_err(|error| error.to_string())?;
    if !filter.uses(&Piece::Dn) && !filter.uses(&Piece::Username) {
        return Err("`groups.filter` finds the same for everybody: it needs {dn}".to_owned());
    }
    Ok(Groups {
        lookup,
        base: settings.group_base().to_owned(),
        filter,
        depth: settings.groups.depth,
        primary: has_primary_groups(settings),
        time_limit: seconds(settings),
    })
}

fn attributes(settings: &LdapSettings) -> Vec<String> {
    let of_settings = &settings.attributes;
    let optional = [&of_settings.home, &of_settings.role, &of_settings.policy];
    let mut names: Vec<String> = [
        settings.name_attribute(),
        settings.id_attribute(),
        settings.keys_attribute(),
    ]
    .into_iter()
    .chain(optional.into_iter().filter_map(|name| name.as_deref()))
    .chain(account::attributes(settings.directory).iter().copied())
    .map(str::to_owned)
    .collect();
    if settings.group_lookup() == GroupLookup::MemberOf {
        names.push("memberOf".to_owned());
    }
    if has_primary_groups(settings) {
        names.extend(primary::ATTRIBUTES.map(str::to_owned));
    }
    names
}

fn has_primary_groups(settings: &LdapSettings) -> bool {
    settings.directory == Directory::ActiveDirectory
}

/// Whole seconds, one or more: zero would stand for "no limit".
fn seconds(settings: &LdapSettings) -> i32 {
    i32::try_from(settings.search_timeout.as_secs().max(1)).unwrap_or(i32::MAX)
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Compiled");
        shown.field("name", &self.name);
        shown.field("settings", &self.settings);
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use model::Secret;

    use super::*;
    use crate::providers::ldap::client::LdapUrl;

    fn fault(change: impl FnOnce(&mut LdapSettings)) -> String {
        let url = LdapUrl::parse("ldap://127.0.0.1").unwrap();
        let mut settings = LdapSettings::new(vec![url], "dc=test");
        settings.plaintext = true;
        change(&mut settings);
        let name = ProviderName::parse("corp").unwrap();
        Compiled::new(name, settings).unwrap_err().to_string()
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_the_reason() {
        for (said, change) in [
            ("`urls`", (|it| it.urls.clear()) as fn(&mut LdapSettings)),
            ("`bind_password`", |it| it.bind_dn = Some("cn=a".to_owned())),
            ("`bind_dn`", |it| {
                it.bind_password = Some(Secret::new("x".to_owned()))
            }),
            ("{username}", |it| {
                it.filter = Some("(uid=admin)".to_owned())
            }),
            ("parenthesis", |it| {
                it.filter = Some("uid={username}".to_owned())
            }),
            ("{dn}", |it| it.groups.filter = Some("(cn=*)".to_owned())),
            ("ldaps", |it| it.urls.extend(LdapUrl::parse("ldaps://b"))),
            ("/no/such/file", |it| {
                it.plaintext = false;
                it.ca_file = Some("/no/such/file".into());
            }),
        ] {
            let fault = fault(change);
            assert!(fault.starts_with("identity provider `corp`: "), "{fault}");
            assert!(fault.contains(said), "{fault}");
        }
    }

    #[test]
    fn passwords_are_not_printed() {
        let url = LdapUrl::parse("ldap://127.0.0.1").unwrap();
        let mut settings = LdapSettings::new(vec![url], "dc=test");
        settings.plaintext = true;
        settings.bind_dn = Some("cn=a".to_owned());
        settings.bind_password = Some(Secret::new("hunter2".to_owned()));
        let name = ProviderName::parse("corp").unwrap();
        let printed = format!("{:?}", Compiled::new(name, settings).unwrap());
        assert!(
            printed.contains("cn=a") && !printed.contains("hunter2"),
            "{printed}"
        );
    }
}
