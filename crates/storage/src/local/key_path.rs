//! A key as a path below the bucket's folder, or why no file system could hold it.

/// The longest name in a folder, in bytes: NAME_MAX of every Linux file system worth the name.
pub(super) const MAX_NAME_BYTES: usize = 255;

/// Where a key's file or folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyPath<'k> {
    /// The folder that it is in, relative to the bucket's, without a slash at either end.
    pub(super) parent: &'k str,
    /// Its name there.
    pub(super) name: &'k str,
    /// Whether the key ends with a slash, so that it is a folder.
    pub(super) is_marker: bool,
}

impl<'k> KeyPath<'k> {
    /// Reads a key.
    ///
    /// # Errors
    /// Why such a key cannot stand in a file system.
    pub(super) fn parse(key: &'k str) -> Result<Self, &'static str> {
        let (path, is_marker) = match key.strip_suffix('/') {
            Some(path) => (path, true),
            None => (key, false),
        };
        check_names(path)?;
        let (parent, name) = split(path);
        Ok(Self {
            parent,
            name,
            is_marker,
        })
    }
}

/// The folder part and the last name of a path.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Refuses paths with a name that a folder cannot hold.
pub(super) fn check_names(path: &str) -> Result<(), &'static str> {
    path.split('/').try_for_each(|name| match name {
        "" => Err("a folder on disk cannot hold an empty name (a slash first, or two in a row)"),
        "." | ".." => Err("'.' and '..' are no names on disk"),
        name if name.len() > MAX_NAME_BYTES => Err("a name in the key is longer than 255 bytes"),
        name if name.contains('\0') => Err("a name on disk cannot hold a NUL"),
        _ => Ok(()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_paths() {
        let path = |parent, name, is_marker| {
            Ok(KeyPath {
                parent,
                name,
                is_marker,
            })
        };
        assert_eq!(KeyPath::parse("a"), path("", "a", false));
        assert_eq!(KeyPath::parse("a/b/c d "), path("a/b", "c d ", false));
        assert_eq!(KeyPath::parse("a/b/"), path("a", "b", true));
        assert_eq!(KeyPath::parse("..."), path("", "...", false));
    }

    #[test]
    fn what_a_disk_cannot_hold_is_refused() {
        let long = "x".repeat(256);
        for key in [
            "/a", "a//b", "a//", "/", "..", "a/../b", "./a", "a/.", "a\0b", &long,
        ] {
            assert!(KeyPath::parse(key).is_err(), "{key:?}");
        }
    }
}
