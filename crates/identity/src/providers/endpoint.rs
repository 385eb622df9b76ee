//! Where a provider is: a URL that a password may be sent to.

use std::fmt;
use std::net::IpAddr;

use http::Uri;

/// Why a text is not a provider's URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("identity provider's URL {url:?}: {fault}")]
pub struct InvalidEndpoint {
    url: String,
    fault: &'static str,
}

/// A URL of `https`, or of `http` where nobody can listen or it was allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: String,
    encrypted: bool,
}

impl Endpoint {
    /// Reads a URL: scheme, host, maybe port and path. Questions carry passwords, so `http` is
    /// for this machine's own addresses, unless `plain` allows it everywhere.
    ///
    /// # Errors
    /// [`InvalidEndpoint`] says what is wrong with it.
    pub fn parse(url: &str, plain: bool) -> Result<Self, InvalidEndpoint> {
        let fail = |fault| InvalidEndpoint {
            url: without_user(url),
            fault,
        };
        let uri: Uri = url.parse().map_err(|_| fail("it is not a URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(fail("it must begin with https:// and a host"));
        };
        if authority.as_str().contains('@') {
            return Err(fail("it must not hold a user or a password"));
        }
        if uri.query().is_some() || url.contains('#') {
            return Err(fail("it must end with the path: no ? and no #"));
        }
        let encrypted = match scheme {
            "https" => true,
            "http" if plain || is_loopback(authority.host()) => false,
            "http" => {
                return Err(fail(
                    "passwords would cross the network in clear: use https, \
                     or set allow_plain where the network is trusted",
                ));
            }
            _ => return Err(fail("its scheme must be https")),
        };
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { url, encrypted })
    }

    /// The URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address = address.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// What may be shown of a URL that somebody wrote a password into.
fn without_user(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => {
            format!("{}{}", &url[..scheme + 3], &url[at + 1..])
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_do_not_cross_networks_in_clear() {
        for (url, plain, taken) in [
            ("https://a.example/prod/", false, true),
            ("https://a.example:8443", false, true),
            ("http://127.0.0.1:9000/x", false, true),
            ("http://[::1]:9000", false, true),
            ("http://localhost", false, true),
            ("http://a.example", false, false),
            ("http://10.0.0.1", false, false),
            ("http://moto:5000", true, true),
            ("http://localhost.a.example", false, false),
            ("ftp://a.example", true, false),
            ("a.example/prod", false, false),
            ("/prod", false, false),
            ("https://a.example/?stage=1", false, false),
            ("https://a.example/#x", false, false),
            ("https://a b", false, false),
            ("", false, false),
        ] {
            assert_eq!(Endpoint::parse(url, plain).is_ok(), taken, "{url:?}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        let error = Endpoint::parse("https://bob:hunter2@a.example/prod", false);
        let error = error.expect_err("refused").to_string();
        assert!(error.contains("https://a.example/prod"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
