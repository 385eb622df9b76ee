//! `PageSource`: where the entries of a listing come from, page by page and in byte order.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use storage::{Entry, ListPage, ListRequest, ObjectStore};

use crate::overlay::{Overlaid, OverlayPage};
use crate::place::Place;
use crate::{Error, Result};

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

impl PageSource {
    /// The pages below a place, the first of which is here.
    pub(super) fn new(place: Place, store: Arc<dyn ObjectStore>, page: ListPage) -> Self {
        Self {
            place,
            store,
            next: Next::Page(page),
            page: VecDeque::new(),
            private: VecDeque::new(),
            asked: Asked::Nothing,
        }
    }

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

    /// Behind which name the private files of the directory are to be asked for now.
    pub(super) fn wants_private(&self) -> Option<(Place, Option<String>)> {
        let after = match &self.asked {
            _ if !self.private.is_empty() => return None,
            Asked::Nothing => None,
            Asked::UpTo(name) => Some(name.clone()),
            Asked::All => return None,
        };
        Some((self.place.clone(), after))
    }

    /// Takes them in.
    pub(super) fn add_private(&mut self, page: OverlayPage) {
        self.private.extend(page.entries);
        self.asked = page.end.map_or(Asked::All, Asked::UpTo);
    }

    /// Takes in the next page from the store, once all of the one before is given out.
    pub(super) async fn fill(&mut self) -> Result<()> {
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
    pub(super) fn next(&mut self) -> Option<Merged> {
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

    pub(super) fn has_ended(&self) -> bool {
        self.page.is_empty()
            && self.private.is_empty()
            && matches!(self.next, Next::End)
            && matches!(self.asked, Asked::All)
    }
}

/// What comes next.
pub(super) enum Merged {
    Stored(Entry),
    Private(String, Overlaid),
}
