//! A directory that is open for listing.

mod names;
mod source;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use model::VirtualPath;
use storage::{ListPage, ObjectStore};
use tokio::sync::Mutex;

use crate::mount::{Cursor, Mounts};
use crate::overlay::OverlayPage;
use crate::place::Place;
use crate::{DirectoryEntry, FileAttributes, Result};
pub(crate) use names::Named;
use names::{Name, Names};
use source::Merged;
pub(crate) use source::PageSource;

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

impl Listing {
    /// A listing of keys, whose first page is here, and of what stands beside them.
    pub(crate) fn new(
        path: VirtualPath,
        source: Option<(Place, Arc<dyn ObjectStore>, ListPage)>,
        beside: BTreeMap<String, FileAttributes>,
        away: HashSet<String>,
    ) -> Self {
        let source = source.map(|(place, store, page)| PageSource::new(place, store, page));
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

impl Progress {
    /// Behind which name the private files of the directory are to be asked for now.
    pub(crate) fn wants_private(&self) -> Option<(Place, Option<String>)> {
        self.source.as_ref()?.wants_private()
    }

    /// Takes them in.
    pub(crate) fn add_private(&mut self, page: OverlayPage) {
        if let Some(source) = &mut self.source {
            source.add_private(page);
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

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

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
