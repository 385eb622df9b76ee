//! A walk through a bucket's folders in the byte order of keys.
//!
//! A folder counts as `name/` when names are compared, so that `a.b` comes before `a/c` and `a0`
//! behind it, as their keys do. One folder's names are sorted at a time for each level.

use std::io;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::failure::is_absence;
use super::folder::{Folder, is_file, is_folder};
use super::key_path::check_names;
use super::{attributes, state};
use crate::paging::Cursor;
use crate::{Entry, ListRequest};

/// A walk that has come as far as its last entry.
#[derive(Debug)]
pub(super) struct Walk {
    prefix: String,
    folds: bool,
    cursor: Cursor,
    levels: Vec<Level>,
    /// Found, and not given away yet.
    waiting: Option<Entry>,
}

/// A folder that the walk is in.
#[derive(Debug)]
struct Level {
    prefix: String,
    /// Open while this is the deepest level: a walk holds one descriptor, however deep it is.
    folder: Option<Folder>,
    names: Names,
    next: usize,
}

/// Names of a folder, packed: those of folders end with a slash.
#[derive(Debug, Default)]
struct Names {
    text: String,
    spans: Vec<(u32, u16)>,
}

impl Walk {
    /// A walk through the keys that `request` asks for.
    pub(super) fn begin(bucket: &Folder, request: &ListRequest) -> io::Result<Self> {
        let mut walk = Self {
            prefix: request.prefix.clone(),
            folds: request.delimiter.is_some(),
            cursor: Cursor::of(request),
            levels: Vec::new(),
            waiting: None,
        };
        let base = request
            .prefix
            .rfind('/')
            .map_or("", |slash| &request.prefix[..=slash]);
        let path = base.strip_suffix('/').unwrap_or(base);
        if !base.is_empty() && check_names(path).is_err() {
            return Ok(walk);
        }
        match bucket.folder(path) {
            Err(error) if is_absence(&error) => {}
            folder => {
                let marker = walk.enter(base.to_owned(), folder?)?;
                // The folder is an object of its own only where its key is asked for.
                walk.waiting = marker.filter(|_| base == request.prefix && !base.is_empty());
            }
        }
        Ok(walk)
    }

    /// The next entry, as it is now.
    pub(super) fn next(&mut self, bucket: &Folder) -> io::Result<Option<Entry>> {
        if let Some(entry) = self.waiting.take() {
            return Ok(Some(entry));
        }
        while let Some(level) = self.levels.last_mut() {
            let Some(name) = level.names.get(level.next).map(str::to_owned) else {
                self.levels.pop();
                continue;
            };
            level.next += 1;
            let key = format!("{}{name}", level.prefix);
            if self.folds && name.ends_with('/') {
                return Ok(Some(Entry::CommonPrefix(key)));
            }
            let Some(folder) = level.open(bucket)? else {
                self.levels.pop();
                continue;
            };
            let found = match name.strip_suffix('/') {
                Some(name) => match folder.folder(name) {
                    Err(error) if is_absence(&error) => None,
                    below => self.enter(key, below?)?,
                },
                None => file(folder, &name, key)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Gives an entry back: the next call returns it.
    pub(super) fn put_back(&mut self, entry: Entry) {
        self.waiting = Some(entry);
    }

    /// Takes the entry that was put back.
    pub(super) fn take_waiting(&mut self) -> Option<Entry> {
        self.waiting.take()
    }

    /// How much memory it holds, in bytes, nearly.
    pub(super) fn weight(&self) -> usize {
        let names = self.levels.iter().map(|level| &level.names);
        names
            .map(|names| names.text.capacity() + names.spans.capacity() * 8)
            .sum()
    }

    /// Goes into a folder; returns its marker if that is an object behind the cursor.
    fn enter(&mut self, key: String, folder: Folder) -> io::Result<Option<Entry>> {
        let is_marker = !key.is_empty()
            && self.cursor.precedes(&key)
            && !attributes::is_implied(folder.as_file())?;
        let marker = if is_marker {
            Some(object(key.clone(), &folder.own_stat()?))
        } else {
            None
        };
        let names = self.names(&key, &folder)?;
        if let Some(above) = self.levels.last_mut() {
            above.folder = None;
        }
        self.levels.push(Level {
            prefix: key,
            folder: Some(folder),
            names,
            next: 0,
        });
        Ok(marker)
    }

    /// The names in `folder` that are asked for and lie behind the cursor, in order.
    fn names(&self, prefix: &str, folder: &Folder) -> io::Result<Names> {
        let mut names = Names::default();
        let mut key = prefix.to_owned();
        folder.for_each(|name, kind| {
            let is_folder = match kind {
                FileType::RegularFile => false,
                FileType::Directory => true,
                FileType::Unknown => match folder.stat(name) {
                    Ok(stat) if is_file(&stat) || is_folder(&stat) => is_folder(&stat),
                    _ => return Ok(()),
                },
                _ => return Ok(()),
            };
            key.truncate(prefix.len());
            key.push_str(name);
            if is_folder {
                key.push('/');
            }
            let wanted = if is_folder && !self.folds {
                self.cursor.may_precede_keys_in(&key)
            } else {
                self.cursor.precedes(&key)
            };
            if wanted && key.starts_with(&self.prefix) {
                names.push(&key[prefix.len()..])?;
            }
            Ok(())
        })?;
        names.sort();
        Ok(names)
    }
}

impl Level {
    /// The folder, opened again if need be; none where it is gone.
    fn open(&mut self, bucket: &Folder) -> io::Result<Option<&Folder>> {
        if self.folder.is_none() {
            let path = self.prefix.strip_suffix('/').unwrap_or(&self.prefix);
            match bucket.folder(path) {
                Err(error) if is_absence(&error) => return Ok(None),
                folder => self.folder = Some(folder?),
            }
        }
        Ok(self.folder.as_ref())
    }
}

impl Names {
    fn push(&mut self, name: &str) -> io::Result<()> {
        let start = u32::try_from(self.text.len()).map_err(|_| io::Error::from(Errno::OVERFLOW))?;
        let len = u16::try_from(name.len()).map_err(|_| io::Error::from(Errno::NAMETOOLONG))?;
        self.text.push_str(name);
        self.spans.push((start, len));
        Ok(())
    }

    fn sort(&mut self) {
        let text = &self.text;
        self.spans
            .sort_unstable_by(|a, b| span(text, *a).cmp(span(text, *b)));
    }

    fn get(&self, index: usize) -> Option<&str> {
        self.spans.get(index).map(|at| span(&self.text, *at))
    }
}

fn span(text: &str, (start, len): (u32, u16)) -> &str {
    let start = start as usize;
    text.get(start..start + usize::from(len)).unwrap_or("")
}

/// The file `name`, if it is still there and plain.
fn file(folder: &Folder, name: &str, key: String) -> io::Result<Option<Entry>> {
    match folder.stat(name) {
        Ok(stat) if is_file(&stat) => Ok(Some(object(key, &stat))),
        Ok(_) => Ok(None),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn object(key: String, stat: &rustix::fs::Stat) -> Entry {
    Entry::Object {
        key,
        size: state::size(stat),
        etag: state::etag(stat),
        last_modified: state::last_modified(stat),
    }
}
