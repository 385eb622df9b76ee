//! Where a directory is: `ldaps://host:port`.

use std::fmt;

/// A text that is not the URL of a directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the URL of a directory: expected ldaps://HOST[:PORT] or ldap://HOST[:PORT]")]
pub struct InvalidUrl(String);

/// The address of a directory's server, and whether TLS begins with the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapUrl {
    host: String,
    port: u16,
    tls: bool,
}

impl LdapUrl {
    /// Reads `ldaps://host[:port]` (636) or `ldap://host[:port]` (389). Addresses of IPv6 stand
    /// in brackets.
    ///
    /// # Errors
    /// [`InvalidUrl`] where it is anything else; a path, a user or a filter is not taken.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let wrong = || InvalidUrl(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "ldap" => false,
            "ldaps" => true,
            _ => return Err(wrong()),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or_else(wrong)?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match (port, tls) {
            ("", true) => 636,
            ("", false) => 389,
            (port, _) => {
                let digits = port.strip_prefix(':').ok_or_else(wrong)?;
                digits.parse().map_err(|_| wrong())?
            }
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if host.is_empty() || !host.chars().all(plain) {
            return Err(wrong());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
        })
    }

    /// The host, which the server's certificate must name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether TLS begins with the connection (`ldaps`).
    pub fn is_tls(&self) -> bool {
        self.tls
    }
}

impl fmt::Display for LdapUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "ldaps" } else { "ldap" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        for (text, read) in [
            ("ldaps://dc1.example.test", "ldaps://dc1.example.test:636"),
            ("ldap://10.0.0.1:1389/", "ldap://10.0.0.1:1389"),
            ("LDAP://dc1", "ldap://dc1:389"),
            ("ldaps://[::1]:1636", "ldaps://[::1]:1636"),
        ] {
            assert_eq!(LdapUrl::parse(text).unwrap().to_string(), read);
        }
    }

    #[test]
    fn others_are_refused() {
        for text in [
            "dc1:389",
            "http://dc1",
            "ldap://",
            "ldap://dc1:x",
            "ldap://dc1/dc=test",
            "ldap://me@dc1",
            "ldap://[::1",
            "ldap://[::1]x",
            "ldapi:///var/run/ldapi",
        ] {
            assert!(LdapUrl::parse(text).is_err(), "{text}");
        }
    }
}
