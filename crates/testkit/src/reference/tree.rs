//! The file system of the model: names in a map, bytes in vectors.

use std::collections::{BTreeMap, BTreeSet};

use super::deed::{Flags, Step};

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct File {
    pub(super) bytes: Vec<u8>,
    /// Where a user set it, and nobody wrote since.
    pub(super) mtime: Option<u32>,
    pub(super) mode: Option<u32>,
}

/// One user's tree. Paths are relative, without a slash at either end.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<String, File>,
    /// Directories that were made. Others are there as long as something is below them: a
    /// directory is a prefix (SEMANTICS, "Directories").
    markers: BTreeSet<String>,
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Ok,
    NoSuchFile,
    /// Any other status.
    Failure,
}

impl Tree {
    pub(super) fn is_directory(&self, path: &str) -> bool {
        let below = format!("{path}/");
        let mut names = self.files.keys().chain(&self.markers);
        self.markers.contains(path) || names.any(|name| name.starts_with(&below))
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.is_directory(path)
    }

    /// Whether a name above `path` is a file's. Nobody looks (SEMANTICS: parents are not checked),
    /// and stores differ in what they can hold then, so the player leaves such deeds out.
    pub(super) fn is_below_a_file(&self, path: &str) -> bool {
        let slashes = path.match_indices('/').map(|(at, _)| at);
        slashes
            .into_iter()
            .any(|at| self.files.contains_key(&path[..at]))
    }

    /// Names directly below a directory; "" is the root.
    pub(super) fn list(&self, path: &str) -> BTreeSet<String> {
        let prefix = match path {
            "" => String::new(),
            path => format!("{path}/"),
        };
        let names = self.files.keys().chain(&self.markers);
        let below = names.filter_map(|name| name.strip_prefix(&prefix));
        below
            .filter_map(|rest| rest.split('/').next())
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Whether OPEN for writing succeeds.
    pub(super) fn open(&self, path: &str, flags: Flags) -> Answer {
        match self.files.contains_key(path) {
            true if flags.exclusive => Answer::Failure,
            false if !flags.create => Answer::NoSuchFile,
            _ => Answer::Ok,
        }
    }

    /// What CLOSE answers after these steps, which were all taken. The file changes only if it
    /// says OK: nothing shows before (promise 1).
    pub(super) fn write(&mut self, path: &str, flags: Flags, steps: &[Step]) -> Answer {
        let old = self.files.get(path).cloned();
        let base = old.clone().filter(|_| !flags.truncate).unwrap_or_default();
        let mut given = vec![true; base.bytes.len()];
        let mut bytes = base.bytes.clone();
        for step in steps {
            match *step {
                Step::Write(at, length, fill) => {
                    let at = if flags.append {
                        bytes.len()
                    } else {
                        at as usize
                    };
                    if length == 0 {
                        continue;
                    }
                    let end = at + length;
                    if bytes.len() < end {
                        bytes.resize(end, 0);
                        given.resize(end, false);
                    }
                    bytes[at..end].fill(fill);
                    given[at..end].fill(true);
                }
                Step::Resize(size) => {
                    bytes.resize(size as usize, 0);
                    given.resize(size as usize, true);
                }
            }
        }
        // A hole is refused: a block that got lost looks the same (SEMANTICS, promise 5).
        if given.contains(&false) {
            return Answer::Failure;
        }
        let untouched = steps.is_empty() && !flags.truncate && old.is_some();
        if !untouched {
            let file = File {
                bytes,
                ..File::default()
            };
            self.files.insert(path.to_owned(), file);
        }
        Answer::Ok
    }

    /// Sets what is not a size.
    pub(super) fn set(&mut self, path: &str, set: impl FnOnce(&mut File)) -> Answer {
        let is_directory = self.is_directory(path);
        match self.files.get_mut(path) {
            Some(file) => {
                set(file);
                Answer::Ok
            }
            // Taken and not kept (SEMANTICS, "Attributes").
            None if is_directory => Answer::Ok,
            None => Answer::NoSuchFile,
        }
    }

    pub(super) fn resize(&mut self, path: &str, size: u64) -> Answer {
        let is_directory = self.is_directory(path);
        match self.files.get_mut(path) {
            Some(file) => {
                // The file is written anew; whether the time set before stays is not promised.
                file.bytes.resize(size as usize, 0);
                file.mtime = None;
                Answer::Ok
            }
            None if is_directory => Answer::Failure,
            None => Answer::NoSuchFile,
        }
    }

    pub(super) fn rename(&mut self, from: &str, to: &str, over: bool) -> Answer {
        if from == to {
            return match self.exists(from) {
                true => Answer::Ok,
                false => Answer::NoSuchFile,
            };
        }
        if to.starts_with(&format!("{from}/")) {
            return Answer::Failure;
        }
        if let Some(file) = self.files.get(from).cloned() {
            if self.is_directory(to) || (self.files.contains_key(to) && !over) {
                return Answer::Failure;
            }
            self.files.remove(from);
            self.files.insert(to.to_owned(), file);
            return Answer::Ok;
        }
        if !self.is_directory(from) {
            return Answer::NoSuchFile;
        }
        // A directory is put in nothing's place (SEMANTICS, "Renaming and removing").
        if self.exists(to) {
            return Answer::Failure;
        }
        let below = format!("{from}/");
        let moved = |name: &String| match name.strip_prefix(&below) {
            Some(rest) => format!("{to}/{rest}"),
            None if name == from => to.to_owned(),
            None => name.clone(),
        };
        self.markers = self.markers.iter().map(moved).collect();
        let files = std::mem::take(&mut self.files).into_iter();
        self.files = files.map(|(name, file)| (moved(&name), file)).collect();
        Answer::Ok
    }

    pub(super) fn remove(&mut self, path: &str) -> Answer {
        match self.files.remove(path) {
            Some(_) => Answer::Ok,
            None if self.is_directory(path) => Answer::Failure,
            None => Answer::NoSuchFile,
        }
    }

    pub(super) fn mkdir(&mut self, path: &str) -> Answer {
        if self.exists(path) {
            return Answer::Failure;
        }
        self.markers.insert(path.to_owned());
        Answer::Ok
    }

    pub(super) fn rmdir(&mut self, path: &str) -> Answer {
        if !self.is_directory(path) {
            return match self.files.contains_key(path) {
                true => Answer::Failure,
                false => Answer::NoSuchFile,
            };
        }
        if !self.list(path).is_empty() {
            return Answer::Failure;
        }
        self.markers.remove(path);
        Answer::Ok
    }
}
