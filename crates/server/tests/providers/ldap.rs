//! The provider `ldap`: OpenLDAP and Samba's Active Directory, by way of OpenSSH's client and
//! paramiko.

use std::net::SocketAddr;
use std::path::PathBuf;

use testkit::ldap::{Authority, DomainController, Slapd};
use testkit::proxy::Proxy;

use crate::clients::{self, Client, Login};
use crate::gate::{Gate, PASSWORD, ROLE};

/// More than Samba needs on a machine that has much to do.
const PATIENT: &str = "deadline = \"10s\"";
/// Enough for one that does not answer at all.
const BRIEF: &str = "deadline = \"1s\"";

/// A provider of this name: where it is, and what else its table says.
pub(crate) struct Directory<'a> {
    pub(crate) name: &'a str,
    pub(crate) deadline: &'a str,
    pub(crate) url: String,
    pub(crate) ca_file: PathBuf,
    pub(crate) account: (&'a str, &'a str),
    pub(crate) table: String,
}

impl Directory<'_> {
    /// Its tables, with a rule that gives the role to those who are in `sftp`, also through others.
    pub(crate) fn settings(&self, group: &str) -> String {
        let Self {
            name,
            deadline,
            url,
            ca_file,
            account: (dn, password),
            table,
        } = self;
        format!(
            "[[identity.provider]]\nname = {name:?}\nkind = \"ldap\"\n{deadline}\n\
             [identity.provider.ldap]\nurls = [{url:?}]\nca_file = {ca_file:?}\n\
             bind_dn = {dn:?}\nbind_password = {password:?}\nconnect_timeout = \"9s\"\nsearch_timeout = \"9s\"\n{table}\n\
             [[identity.provider.ldap.rule]]\ngroup = {group:?}\nrole = {ROLE:?}\n\
             home = \"/inbox/${{transfer:UserName}}\"\n"
        )
    }
}

fn of_slapd<'a>(slapd: &Slapd, name: &'a str, scheme: &str, address: SocketAddr) -> Directory<'a> {
    Directory {
        name,
        deadline: PATIENT,
        url: format!("{scheme}://{address}"),
        ca_file: slapd.ca_file(),
        account: Slapd::SERVICE,
        table: format!("base = {:?}", Slapd::BASE),
    }
}

pub(crate) fn slapd_group() -> String {
    format!("cn=sftp,ou=groups,{}", Slapd::BASE)
}

fn comes_in(gate: &Gate, user: &str) {
    tokio::task::block_in_place(|| {
        for client in clients::both() {
            for login in Login::ALL {
                let came_in = gate.admits(&client, user, &login);
                let log = gate.node.log().unwrap_or_default();
                assert!(came_in, "{user} {client:?} {login:?}:\n{log}");
            }
            let wrong = gate.admits(&client, user, &Login::WrongPassword);
            assert!(!wrong, "{user} {client:?}");
        }
    });
}

fn stays_out(gate: &Gate, user: &str) {
    tokio::task::block_in_place(|| {
        for login in Login::ALL {
            let came_in = gate.admits(&Client::OpenSsh, user, &login);
            assert!(!came_in, "{user} {login:?}");
        }
    });
}

/// Why the provider refused this user, each time.
fn refusals(gate: &Gate, provider: &str, user: &str) -> Vec<String> {
    let told = gate.told("identity provider refused a user", provider);
    let of_user = told.iter().filter(|line| line["user"] == user);
    of_user
        .map(|line| line["why"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_openldap_come_in_unless_their_accounts_are_out_of_use() {
    let slapd = Slapd::start().expect("slapd starts");
    let tls = of_slapd(&slapd, "tls", "ldaps", slapd.ldaps());
    let start_tls = of_slapd(&slapd, "starttls", "ldap", slapd.ldap());
    let group = slapd_group();
    let gate = Gate::open(&(tls.settings(&group) + &start_tls.settings(&group))).await;
    for name in ["alice", "ended", "mustchange", "carol"] {
        slapd.set_password(name, PASSWORD).expect("set");
        slapd.set_key(name, &gate.public_key()).expect("set");
    }
    let reset = "changetype: modify\nreplace: pwdReset\npwdReset: TRUE\n";
    let again = slapd.modify(&format!("dn: {}\n{reset}", Slapd::dn("mustchange")));
    again.expect("reset");
    comes_in(&gate, "alice@@tls");
    comes_in(&gate, "alice@@starttls");
    assert_eq!(refusals(&gate, "tls", "alice"), ["wrong password"; 2]);
    for (name, why) in [
        ("ended", "the account is expired"),
        ("mustchange", "the password must be changed first"),
        ("carol", "in none of the groups that may come in"),
        (
            "twin",
            "more than one entry of the directory fits the filter",
        ),
    ] {
        stays_out(&gate, &format!("{name}@@tls"));
        assert_eq!(refusals(&gate, "tls", name), [why; 2], "{name}");
    }
    let users = gate.node.command(&["user", "list"]).expect("listed");
    assert!(
        users.contains("alice@@tls") && !users.contains("ended"),
        "{users}"
    );
    gate.assert_no_secret_is_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_down_slow_or_lying_admits_nobody() {
    let slapd = Slapd::start().expect("slapd starts");
    let elsewhere = Slapd::start_certified(&["ldap.example.test"]).expect("slapd starts");
    let stalls = Proxy::start(slapd.ldaps()).await.expect("a proxy");
    stalls.swallow(true);
    let folder = tempfile::tempdir().expect("a folder");
    let others = Authority::new(folder.path()).expect("an authority");
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    let of = |name, address| of_slapd(&slapd, name, "ldaps", address);
    let twice = format!(
        "filter = \"(|(uid={{username}})(uid=bob))\"\nbase = {:?}",
        Slapd::BASE
    );
    let directories = [
        of("down", nobody),
        Directory {
            deadline: BRIEF,
            ..of("slow", stalls.address())
        },
        Directory {
            ca_file: others.ca_file(),
            ..of("authority", slapd.ldaps())
        },
        Directory {
            ca_file: elsewhere.ca_file(),
            ..of("host", elsewhere.ldaps())
        },
        Directory {
            account: (Slapd::SERVICE.0, "not-its-password"),
            ..of("account", slapd.ldaps())
        },
        Directory {
            table: twice,
            ..of("twice", slapd.ldaps())
        },
    ];
    let group = slapd_group();
    let tables = directories.iter().map(|it| it.settings(&group));
    let gate = Gate::open(&tables.collect::<String>()).await;
    slapd.set_password("alice", PASSWORD).expect("set");
    slapd.set_key("alice", &gate.public_key()).expect("set");
    for (name, why) in [
        ("down", "Connection refused"),
        ("slow", "it did not answer within 1s"),
        ("authority", "invalid peer certificate"),
        ("host", "not valid for name"),
        ("account", "the account that searches"),
    ] {
        stays_out(&gate, &format!("alice@@{name}"));
        let errors = gate.errors(name);
        assert_eq!(errors.len(), 2, "{name}: {errors:?}");
        assert!(errors.iter().all(|error| error.contains(why)), "{errors:?}");
    }
    stays_out(&gate, "alice@@twice");
    let why = "more than one entry of the directory fits the filter";
    assert_eq!(refusals(&gate, "twice", "alice"), [why; 2]);
    gate.assert_no_secret_is_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_active_directory_come_in_unless_their_accounts_are_out_of_use() {
    let domain = DomainController::start().expect("Samba starts");
    let base = DomainController::BASE;
    let directory = Directory {
        name: "ad",
        deadline: PATIENT,
        url: format!("ldaps://{}", domain.ldaps()),
        ca_file: domain.ca_file(),
        account: DomainController::SERVICE,
        table: format!(
            "directory = \"active-directory\"\nbase = {base:?}\n\
             [identity.provider.ldap.attributes]\nkeys = \"altSecurityIdentities\""
        ),
    };
    let gate = Gate::open(&directory.settings(&DomainController::dn("sftp"))).await;
    for name in ["alice", "disabled", "expired", "locked"] {
        domain.set_password(name, PASSWORD).expect("set");
        domain.set_key(name, &gate.public_key()).expect("set");
    }
    comes_in(&gate, "alice@@ad");
    for (name, why) in [
        ("disabled", "the account is disabled"),
        ("expired", "the account is expired"),
    ] {
        stays_out(&gate, &format!("{name}@@ad"));
        assert_eq!(refusals(&gate, "ad", name), [why; 2], "{name}");
    }
    tokio::task::block_in_place(|| {
        for _ in 0..3 {
            let wrong = gate.admits(&Client::OpenSsh, "locked@@ad", &Login::WrongPassword);
            assert!(!wrong);
        }
    });
    stays_out(&gate, "locked@@ad");
    let why = refusals(&gate, "ad", "locked");
    assert_eq!(why[..3], ["wrong password"; 3]);
    assert_eq!(why[3..], ["the account is locked"; 2]);
    gate.assert_no_secret_is_logged();
}
