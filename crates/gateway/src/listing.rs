//! A directory that is open for listing.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use model::{ObjectKey, Timestamp, VirtualPath};
use storage::{Entry, ListPage, ListRequest, ObjectStore};
use tokio::sync::Mutex;

use crate::mount::{Cursor, Mounts};
use crate::overlay::{Overlaid, OverlayPage};
use crate::place::Place;
use crate::target;
use crate::{DirectoryEntry, Error, FileAttributes, Result};

/// At most so many entries are given out at once, and about so many bytes of names, so that a
/// reply fits the packet of every client.
pub(crate) const MOST_ENTRIES: usize = 100;
const MOST_NAME_BYTES: usize = 12 << 10;

/// A listing in progress. Calls on it queue up and are answered in their order.
#[derive(Debug)]
pub(crate) struct Listing {
    path: VirtualPath,
    pub(crate) state: Mutex<Progress>,
}

/// How far a listing is.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Where the pages come from; none for a directory that exists only above mappings.
    pub(crate) source: Option<PageSource>,
    ready: VecDeque<DirectoryEntry>,
    /// How far the mappings here were given out.
    pub(crate) mounted: Cursor,
    /// What else stands here beside the keys: files that this session is writing.
    beside: BTreeMap<String, FileAttributes>,
    /// Files whose old names these are: they are shown elsewhere.
    away: HashSet<String>,
    names: Names,
    /// Names that clients cannot say.
    pub(crate) left_out: u64,
    /// Files that share their name with a directory.
    pub(crate) twins: u64,
}

#[derive(Debug)]
pub(crate) struct PageSource {
    pub(crate) place: Place,
    pub(crate) store: Arc<dyn ObjectStore>,
    next: Next,
    /// What is left of the page in hand, by the text of its name.
    page: VecDeque<(String, Entry)>,
    /// The same of what its owner alone sees.
    private: VecDeque<(String, Option<Overlaid>)>,
    /// How far that was asked for.
    asked: Asked,
}

/// How far the private files of a directory were asked for.
#[derive(Debug)]
enum Asked {
    Nothing,
    /// Up to this name.
    UpTo(String),
    All,
}

#[derive(Debug)]
enum Next {
    Page(ListPage),
    Ask(String),
    End,
}

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

impl Listing {
    /// A listing of keys, whose first page is here, and of what stands beside them.
    pub(crate) fn new(
        path: VirtualPath,
        source: Option<(Place, Arc<dyn ObjectStore>, ListPage)>,
        beside: BTreeMap<String, FileAttributes>,
        away: HashSet<String>,
    ) -> Self {
        let source = source.map(|(place, store, page)| PageSource {
            place,
            store,
            next: Next::Page(page),
            page: VecDeque::new(),
            private: VecDeque::new(),
            asked: Asked::Nothing,
        });
        Self {
            path,
            state: Mutex::new(Progress {
                source,
                ready: VecDeque::new(),
                mounted: Cursor::default(),
                beside,
                away,
                names: Names::default(),
                left_out: 0,
                twins: 0,
            }),
        }
    }

    pub(crate) fn path(&self) -> &VirtualPath {
        &self.path
    }
}

impl PageSource {
    /// The first page below a place: all but its own marker.
    pub(crate) fn first_request(place: &Place) -> ListRequest {
        let prefix = place.prefix();
        ListRequest {
            // The marker has the prefix as its key, and comes before everything else.
            start_after: Some(prefix.clone()).filter(|prefix| !prefix.is_empty()),
            prefix,
            delimiter: Some('/'),
            ..ListRequest::default()
        }
    }

    async fn page(&mut self) -> Result<Option<ListPage>> {
        let page = match std::mem::replace(&mut self.next, Next::End) {
            Next::End => return Ok(None),
            Next::Page(page) => page,
            Next::Ask(continuation) => {
                let request = ListRequest {
                    continuation: Some(continuation.clone()),
                    ..Self::first_request(&self.place)
                };
                match self.store.list(&request).await {
                    Ok(page) => page,
                    Err(error) => {
                        // The next READDIR tries the same page again.
                        self.next = Next::Ask(continuation);
                        return Err(Error::store("list", &self.place.path, error));
                    }
                }
            }
        };
        if let Some(continuation) = &page.continuation {
            self.next = Next::Ask(continuation.clone());
        }
        Ok(Some(page))
    }
}

impl PageSource {
    /// Takes in the next page from the store, once all of the one before is given out.
    async fn fill(&mut self) -> Result<()> {
        while self.page.is_empty() && !matches!(self.next, Next::End) {
            let prefix = self.place.prefix();
            let entries = self
                .page()
                .await?
                .map_or_else(Vec::new, |page| page.entries);
            let named = |entry: Entry| {
                let name = entry.name().strip_prefix(&prefix)?.to_owned();
                Some((name, entry))
            };
            self.page.extend(entries.into_iter().filter_map(named));
        }
        Ok(())
    }

    /// The next one of both, in byte order; what its owner alone sees comes instead of what the
    /// store has under the same name. None where one of them has to be asked for more first.
    fn next(&mut self) -> Option<Merged> {
        let stored_ended = matches!(self.next, Next::End);
        let private_ended = matches!(self.asked, Asked::All);
        let order = match (self.page.front(), self.private.front()) {
            (Some((stored, _)), Some((private, _))) => stored.cmp(private),
            (Some(_), None) if private_ended => Ordering::Less,
            (None, Some(_)) if stored_ended => Ordering::Greater,
            _ => return None,
        };
        if order == Ordering::Less {
            return self
                .page
                .pop_front()
                .map(|(_, entry)| Merged::Stored(entry));
        }
        let (name, overlaid) = self.private.pop_front()?;
        let same = (order == Ordering::Equal)
            .then(|| self.page.pop_front())
            .flatten();
        Some(match (overlaid, same) {
            (Some(overlaid), _) => Merged::Private(name, overlaid),
            (None, Some((_, entry))) => Merged::Stored(entry),
            (None, None) => {
                let key = format!("{}{name}", self.place.prefix());
                Merged::Stored(Entry::CommonPrefix(key))
            }
        })
    }

    fn has_ended(&self) -> bool {
        self.page.is_empty()
            && self.private.is_empty()
            && matches!(self.next, Next::End)
            && matches!(self.asked, Asked::All)
    }
}

enum Merged {
    Stored(Entry),
    Private(String, Overlaid),
}

impl Progress {
    /// Behind which name the private files of the directory are to be asked for now.
    pub(crate) fn wants_private(&self) -> Option<(Place, Option<String>)> {
        let source = self
            .source
            .as_ref()
            .filter(|source| source.private.is_empty())?;
        let after = match &source.asked {
            Asked::Nothing => None,
            Asked::UpTo(name) => Some(name.clone()),
            Asked::All => return None,
        };
        Some((source.place.clone(), after))
    }

    /// Takes them in.
    pub(crate) fn add_private(&mut self, page: OverlayPage) {
        if let Some(source) = &mut self.source {
            source.private.extend(page.entries);
            source.asked = page.end.map_or(Asked::All, Asked::UpTo);
        }
    }

    /// The names that come next; none at the end. There may be no names in between.
    /// Mappings hide keys of their names.
    pub(crate) async fn next_names(
        &mut self,
        path: &VirtualPath,
        mounts: &Mounts,
    ) -> Result<Option<Vec<Named>>> {
        let Some(source) = &mut self.source else {
            return Ok(None);
        };
        source.fill().await?;
        if source.has_ended() {
            return Ok(None);
        }
        let prefix = source.place.prefix();
        let mut found = Vec::new();
        while let Some(merged) = source.next() {
            let name = match merged {
                Merged::Stored(entry) => self.names.name(entry, &prefix, path),
                Merged::Private(name, overlaid) => self.names.private(name, overlaid),
            };
            match name {
                Name::Said(named) if self.beside.contains_key(named.name()) => {}
                Name::Said(named) if mounts.is_mounted(path, named.name()) => {}
                Name::Said(Named::File { name, .. }) if self.away.contains(&name) => {}
                Name::Said(named) => found.push(named),
                Name::Twin => self.twins += 1,
                Name::Unsayable => self.left_out += 1,
                Name::Hidden => {}
            }
        }
        Ok(Some(found))
    }

    /// Whether a name is shown with what stands beside the keys.
    pub(crate) fn shows_beside(&self, name: &str) -> bool {
        self.beside.contains_key(name)
    }

    /// Adds entries to be given out.
    pub(crate) fn push(&mut self, entries: impl IntoIterator<Item = DirectoryEntry>) {
        self.ready.extend(entries);
    }

    /// Adds what stands beside the keys, once.
    pub(crate) fn push_beside(&mut self) {
        let beside = std::mem::take(&mut self.beside);
        let entry = |(name, attributes)| DirectoryEntry { name, attributes };
        self.ready.extend(beside.into_iter().map(entry));
    }

    /// Some of what is ready; none where nothing is.
    pub(crate) fn take(&mut self) -> Option<Vec<DirectoryEntry>> {
        let mut bytes = 0;
        let mut taken = Vec::new();
        while let Some(entry) = self.ready.front() {
            bytes += entry.name.len();
            let full = taken.len() == MOST_ENTRIES || bytes > MOST_NAME_BYTES;
            if full && !taken.is_empty() {
                break;
            }
            taken.extend(self.ready.pop_front());
        }
        (!taken.is_empty()).then_some(taken)
    }
}

impl Named {
    fn name(&self) -> &str {
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
struct Names {
    chain: Vec<String>,
}

enum Name {
    Said(Named),
    /// A directory that is shown as a file already.
    Twin,
    Unsayable,
    Hidden,
}

impl Names {
    /// A file that its owner alone sees.
    fn private(&mut self, name: String, overlaid: Overlaid) -> Name {
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

    fn name(&mut self, entry: Entry, prefix: &str, directory: &VirtualPath) -> Name {
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

    #[test]
    fn entries_are_given_out_in_portions() {
        let attributes = FileAttributes {
            kind: crate::FileKind::File,
            size: 0,
            mode: 0o644,
            mtime: Timestamp::from_seconds(0),
            atime: Timestamp::from_seconds(0),
            owner: "ann".to_owned(),
            group: "users".to_owned(),
            uid: 1,
            gid: 1,
        };
        let listing = Listing::new(VirtualPath::root(), None, BTreeMap::new(), HashSet::new());
        let mut progress = listing.state.into_inner();
        let named = |name: String| DirectoryEntry {
            name,
            attributes: attributes.clone(),
        };
        progress.push((0..250).map(|number| named(format!("{number}"))));
        let portion = |progress: &mut Progress| progress.take().map(|taken| taken.len());
        assert_eq!(portion(&mut progress), Some(100));
        assert_eq!(portion(&mut progress), Some(100));
        assert_eq!(portion(&mut progress), Some(50));
        assert_eq!(portion(&mut progress), None);
        progress.push((0..100).map(|_| named("n".repeat(255))));
        assert_eq!(portion(&mut progress), Some(48));
    }
}
