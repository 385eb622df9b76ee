//! LDAP directories.

use model::Timestamp;
use moving::users::ldif::{self, Directory, GroupsAre};
use moving::users::{ArrivingPassword, Weight};

use crate::{KEY, SHA512, found, hash, names, user};

const DIRECTORY: Directory<'_> = Directory {
    name: "uid",
    home_attribute: None,
    home: Some("/inbox/${transfer:UserName}"),
    only: None,
    groups: GroupsAre::Groups,
    now: Timestamp::from_seconds(1_801_353_600),
};

/// {SSHA} of `correct horse`, in base64 once more, folded.
fn ldif() -> String {
    format!(
        "version: 1\n# people\ndn: uid=acme,ou=people,dc=example,dc=com\nobjectClass: posixAccount\n\
         uid: acme\nuserPassword:: e1NTSEF9ekxublN3WXphQzcvNHRLSjUyUlNLWGRqbG1WT1\n lVTnNOR0ZqYkE9PQ==\n\
         sshPublicKey: {KEY}\nshadowExpire: 21000\njpegPhoto:: /9j/4AAQ\n\n\
         dn: uid=beta,ou=people,dc=example,dc=com\nuid: beta\nuserPassword: {{CRYPT}}{SHA512}\n\
         memberOf: cn=readers,ou=groups,dc=example,dc=com\nnsAccountLock: TRUE\n\n\
         dn: uid=clear,ou=people,dc=example,dc=com\nuid: clear\nuserPassword: correct horse\n\n\
         dn: uid=far,ou=people,dc=example,dc=com\nuid: far\nuserPassword: {{SASL}}far@EXAMPLE\n\n\
         dn: cn=senders,ou=groups,dc=example,dc=com\ncn: senders\n\
         member: UID=acme, ou=people,dc=example,dc=com\n"
    )
}

#[test]
fn entries_become_users_with_their_groups() {
    let arrivals = ldif::read(&ldif(), &DIRECTORY).unwrap();
    assert_eq!(names(&arrivals), ["acme", "beta", "clear", "far"]);
    let acme = user(&arrivals, "acme");
    assert!(hash(acme).unwrap().starts_with("{SSHA}"));
    assert_eq!(acme.keys.len(), 1);
    assert_eq!(acme.profile.group.as_deref(), Some("senders"));
    assert_eq!(acme.profile.expires.unwrap().as_seconds(), 21_000 * 86_400);
    let beta = user(&arrivals, "beta");
    assert!(beta.profile.disabled);
    assert_eq!(beta.profile.group.as_deref(), Some("readers"));
    assert!(hash(beta).unwrap().contains("$6$"));
    assert!(matches!(
        user(&arrivals, "clear").password,
        ArrivingPassword::Plain(_)
    ));
    let faults = found(&arrivals, Weight::Fault, "far");
    assert!(
        faults[0].contains("{SASL}") && !faults[0].contains("EXAMPLE"),
        "{faults:?}"
    );
    let only = Directory {
        only: Some("Readers"),
        groups: GroupsAre::Roles,
        ..DIRECTORY
    };
    let arrivals = ldif::read(&ldif(), &only).unwrap();
    assert_eq!(names(&arrivals), ["beta"]);
    assert_eq!(
        user(&arrivals, "beta").profile.role.as_deref(),
        Some("readers")
    );
}

#[test]
fn a_password_that_is_empty_or_no_text_stays_behind() {
    let long = "x".repeat(1025);
    for value in [
        "userPassword:",
        "userPassword:: /9j/4AAQ",
        &format!("userPassword: {long}"),
    ] {
        let text = format!("dn: uid=acme,dc=example\nuid: acme\n{value}\n");
        let arrivals = ldif::read(&text, &DIRECTORY).unwrap();
        let password = &user(&arrivals, "acme").password;
        assert!(matches!(password, ArrivingPassword::None), "{value:.30}");
        assert_eq!(found(&arrivals, Weight::Fault, "acme").len(), 1);
    }
}

#[test]
fn a_directory_without_users_is_another_than_was_meant() {
    let ad = Directory {
        name: "sAMAccountName",
        ..DIRECTORY
    };
    let error = ldif::read(&ldif(), &ad).unwrap_err().to_string();
    assert!(error.contains("--name-attribute"), "{error}");
    let typo = Directory {
        only: Some("raeders"),
        ..DIRECTORY
    };
    let error = ldif::read(&ldif(), &typo).unwrap_err().to_string();
    assert!(error.contains("raeders"), "{error}");
}

#[test]
fn changes_files_and_nonsense_are_refused() {
    for (text, line) in [
        ("dn: a=b\nchangetype: delete\n", "line 2"),
        ("dn: a=b\njpegPhoto:< file:///etc/shadow\n", "line 2"),
        ("dn: a=b\nuserPassword:: not base64!\n", "line 2"),
        ("nonsense\n", "line 1"),
    ] {
        let error = ldif::read(text, &DIRECTORY).unwrap_err().to_string();
        assert!(error.contains(line), "{text}: {error}");
    }
}
