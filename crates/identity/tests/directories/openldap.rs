//! OpenLDAP: passwords, keys, groups, and the password policy.

use database::HomeType;
use identity::provider::Provider as _;
use identity::providers::ldap::GroupLookup;
use testkit::ldap::Slapd;

use crate::asked::{asked, bind, of_slapd, profile, provider, rule, settings};

const RIGHT: Option<&str> = Some(Slapd::PASSWORD);

fn group(name: &str) -> Option<String> {
    Some(format!("cn={name},ou=groups,{}", Slapd::BASE))
}

#[tokio::test]
async fn a_right_password_or_key_admits_over_tls_and_start_tls() {
    let slapd = Slapd::start().unwrap();
    for (scheme, address) in [("ldap", slapd.ldap()), ("ldaps", slapd.ldaps())] {
        let mut settings = settings(scheme, address, Slapd::BASE, slapd.ca_file());
        bind(&mut settings, Slapd::SERVICE);
        settings.attributes.home = Some("homeDirectory".to_owned());
        let provider = provider(settings);
        assert_eq!(
            asked(&provider, "alice", RIGHT).await,
            "admitted",
            "{scheme}"
        );
        assert!(provider.knows_users_without_password());
        let wrong = asked(&provider, "alice", Some("wrong")).await;
        assert_eq!(wrong, "refused: wrong password", "{scheme}");
        let found = profile(&provider, "alice", None).await;
        assert!(found.keys.is_empty());
        assert_eq!(found.external_id.map(|id| id.len()), Some(36));
        assert_eq!(found.home.kind, HomeType::Logical);
        assert_eq!(found.home.mappings[0].target, "/incoming/own/alice");
    }
    let key =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop alice";
    slapd.set_key("alice", key).unwrap();
    let found = profile(&provider(of_slapd(&slapd)), "alice", None).await;
    assert_eq!(found.keys.len(), 1);
    assert_eq!(found.keys[0].comment(), "alice");
}

#[tokio::test]
async fn names_are_never_part_of_the_question() {
    let slapd = Slapd::start().unwrap();
    let provider = provider(of_slapd(&slapd));
    let unknown = "refused: no entry of the directory fits the filter";
    for name in [
        "nobody",
        "*",
        "a*",
        "alice)(uid=*",
        "*)(objectClass=*",
        "alice\\2a",
        "(|(uid=alice",
        "al\\69ce",
    ] {
        assert_eq!(asked(&provider, name, RIGHT).await, unknown, "{name}");
        assert_eq!(asked(&provider, name, None).await, unknown, "{name}");
    }
    let twice = "refused: more than one entry of the directory fits the filter";
    assert_eq!(asked(&provider, "twin", RIGHT).await, twice);
    assert_eq!(asked(&provider, "twin", None).await, twice);
    let spelled = "refused: the directory spells the name in another way";
    assert_eq!(asked(&provider, "ALICE", RIGHT).await, spelled);
    assert_eq!(asked(&provider, "Alice", None).await, spelled);
}

#[tokio::test]
async fn groups_give_roles_in_the_order_of_the_rules() {
    let slapd = Slapd::start().unwrap();
    for lookup in [GroupLookup::MemberOf, GroupLookup::Search] {
        let mut settings = of_slapd(&slapd);
        settings.groups.lookup = Some(lookup);
        settings.rules = vec![
            rule(group("nobodys"), "never"),
            rule(group("acme"), "acme"),
            rule(group("sftp"), "partner"),
        ];
        let provider = provider(settings);
        let alice = profile(&provider, "alice", RIGHT).await;
        assert_eq!(alice.role.as_deref(), Some("acme"), "{lookup:?}");
        let groups = ["acme-staff", "loop-a", "acme", "loop-b", "sftp"];
        let mut expected: Vec<_> = groups.into_iter().filter_map(group).collect();
        let mut found = alice.groups;
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{lookup:?}");
        let bob = profile(&provider, "bob", None).await;
        assert_eq!(bob.role.as_deref(), Some("partner"), "{lookup:?}");
        let carol = asked(&provider, "carol", RIGHT).await;
        assert_eq!(carol, "refused: in none of the groups that may come in");
    }
}

#[tokio::test]
async fn the_depth_of_groups_is_bounded() {
    let slapd = Slapd::start().unwrap();
    for lookup in [GroupLookup::MemberOf, GroupLookup::Search] {
        for (depth, role) in [(0, None), (1, Some("acme"))] {
            let mut settings = of_slapd(&slapd);
            settings.groups.lookup = Some(lookup);
            settings.groups.depth = depth;
            settings.rules = vec![rule(group("acme"), "acme")];
            settings
                .rules
                .push(identity::providers::ldap::GroupRule::default());
            let alice = profile(&provider(settings), "alice", RIGHT).await;
            assert_eq!(alice.role.as_deref(), role, "{lookup:?} {depth}");
        }
    }
}

#[tokio::test]
async fn accounts_out_of_use_are_told_apart_and_come_in_by_nothing() {
    let slapd = Slapd::start().unwrap();
    let mut settings = of_slapd(&slapd);
    settings.password_policy = Some(format!("cn=default,ou=policies,{}", Slapd::BASE));
    let strict = provider(settings.clone());
    settings.keys_outlive_passwords = true;
    let lenient = provider(settings);
    for (name, refused, by_key) in [
        (
            "ended",
            "refused: the account is expired",
            "refused: the account is expired",
        ),
        (
            "mustchange",
            "refused: the password must be changed first",
            "admitted",
        ),
        (
            "oldpassword",
            "refused: the password is expired",
            "admitted",
        ),
    ] {
        assert_eq!(asked(&strict, name, RIGHT).await, refused, "{name}");
        assert_eq!(asked(&strict, name, None).await, refused, "{name} by key");
        assert_eq!(asked(&lenient, name, RIGHT).await, refused, "{name}");
        assert_eq!(asked(&lenient, name, None).await, by_key, "{name} by key");
    }
}

#[tokio::test]
async fn who_is_locked_after_wrong_passwords_comes_in_by_nothing() {
    let slapd = Slapd::start().unwrap();
    let mut settings = of_slapd(&slapd);
    settings.password_policy = Some(format!("cn=default,ou=policies,{}", Slapd::BASE));
    settings.keys_outlive_passwords = true;
    let provider = provider(settings);
    assert_eq!(asked(&provider, "locked", None).await, "admitted");
    for _ in 0..3 {
        let wrong = asked(&provider, "locked", Some("wrong")).await;
        assert_eq!(wrong, "refused: wrong password");
    }
    let locked = "refused: the account is locked";
    assert_eq!(asked(&provider, "locked", Some("wrong")).await, locked);
    assert_eq!(asked(&provider, "locked", RIGHT).await, locked);
    assert_eq!(asked(&provider, "locked", None).await, locked);
    // The lock is over: half an hour has passed.
    let dn = Slapd::dn("locked");
    let over = "dn: DN\nchangetype: modify\nreplace: pwdAccountLockedTime\npwdAccountLockedTime: 20200101000000Z\n";
    slapd.modify(&over.replace("DN", &dn)).unwrap();
    assert_eq!(asked(&provider, "locked", None).await, "admitted");
    assert_eq!(asked(&provider, "locked", RIGHT).await, "admitted");
}

#[tokio::test]
async fn an_account_that_searches_with_a_wrong_password_is_named() {
    let slapd = Slapd::start().unwrap();
    let mut settings = of_slapd(&slapd);
    bind(&mut settings, (Slapd::SERVICE.0, "wrong"));
    let provider = provider(settings);
    let said = asked(&provider, "alice", RIGHT).await;
    assert!(said.starts_with("failed: bind as `cn=pierhead,"), "{said}");
    assert!(said.contains("`bind_password`"), "{said}");
}
