//! An identity API behind a certificate of somebody's own authority.

use std::net::SocketAddr;
use std::sync::Arc;

use identity::providers::http::{HttpProvider, HttpSettings};
use identity::providers::{Endpoint, Roots};
use model::SystemClock;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::asked::{ROLE, login, name};

/// A server that admits everybody, and the authority that vouches for it, as PEM.
async fn server(tasks: &mut JoinSet<()>) -> (SocketAddr, String) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new([]).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority
        .self_signed(&authority_key)
        .expect("a certificate");
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
    let issuer = Issuer::new(authority, authority_key);
    let certificate = leaf.signed_by(&key, &issuer).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("a configuration")));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever does not trust in it hangs up.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let body = format!(r#"{{"Role":"{ROLE}"}}"#);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (address, authority_certificate.pem())
}

fn provider(address: SocketAddr, host: &str, roots: Roots) -> HttpProvider {
    let url = format!("https://{host}:{}", address.port());
    let settings = HttpSettings {
        endpoint: Endpoint::parse(&url, false).expect("a URL"),
        server_id: None,
        roots,
        signing: None,
    };
    HttpProvider::new(name(), settings, Arc::new(SystemClock)).expect("a provider")
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_in_where_it_is_named() {
    let mut tasks = JoinSet::new();
    let (address, pem) = server(&mut tasks).await;
    let roots = Roots::from_pem(pem.as_bytes()).expect("certificates");
    let admitted = login(&provider(address, "localhost", roots), "bob", "pw").await;
    assert!(admitted.expect("an answer").is_ok());
}

#[tokio::test]
async fn a_certificate_of_somebody_elses_gets_no_password() {
    let mut tasks = JoinSet::new();
    let (address, pem) = server(&mut tasks).await;
    let (_, other) = server(&mut tasks).await;
    let own = Roots::from_pem(pem.as_bytes()).expect("certificates");
    let other = Roots::from_pem(other.as_bytes()).expect("certificates");
    for (host, roots) in [("localhost", other), ("127.0.0.1", own)] {
        let error = login(&provider(address, host, roots), "bob", "pw").await;
        let error = error.expect_err("not trusted in");
        assert_eq!(error.reason(), "unavailable");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

#[test]
fn certificates_that_are_none_are_refused() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "hello", broken] {
        let error = Roots::from_pem(pem.as_bytes()).expect_err("no certificates");
        assert!(
            error.to_string().starts_with("read the certificates"),
            "{error}"
        );
    }
}
