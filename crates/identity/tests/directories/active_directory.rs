//! Active Directory, as Samba's domain controller speaks it.

use identity::providers::ldap::{GroupLookup, GroupRule};
use testkit::ldap::DomainController;

use crate::asked::{asked, bind, of_domain, profile, provider, rule, settings};

const RIGHT: Option<&str> = Some(DomainController::PASSWORD);
/// The primary group of everybody, which lists no members.
const DOMAIN_USERS: &str = "CN=Domain Users,CN=Users,DC=ad,DC=example,DC=test";

#[tokio::test]
async fn people_come_in_with_the_roles_of_nested_groups() {
    let domain = DomainController::start().unwrap();
    let group = |name| Some(DomainController::dn(name));
    let mut settings = of_domain(&domain);
    settings.rules = vec![
        rule(group("acme"), "acme"),
        GroupRule {
            home: Some("/incoming/${transfer:UserName}".to_owned()),
            ..rule(group("sftp"), "partner")
        },
    ];
    let provider = provider(settings);
    for credential in [RIGHT, None] {
        let alice = profile(&provider, "alice", credential).await;
        assert_eq!(alice.role.as_deref(), Some("acme"));
        assert_eq!(
            alice.home.mappings[0].target,
            "/incoming/${transfer:UserName}"
        );
        assert_eq!(alice.keys.len(), usize::from(credential.is_none()));
        assert_eq!(alice.external_id.map(|id| id.len()), Some(36));
        let mut groups = alice.groups;
        groups.sort();
        let expected = ["acme", "acme-staff", "loop-a", "loop-b", "sftp"];
        let mut expected = expected.map(DomainController::dn).to_vec();
        expected.insert(0, DOMAIN_USERS.to_owned());
        assert_eq!(groups, expected);
        let bob = profile(&provider, "bob", credential).await;
        assert_eq!(bob.role.as_deref(), Some("partner"));
    }
    let nobody = asked(&provider, "pierhead", RIGHT).await;
    assert_eq!(nobody, "refused: in none of the groups that may come in");
    let unknown = "refused: no entry of the directory fits the filter";
    for name in ["mallory", "*", "alice)(cn=*"] {
        assert_eq!(asked(&provider, name, RIGHT).await, unknown, "{name}");
    }
    let spelled = "refused: the directory spells the name in another way";
    assert_eq!(asked(&provider, "Alice", RIGHT).await, spelled);
}

#[tokio::test]
async fn the_primary_group_counts_like_others() {
    let domain = DomainController::start().unwrap();
    for lookup in [None, Some(GroupLookup::MemberOf)] {
        let mut settings = of_domain(&domain);
        settings.groups.lookup = lookup;
        settings.rules = vec![rule(Some(DOMAIN_USERS.to_owned()), "everybody")];
        let provider = provider(settings);
        for (name, credential) in [("alice", RIGHT), ("alice", None), ("bob", None)] {
            let profile = profile(&provider, name, credential).await;
            assert_eq!(
                profile.role.as_deref(),
                Some("everybody"),
                "{name} {lookup:?}"
            );
        }
    }
}

#[tokio::test]
async fn accounts_out_of_use_are_told_apart_and_come_in_by_nothing() {
    let domain = DomainController::start().unwrap();
    let mut settings = of_domain(&domain);
    let strict = provider(settings.clone());
    settings.keys_outlive_passwords = true;
    let lenient = provider(settings);
    for (name, refused, by_key) in [
        ("disabled", "the account is disabled", None),
        ("expired", "the account is expired", None),
        ("hours", "the account may not log in at this hour", None),
        (
            "mustchange",
            "the password must be changed first",
            Some("admitted"),
        ),
        ("oldpassword", "the password is expired", Some("admitted")),
    ] {
        let refused = format!("refused: {refused}");
        assert_eq!(asked(&strict, name, RIGHT).await, refused, "{name}");
        assert_eq!(asked(&strict, name, None).await, refused, "{name} by key");
        let by_key = by_key.unwrap_or(&refused);
        assert_eq!(asked(&lenient, name, None).await, by_key, "{name} by key");
    }
    assert_eq!(asked(&lenient, "locked", None).await, "admitted");
    for _ in 0..3 {
        let said = asked(&strict, "locked", Some("wrong")).await;
        assert_eq!(said, "refused: wrong password");
    }
    let locked = "refused: the account is locked";
    assert_eq!(asked(&strict, "locked", RIGHT).await, locked);
    assert_eq!(asked(&lenient, "locked", None).await, locked);
}

#[tokio::test]
async fn a_domain_is_asked_over_start_tls_and_never_in_the_open() {
    let domain = DomainController::start().unwrap();
    let base = DomainController::BASE;
    let mut settings = settings("ldap", domain.ldap(), base, domain.ca_file());
    settings.directory = identity::providers::ldap::Directory::ActiveDirectory;
    bind(&mut settings, DomainController::SERVICE);
    let encrypted = provider(settings.clone());
    assert_eq!(asked(&encrypted, "alice", RIGHT).await, "admitted");
    settings.plaintext = true;
    let open = asked(&provider(settings), "alice", RIGHT).await;
    assert!(open.contains("stronger authentication required"), "{open}");
}
