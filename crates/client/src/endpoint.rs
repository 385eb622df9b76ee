//! `sftp://[USER@]HOST[:PORT][/PATH]`: where a server is and what is meant on it.

use std::fmt;

/// A text that names no place on an SFTP server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no place on an SFTP server: {why}; write sftp://USER@HOST[:PORT]/DIR")]
pub struct InvalidEndpoint {
    text: String,
    why: &'static str,
}

/// A place on an SFTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Who logs in, where the text says it.
    pub user: Option<String>,
    /// Name or address; IPv6 without its brackets.
    pub host: String,
    /// TCP port; 22 where the text says none.
    pub port: u16,
    /// The path: absolute, or relative to where a login begins (written `/~/DIR`). Empty for the
    /// latter itself.
    pub path: String,
}

impl Endpoint {
    /// Reads a URL. A password in it is refused: command lines are seen by everybody.
    ///
    /// # Errors
    /// [`InvalidEndpoint`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        let wrong = |why| InvalidEndpoint {
            text: text.to_owned(),
            why,
        };
        let rest = text
            .strip_prefix("sftp://")
            .ok_or(wrong("it does not begin with sftp://"))?;
        let (place, path) = match rest.split_once('/') {
            Some((place, path)) => (place, path_of(path)),
            None => (rest, String::new()),
        };
        let (user, address) = match place.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, place),
        };
        if user.is_some_and(|user| user.contains(':')) {
            let text = format!("sftp://[user and password]@{address}");
            let why = "a password does not belong into it";
            return Err(InvalidEndpoint { text, why });
        }
        if user.is_some_and(str::is_empty) {
            return Err(wrong("the user's name is empty"));
        }
        let (host, port) = split_port(address).ok_or(wrong("the port is no number up to 65535"))?;
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        Ok(Self {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
            path,
        })
    }
}

impl Endpoint {
    /// Host and port as messages name them.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// `~/x` is relative, everything else absolute.
fn path_of(path: &str) -> String {
    match path.strip_prefix('~') {
        Some("") => String::new(),
        Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/').to_owned(),
        _ => format!("/{path}"),
    }
}

fn split_port(address: &str) -> Option<(&str, u16)> {
    let (host, rest) = match address.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => match address.split_once(':') {
            Some((host, _)) => (host, &address[host.len()..]),
            None => (address, ""),
        },
    };
    match rest.strip_prefix(':') {
        Some(port) => Some((host, port.parse().ok()?)),
        None if rest.is_empty() => Some((host, 22)),
        None => None,
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sftp://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        if self.port != 22 {
            write!(f, ":{}", self.port)?;
        }
        match self.path.as_str() {
            "" => Ok(()),
            path if path.starts_with('/') => f.write_str(path),
            path => write!(f, "/~/{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_written() {
        for (text, user, host, port, path) in [
            ("sftp://h", None, "h", 22, ""),
            ("sftp://ann@h/", Some("ann"), "h", 22, "/"),
            (
                "sftp://ann@h:2222/srv/data",
                Some("ann"),
                "h",
                2222,
                "/srv/data",
            ),
            ("sftp://a@b@h/x", Some("a@b"), "h", 22, "/x"),
            ("sftp://ann@[::1]:2222/~/in", Some("ann"), "::1", 2222, "in"),
            ("sftp://h/~user/x", None, "h", 22, "/~user/x"),
        ] {
            let read = Endpoint::parse(text).expect(text);
            let expected = (user.map(str::to_owned), host, port, path);
            assert_eq!(
                (read.user.clone(), &*read.host, read.port, &*read.path),
                expected
            );
            assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn what_names_no_place_is_refused_and_no_password_is_repeated() {
        for text in [
            "",
            "h",
            "ssh://h",
            "sftp://",
            "sftp://@h",
            "sftp://h:x",
            "sftp://h:70000",
            "sftp://[::1",
            "sftp://[::1]x",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
        let error = Endpoint::parse("sftp://ann:hunter2@h/x").expect_err("a password");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
