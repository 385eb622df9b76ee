//! The one place where a client's path becomes clean.

use std::fmt;

/// Why a client's path is not one of ours. The texts are shown to clients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// Names are UTF-8 here; other bytes are refused and never replaced, since two names would
    /// become one.
    #[error("the path is not valid UTF-8")]
    NotUtf8,
    /// NUL, C0 and C1 control characters and DEL.
    #[error("the path holds a control character")]
    Control,
    /// More than [`VirtualPath::MAX_BYTES`] in all.
    #[error("the path is longer than {} bytes", VirtualPath::MAX_BYTES)]
    TooLong,
    /// A name of more than [`VirtualPath::MAX_NAME_BYTES`].
    #[error(
        "a name in the path is longer than {} bytes",
        VirtualPath::MAX_NAME_BYTES
    )]
    NameTooLong,
}

/// An absolute, normalised path in a user's own tree: `/`, or `/name/name..`. No empty name, no
/// `.`, no `..`, no control character, valid UTF-8, no trailing slash. `..` of the root is the
/// root, so no path leads out.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VirtualPath(String);

impl VirtualPath {
    /// The longest path taken, in bytes, before and after it is normalised.
    pub const MAX_BYTES: usize = 4096;
    /// The longest single name, in bytes (as on every common file system).
    pub const MAX_NAME_BYTES: usize = 255;

    /// The root.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Reads what a client sent. Absolute paths start at the root, others (`""` and `.` too) at
    /// `working_directory`.
    ///
    /// # Errors
    /// [`InvalidPath`] says what is wrong with it.
    pub fn parse(raw: &[u8], working_directory: &Self) -> Result<Self, InvalidPath> {
        if raw.len() > Self::MAX_BYTES {
            return Err(InvalidPath::TooLong);
        }
        let text = std::str::from_utf8(raw).map_err(|_| InvalidPath::NotUtf8)?;
        if text.chars().any(char::is_control) {
            return Err(InvalidPath::Control);
        }
        let base = if text.starts_with('/') {
            ""
        } else {
            working_directory.0.as_str()
        };
        let mut names: Vec<&str> = Vec::new();
        for name in base.split('/').chain(text.split('/')) {
            match name {
                "" | "." => {}
                ".." => {
                    names.pop();
                }
                name if name.len() > Self::MAX_NAME_BYTES => return Err(InvalidPath::NameTooLong),
                name => names.push(name),
            }
        }
        let path = format!("/{}", names.join("/"));
        if path.len() > Self::MAX_BYTES {
            return Err(InvalidPath::TooLong);
        }
        Ok(Self(path))
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// The path as text; begins with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last name; none for the root.
    pub fn name(&self) -> Option<&str> {
        self.0.rsplit('/').next().filter(|name| !name.is_empty())
    }

    /// The directory that holds this; none for the root.
    pub fn parent(&self) -> Option<Self> {
        let cut = self.0.rfind('/').filter(|_| !self.is_root())?;
        Some(if cut == 0 {
            Self::root()
        } else {
            Self(self.0[..cut].to_owned())
        })
    }

    /// The names from the root down.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// What is left of this path below `directory`, without a leading slash (`""` for the
    /// directory itself); none where it is elsewhere. `/home/acme2` is not below `/home/acme`.
    pub fn strip_prefix(&self, directory: &Self) -> Option<&str> {
        if directory.is_root() {
            return Some(&self.0[1..]);
        }
        match self.0.strip_prefix(directory.as_str())? {
            "" => Some(""),
            rest => rest.strip_prefix('/'),
        }
    }

    /// Whether this is `directory` or lies below it.
    pub fn starts_with(&self, directory: &Self) -> bool {
        self.strip_prefix(directory).is_some()
    }

    /// The path of an entry of this directory.
    ///
    /// # Errors
    /// [`InvalidPath`] where a client could not say such a name: empty, `.`, `..`, with a slash or
    /// a control character, or too long. Keys that others left in a bucket may be like that.
    pub fn join(&self, name: &str) -> Result<Self, InvalidPath> {
        if name.is_empty() || name == "." || name == ".." || name.contains('/') {
            return Err(InvalidPath::Control);
        }
        Self::parse(name.as_bytes(), self)
    }
}

impl fmt::Display for VirtualPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for VirtualPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VirtualPath({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> VirtualPath {
        VirtualPath::parse(text.as_bytes(), &VirtualPath::root()).expect("valid")
    }

    #[test]
    fn paths_are_normalised() {
        let home = path("/home/acme");
        for (raw, clean) in [
            ("", "/home/acme"),
            (".", "/home/acme"),
            ("./", "/home/acme"),
            ("a", "/home/acme/a"),
            ("a//b/", "/home/acme/a/b"),
            ("..", "/home"),
            ("../../../..", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/x/.", "/x"),
            ("/x/..", "/"),
            ("/../../etc/passwd", "/etc/passwd"),
            ("/%2e%2e/x", "/%2e%2e/x"),
            (" a ", "/home/acme/ a "),
            ("...", "/home/acme/..."),
        ] {
            let parsed = VirtualPath::parse(raw.as_bytes(), &home).expect("valid");
            assert_eq!(parsed.as_str(), clean, "{raw:?}");
        }
    }

    #[test]
    fn what_is_not_a_path_is_refused() {
        let root = VirtualPath::root();
        let long = "x".repeat(256);
        let very_long = "x/".repeat(2049);
        for (raw, error) in [
            (&b"a\xff"[..], InvalidPath::NotUtf8),
            (b"a\0b", InvalidPath::Control),
            (b"a\nb", InvalidPath::Control),
            ("a\u{85}b".as_bytes(), InvalidPath::Control),
            (long.as_bytes(), InvalidPath::NameTooLong),
            (very_long.as_bytes(), InvalidPath::TooLong),
        ] {
            assert_eq!(VirtualPath::parse(raw, &root), Err(error));
        }
    }

    #[test]
    fn look_alike_prefixes_are_not_below_each_other() {
        assert_eq!(path("/home/acme2").strip_prefix(&path("/home/acme")), None);
        assert_eq!(
            path("/home/acme/x").strip_prefix(&path("/home/acme")),
            Some("x")
        );
        assert_eq!(
            path("/home/acme").strip_prefix(&path("/home/acme")),
            Some("")
        );
        assert_eq!(path("/x").strip_prefix(&VirtualPath::root()), Some("x"));
        assert_eq!(
            VirtualPath::root().strip_prefix(&VirtualPath::root()),
            Some("")
        );
    }

    #[test]
    fn parents_and_names() {
        assert_eq!(path("/a/b").parent(), Some(path("/a")));
        assert_eq!(path("/a").parent(), Some(VirtualPath::root()));
        assert_eq!(VirtualPath::root().parent(), None);
        assert_eq!(path("/a/b").name(), Some("b"));
        assert_eq!(VirtualPath::root().name(), None);
        assert!(path("/a").join("..").is_err());
        assert!(path("/a").join("b/c").is_err());
        assert_eq!(path("/a").join("b"), Ok(path("/a/b")));
    }

    proptest! {
        #[test]
        fn no_bytes_lead_out_or_leave_a_path_unclean(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(clean) = VirtualPath::parse(&raw, &VirtualPath::root()) {
                let text = clean.as_str();
                prop_assert!(text.starts_with('/'));
                prop_assert!(text == "/" || !text.ends_with('/'));
                let tidy = clean.names().all(|n| !n.is_empty() && n != "." && n != "..");
                prop_assert!(tidy);
                prop_assert_eq!(VirtualPath::parse(text.as_bytes(), &VirtualPath::root()), Ok(clean));
            }
        }
    }
}
