//! The rows of directories: OpenLDAP, and Active Directory as Samba speaks it.

use std::net::SocketAddr;
use std::path::PathBuf;

use testkit::ldap::{Authority, DomainController, Slapd};
use testkit::proxy::Proxy;

use super::{Kind, Method, NOBODY, State};
use crate::gate::PASSWORD;
use crate::ldap::{Directory, slapd_group};

fn nobody() -> SocketAddr {
    NOBODY.parse().expect("an address")
}

/// Takes connections and says nothing.
async fn silent(before: SocketAddr) -> Proxy {
    let proxy = Proxy::start(before).await.expect("a proxy");
    proxy.swallow(true);
    proxy
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_openldap_come_in_while_it_is_up_and_honest() {
    let slapd = Slapd::start().expect("slapd starts");
    let elsewhere = Slapd::start_certified(&["ldap.example.test"]).expect("slapd starts");
    let silent = silent(slapd.ldaps()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let others = Authority::new(folder.path())
        .expect("an authority")
        .ca_file();
    let of = |name: &str, state: State, method: Method| {
        let (address, ca_file): (SocketAddr, PathBuf) = match state {
            State::Up | State::Role => (slapd.ldaps(), slapd.ca_file()),
            State::Down => (nobody(), slapd.ca_file()),
            State::Slow => (silent.address(), slapd.ca_file()),
            State::Lying if method.index().is_multiple_of(2) => (slapd.ldaps(), others.clone()),
            State::Lying => (elsewhere.ldaps(), elsewhere.ca_file()),
        };
        let directory = Directory {
            name,
            deadline: &state.bounds(),
            url: format!("ldaps://{address}"),
            ca_file,
            account: Slapd::SERVICE,
            table: format!("base = {:?}", Slapd::BASE),
        };
        directory.settings(&slapd_group())
    };
    let kind = Kind {
        name: "openldap",
        user: "alice",
        table: &of,
    };
    kind.fill(async |gate| {
        slapd.set_password("alice", PASSWORD).expect("set");
        slapd.set_key("alice", &gate.public_key()).expect("set");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_active_directory_come_in_while_it_is_up_and_honest() {
    let domain = DomainController::start().expect("Samba starts");
    let silent = silent(domain.ldaps()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let others = Authority::new(folder.path())
        .expect("an authority")
        .ca_file();
    let of = |name: &str, state: State, _: Method| {
        let (address, ca_file) = match state {
            State::Up | State::Role => (domain.ldaps(), domain.ca_file()),
            State::Down => (nobody(), domain.ca_file()),
            State::Slow => (silent.address(), domain.ca_file()),
            State::Lying => (domain.ldaps(), others.clone()),
        };
        let directory = Directory {
            name,
            deadline: &state.bounds(),
            url: format!("ldaps://{address}"),
            ca_file,
            account: DomainController::SERVICE,
            table: format!(
                "directory = \"active-directory\"\nbase = {:?}\n\
                 [identity.provider.ldap.attributes]\nkeys = \"altSecurityIdentities\"",
                DomainController::BASE
            ),
        };
        directory.settings(&DomainController::dn("sftp"))
    };
    let kind = Kind {
        name: "ad",
        user: "alice",
        table: &of,
    };
    kind.fill(async |gate| {
        domain.set_password("alice", PASSWORD).expect("set");
        domain.set_key("alice", &gate.public_key()).expect("set");
    })
    .await;
}
