//! Questions to a directory, and what came of them in one line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use identity::ProviderName;
use identity::provider::{Answer, Credential, PasswordCheck, Profile, Provider as _, Question};
use identity::providers::ldap::{Directory, GroupRule, Ldap, LdapSettings, LdapUrl};
use model::{Protocol, Secret, ServerId, SystemClock, UserName};
use testkit::ldap::{DomainController, Slapd};

/// Settings for a server at this address, encrypted.
pub(crate) fn settings(
    scheme: &str,
    address: SocketAddr,
    base: &str,
    ca_file: PathBuf,
) -> LdapSettings {
    let url = LdapUrl::parse(&format!("{scheme}://{address}")).expect("a URL");
    let mut settings = LdapSettings::new(vec![url], base);
    settings.ca_file = Some(ca_file);
    settings.connect_timeout = Duration::from_secs(20);
    settings
}

/// Settings for this OpenLDAP.
pub(crate) fn of_slapd(slapd: &Slapd) -> LdapSettings {
    let mut settings = settings("ldaps", slapd.ldaps(), Slapd::BASE, slapd.ca_file());
    bind(&mut settings, Slapd::SERVICE);
    settings
}

/// Settings for this domain.
pub(crate) fn of_domain(domain: &DomainController) -> LdapSettings {
    let base = DomainController::BASE;
    let mut settings = settings("ldaps", domain.ldaps(), base, domain.ca_file());
    settings.directory = Directory::ActiveDirectory;
    settings.attributes.keys = Some("altSecurityIdentities".to_owned());
    bind(&mut settings, DomainController::SERVICE);
    settings
}

pub(crate) fn bind(settings: &mut LdapSettings, (dn, password): (&str, &str)) {
    settings.bind_dn = Some(dn.to_owned());
    settings.bind_password = Some(Secret::new(password.to_owned()));
}

/// A rule that gives a role.
pub(crate) fn rule(group: Option<String>, role: &str) -> GroupRule {
    GroupRule {
        group,
        role: Some(role.to_owned()),
        ..GroupRule::default()
    }
}

/// A provider with these settings.
pub(crate) fn provider(settings: LdapSettings) -> Ldap {
    let name = ProviderName::parse("corp").expect("a name");
    Ldap::new(name, settings, Arc::new(SystemClock)).expect("settings that can be used")
}

/// What a directory answers: `admitted`, `refused: WHY` or `failed: WHY`.
pub(crate) async fn asked(provider: &Ldap, name: &str, password: Option<&str>) -> String {
    match provider.ask(&question(name, password)).await {
        Ok(Answer::Admitted(profile)) => {
            let verified = matches!(profile.password, PasswordCheck::Verified);
            assert_eq!(verified, password.is_some(), "{profile:?}");
            "admitted".to_owned()
        }
        Ok(Answer::Refused(why)) => format!("refused: {why}"),
        Err(error) => format!("failed: {error}"),
    }
}

/// The profile of somebody who is admitted.
pub(crate) async fn profile(provider: &Ldap, name: &str, password: Option<&str>) -> Profile {
    match provider.ask(&question(name, password)).await {
        Ok(Answer::Admitted(profile)) => *profile,
        other => panic!("{name} is not admitted: {other:?}"),
    }
}

fn question(name: &str, password: Option<&str>) -> Question {
    Question {
        server_id: ServerId::generate(),
        user: UserName::parse(name).expect("a name"),
        source: IpAddr::V4(Ipv4Addr::LOCALHOST),
        protocol: Protocol::Sftp,
        credential: match password {
            None => Credential::Keys,
            Some(password) => Credential::Password(Secret::new(password.to_owned())),
        },
    }
}
