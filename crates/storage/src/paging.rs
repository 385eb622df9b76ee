//! Where a page of a listing begins and when it is full: the rules that our own stores share.

use crate::{Entry, ListPage, ListRequest};

/// The most entries of a page, as in S3.
const MAX_ENTRIES: usize = 1000;

/// The entry that a page begins behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cursor(Option<String>);

impl Cursor {
    /// Where `request` wants to begin: its continuation wins over `start_after`, as in S3.
    pub(crate) fn of(request: &ListRequest) -> Self {
        let after = request
            .continuation
            .as_ref()
            .or(request.start_after.as_ref());
        Self(after.cloned())
    }

    /// Whether the entry named `name` (a key or a common prefix) lies behind the cursor.
    pub(crate) fn precedes(&self, name: &str) -> bool {
        self.0.as_deref().is_none_or(|after| name > after)
    }

    /// Whether keys that begin with `prefix` may lie behind the cursor.
    pub(crate) fn may_precede_keys_in(&self, prefix: &str) -> bool {
        self.0
            .as_deref()
            .is_none_or(|after| prefix > after || after.starts_with(prefix))
    }

    /// The name that it stands behind.
    pub(crate) fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// A page that fills up.
#[derive(Debug)]
pub(crate) struct PageBuilder {
    entries: Vec<Entry>,
    room: usize,
}

impl PageBuilder {
    /// An empty page for `request`.
    pub(crate) fn new(request: &ListRequest) -> Self {
        let room = request.max_entries.map_or(MAX_ENTRIES, usize::from);
        Self {
            entries: Vec::new(),
            room: room.clamp(1, MAX_ENTRIES),
        }
    }

    /// Whether the next entry belongs on the next page.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= self.room
    }

    /// Adds an entry; for one that does not fit there is [`Self::is_full`].
    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// The last page.
    pub(crate) fn last(self) -> ListPage {
        ListPage {
            entries: self.entries,
            continuation: None,
        }
    }

    /// A page that another follows.
    pub(crate) fn continued(self) -> ListPage {
        let continuation = self.entries.last().map(|entry| entry.name().to_owned());
        ListPage {
            entries: self.entries,
            continuation,
        }
    }
}
