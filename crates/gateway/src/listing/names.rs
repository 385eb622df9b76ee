//! Keys of a directory as the names that clients see, each only once.

use model::{ObjectKey, Timestamp, VirtualPath};
use storage::Entry;

use crate::overlay::Overlaid;
use crate::target;

/// A key of a page, by its name in the directory.
#[derive(Debug)]
pub(crate) enum Named {
    File {
        name: String,
        key: ObjectKey,
        size: u64,
        etag: String,
        last_modified: Timestamp,
    },
    Directory(String),
    /// What its owner alone sees, instead of what the store has there.
    Private(String, Box<Overlaid>),
}

impl Named {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::File { name, .. } | Self::Directory(name) | Self::Private(name, _) => name,
        }
    }
}

/// Turns keys into names, each only once.
///
/// A file `a` and a directory `a/` may stand together, and others between them: `a!` and `a-b`
/// sort before `a/`. The files whose name begins the present one form a chain, and only they can
/// still meet their twin.
#[derive(Debug, Default)]
pub(super) struct Names {
    chain: Vec<String>,
}

/// What becomes of a key.
pub(super) enum Name {
    Said(Named),
    /// A directory that is shown as a file already.
    Twin,
    Unsayable,
    Hidden,
}

impl Names {
    /// A file that its owner alone sees.
    pub(super) fn private(&mut self, name: String, overlaid: Overlaid) -> Name {
        self.advance(&name);
        self.chain.push(name.clone());
        Name::Said(Named::Private(name, Box::new(overlaid)))
    }

    /// Forgets the files that `name` does not begin with.
    fn advance(&mut self, name: &str) {
        while self
            .chain
            .last()
            .is_some_and(|file| !name.starts_with(file))
        {
            self.chain.pop();
        }
    }

    pub(super) fn name(&mut self, entry: Entry, prefix: &str, directory: &VirtualPath) -> Name {
        let key = match &entry {
            Entry::Object { key, .. } | Entry::CommonPrefix(key) => key.as_str(),
        };
        let Some(name) = key.strip_prefix(prefix) else {
            return Name::Hidden;
        };
        let name = match &entry {
            Entry::Object { .. } if name.is_empty() => return Name::Hidden,
            Entry::Object { .. } => name,
            Entry::CommonPrefix(_) => name.strip_suffix('/').unwrap_or(name),
        };
        if target::is_reserved(key) {
            return Name::Hidden;
        }
        if directory.join(name).is_err() {
            return Name::Unsayable;
        }
        let name = name.to_owned();
        self.advance(&name);
        match entry {
            Entry::CommonPrefix(_) if self.chain.contains(&name) => Name::Twin,
            Entry::CommonPrefix(_) => Name::Said(Named::Directory(name)),
            Entry::Object {
                key,
                size,
                etag,
                last_modified,
            } => match ObjectKey::parse(key) {
                Ok(key) => {
                    self.chain.push(name.clone());
                    Name::Said(Named::File {
                        name,
                        key,
                        size,
                        etag,
                        last_modified,
                    })
                }
                Err(_) => Name::Unsayable,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prefix: &str, keys: &[&str]) -> Vec<String> {
        let mut names = Names::default();
        let directory = VirtualPath::root();
        keys.iter()
            .filter_map(|key| {
                let key = format!("{prefix}{key}");
                let entry = if key.ends_with('/') && key != prefix {
                    Entry::CommonPrefix(key)
                } else {
                    Entry::Object {
                        key,
                        size: 0,
                        etag: String::new(),
                        last_modified: Timestamp::from_seconds(0),
                    }
                };
                match names.name(entry, prefix, &directory) {
                    Name::Said(Named::File { name, .. } | Named::Private(name, _)) => Some(name),
                    Name::Said(Named::Directory(name)) => Some(format!("{name}/")),
                    Name::Twin => Some("twin".to_owned()),
                    Name::Unsayable => Some("left out".to_owned()),
                    Name::Hidden => None,
                }
            })
            .collect()
    }

    #[test]
    fn a_file_hides_its_twin_however_far_behind_it_comes() {
        let keys = ["a", "a!", "a!x", "a-", "a-/", "a/", "ab", "ab/", "b/"];
        assert_eq!(
            names("home/", &keys),
            ["a", "a!", "a!x", "a-", "twin", "twin", "ab", "twin", "b/"]
        );
    }

    #[test]
    fn what_clients_cannot_say_is_left_out() {
        let long = "x".repeat(256);
        let keys = [
            "",
            "/",
            ".",
            "../",
            "a\nb",
            long.as_str(),
            " a ",
            "...",
            "ü/",
        ];
        let left_out = "left out";
        assert_eq!(
            names("home/", &keys),
            [
                left_out, left_out, left_out, left_out, left_out, " a ", "...", "ü/"
            ]
        );
    }

    #[test]
    fn the_gateways_own_prefix_is_not_shown() {
        assert_eq!(
            names("", &[".pierhead/", ".pierhead2/", "a"]),
            [".pierhead2/", "a"]
        );
        assert_eq!(names("x/", &[".pierhead/"]), [".pierhead/"]);
    }
}
