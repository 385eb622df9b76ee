//! Directories that are down, slow, or not what they say: nobody is admitted, and the reason is told.

use std::net::SocketAddr;
use std::time::Duration;

use identity::providers::ldap::{LdapSettings, LdapUrl};
use testkit::ldap::{Authority, Slapd};
use testkit::proxy::Proxy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::asked::{asked, of_slapd, provider};

const RIGHT: Option<&str> = Some(Slapd::PASSWORD);

fn url(scheme: &str, address: SocketAddr) -> LdapUrl {
    LdapUrl::parse(&format!("{scheme}://{address}")).expect("a URL")
}

/// What is answered to the first message of somebody who connects, and all that he sent.
async fn answer(listener: TcpListener, answer: &'static [u8]) -> Vec<u8> {
    let (mut stream, _) = listener.accept().await.expect("loopback works");
    let mut sent = vec![0; 4096];
    let length = stream.read(&mut sent).await.expect("loopback works");
    sent.truncate(length);
    stream.write_all(answer).await.expect("loopback works");
    let _ = stream.read_to_end(&mut sent).await;
    sent
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback works");
    let address = listener.local_addr().expect("loopback works");
    (listener, address)
}

#[tokio::test]
async fn another_authority_or_another_host_name_is_not_trusted() {
    let slapd = Slapd::start().unwrap();
    let others = tempfile::tempdir().unwrap();
    let authority = Authority::new(others.path()).unwrap();
    for (scheme, address) in [("ldap", slapd.ldap()), ("ldaps", slapd.ldaps())] {
        let mut settings = of_slapd(&slapd);
        settings.urls = vec![url(scheme, address)];
        settings.ca_file = Some(authority.ca_file());
        let said = asked(&provider(settings), "alice", RIGHT).await;
        assert!(said.starts_with("failed: TLS with ldap"), "{said}");
        assert!(said.contains("invalid peer certificate"), "{said}");
    }
    let elsewhere = Slapd::start_certified(&["ldap.example.test", "127.0.0.2"]).unwrap();
    let said = asked(&provider(of_slapd(&elsewhere)), "alice", RIGHT).await;
    assert!(said.starts_with("failed: TLS with ldap"), "{said}");
    assert!(said.contains("not valid for name"), "{said}");
}

#[tokio::test]
async fn a_directory_that_is_down_admits_nobody_and_the_next_one_is_asked() {
    let slapd = Slapd::start().unwrap();
    let (listener, nobody) = listener().await;
    drop(listener);
    let mut settings = of_slapd(&slapd);
    settings.urls = vec![url("ldaps", nobody)];
    let alone = provider(settings.clone());
    let said = asked(&alone, "alice", RIGHT).await;
    assert!(
        said.starts_with(&format!("failed: connect to ldaps://{nobody}: ")),
        "{said}"
    );
    assert!(asked(&alone, "alice", None).await.starts_with("failed: "));
    settings.urls.push(url("ldaps", slapd.ldaps()));
    let two = provider(settings);
    assert_eq!(asked(&two, "alice", RIGHT).await, "admitted");
    assert_eq!(asked(&two, "alice", None).await, "admitted");
}

#[tokio::test]
async fn a_directory_that_stalls_is_given_up_and_the_next_one_is_asked() {
    let slapd = Slapd::start().unwrap();
    let proxy = Proxy::start(slapd.ldaps()).await.unwrap();
    proxy.swallow(true);
    let mut settings = of_slapd(&slapd);
    settings.urls = vec![url("ldaps", proxy.address())];
    settings.connect_timeout = Duration::from_millis(200);
    let said = asked(&provider(settings.clone()), "alice", RIGHT).await;
    assert!(said.contains("no answer in"), "{said}");
    proxy.swallow(false);
    settings.connect_timeout = Duration::from_secs(20);
    assert_eq!(asked(&provider(settings), "alice", RIGHT).await, "admitted");
}

/// Lets everybody in, and answers nothing else; the number of connections that were made to it.
async fn stalls_after_bind() -> (SocketAddr, watch::Receiver<usize>, JoinSet<()>) {
    let (listener, address) = listener().await;
    let (count, counted) = watch::channel(0);
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            count.send_modify(|count| *count += 1);
            let mut bind = vec![0; 4096];
            let read = stream.read(&mut bind).await.expect("loopback works");
            assert!(read > 0, "it binds");
            let bound = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";
            stream.write_all(bound).await.expect("loopback works");
            held.push(stream);
        }
    });
    (address, counted, serving)
}

#[tokio::test]
async fn a_directory_that_stalls_behind_the_bind_is_given_up_and_the_next_one_is_asked() {
    let slapd = Slapd::start().unwrap();
    let (address, connections, _serving) = stalls_after_bind().await;
    let mut settings = of_slapd(&slapd);
    settings.urls = vec![url("ldap", address)];
    settings.plaintext = true;
    settings.ca_file = None;
    settings.search_timeout = Duration::from_millis(300);
    let said = asked(&provider(settings.clone()), "alice", RIGHT).await;
    let expected = format!("failed: talk to ldap://{address}: no answer in 300ms");
    assert_eq!(said, expected);
    settings.search_timeout = Duration::from_secs(5);
    settings.urls.push(url("ldap", slapd.ldap()));
    let two = provider(settings);
    assert_eq!(asked(&two, "alice", RIGHT).await, "admitted");
    assert_eq!(asked(&two, "alice", None).await, "admitted");
    assert_eq!(
        *connections.borrow(),
        2,
        "from then on the other one is asked"
    );
}

#[tokio::test]
async fn nothing_is_said_to_a_directory_that_does_not_start_tls() {
    // An extended response with "protocol error"; a success with LDAP behind it, unencrypted.
    let refusal = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00";
    let injected = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00\
        \x30\x0c\x02\x01\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00";
    let http = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    for lie in [&refusal[..], injected, http] {
        let (listener, address) = listener().await;
        let mut settings = LdapSettings::new(vec![url("ldap", address)], Slapd::BASE);
        let folder = tempfile::tempdir().unwrap();
        settings.ca_file = Some(Authority::new(folder.path()).unwrap().ca_file());
        settings.connect_timeout = Duration::from_secs(20);
        crate::asked::bind(&mut settings, Slapd::SERVICE);
        let provider = provider(settings);
        let (said, sent) = tokio::join!(
            asked(&provider, "alice", Some("only-for-the-directory")),
            answer(listener, lie)
        );
        assert!(said.starts_with("failed: "), "{said}");
        let sent = String::from_utf8_lossy(&sent);
        for secret in ["only-for-the-directory", Slapd::SERVICE.1, "alice"] {
            assert!(!sent.contains(secret), "{said}: {sent}");
        }
    }
}

#[tokio::test]
async fn an_empty_password_is_never_sent() {
    // Nobody listens there: asking would fail, not refuse.
    let (listener, address) = listener().await;
    drop(listener);
    let mut settings = LdapSettings::new(vec![url("ldap", address)], Slapd::BASE);
    settings.plaintext = true;
    let provider = provider(settings);
    for password in ["", "\0", "a\0b"] {
        let said = asked(&provider, "alice", Some(password)).await;
        assert_eq!(said, "refused: the password is empty", "{password:?}");
    }
}

#[tokio::test]
async fn a_directory_is_asked_in_the_open_where_the_settings_say_so() {
    let slapd = Slapd::start().unwrap();
    let mut settings = of_slapd(&slapd);
    settings.urls = vec![url("ldap", slapd.ldap())];
    settings.plaintext = true;
    settings.ca_file = None;
    assert_eq!(asked(&provider(settings), "alice", RIGHT).await, "admitted");
}
