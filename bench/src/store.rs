//! `Store`: objects and unfinished uploads, as lists of the pieces they arrived in.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// An object, or a part: never copied, only shared.
#[derive(Clone, Default)]
pub(crate) struct Object {
    pub(crate) pieces: Arc<[Bytes]>,
    pub(crate) etag: String,
    /// Content type, user metadata and checksum: what the client gave, it gets back.
    pub(crate) headers: Arc<[(String, String)]>,
}

impl Object {
    /// Its length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }

    /// The pieces of `start..end`, cut to fit.
    pub(crate) fn slice(&self, start: u64, end: u64) -> Vec<Bytes> {
        let mut at = 0;
        let mut found = Vec::new();
        for piece in self.pieces.iter() {
            let next = at + piece.len() as u64;
            if next > start && at < end {
                let from = start.saturating_sub(at) as usize;
                let to = (end.min(next) - at) as usize;
                found.push(piece.slice(from..to));
            }
            at = next;
        }
        found
    }
}

struct Unfinished {
    headers: Arc<[(String, String)]>,
    parts: BTreeMap<u32, Object>,
}

#[derive(Default)]
struct Tables {
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, Unfinished>,
    made: u64,
}

impl Tables {
    fn next_tag(&mut self) -> String {
        self.made += 1;
        format!("{:032x}", self.made)
    }
}

/// Everything that was stored; keys are `bucket/key`.
#[derive(Default)]
pub(crate) struct Store(Mutex<Tables>);

impl Store {
    /// Stores an object. `only_new` and `only_over` are the conditions If-None-Match and If-Match;
    /// `None` says that they do not hold.
    pub(crate) fn put(
        &self,
        key: &str,
        pieces: Vec<Bytes>,
        headers: Vec<(String, String)>,
        condition: &Condition,
    ) -> Option<String> {
        let mut tables = self.tables();
        if !condition.holds(tables.objects.get(key)) {
            return None;
        }
        let etag = tables.next_tag();
        let object = Object {
            pieces: pieces.into(),
            etag: etag.clone(),
            headers: headers.into(),
        };
        tables.objects.insert(key.to_owned(), object);
        Some(etag)
    }

    pub(crate) fn get(&self, key: &str) -> Option<Object> {
        self.tables().objects.get(key).cloned()
    }

    pub(crate) fn delete(&self, key: &str) {
        self.tables().objects.remove(key);
    }

    /// Up to `limit` keys of `prefix` behind `after`, with size and tag.
    pub(crate) fn list(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Vec<(String, u64, String)> {
        let start = if after > prefix {
            Bound::Excluded(after)
        } else {
            Bound::Included(prefix)
        };
        let tables = self.tables();
        let range = tables.objects.range::<str, _>((start, Bound::Unbounded));
        let matching = range
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit);
        matching
            .map(|(key, object)| (key.clone(), object.len(), object.etag.clone()))
            .collect()
    }

    /// Begins an upload and returns its id.
    pub(crate) fn begin(&self, headers: Vec<(String, String)>) -> String {
        let mut tables = self.tables();
        let id = tables.next_tag();
        let unfinished = Unfinished {
            headers: headers.into(),
            parts: BTreeMap::new(),
        };
        tables.uploads.insert(id.clone(), unfinished);
        id
    }

    /// Stores a part; `None`: no such upload.
    pub(crate) fn put_part(&self, upload: &str, number: u32, pieces: Vec<Bytes>) -> Option<String> {
        let mut tables = self.tables();
        let etag = tables.next_tag();
        let part = Object {
            pieces: pieces.into(),
            etag: etag.clone(),
            ..Object::default()
        };
        tables.uploads.get_mut(upload)?.parts.insert(number, part);
        Some(etag)
    }

    /// Joins the parts; `None`: no such upload, or the condition does not hold.
    pub(crate) fn complete(
        &self,
        key: &str,
        upload: &str,
        condition: &Condition,
    ) -> Option<String> {
        let mut tables = self.tables();
        if !condition.holds(tables.objects.get(key)) {
            return None;
        }
        let done = tables.uploads.remove(upload)?;
        let pieces = done
            .parts
            .values()
            .flat_map(|part| part.pieces.iter().cloned())
            .collect();
        let etag = format!("{}-{}", tables.next_tag(), done.parts.len());
        let object = Object {
            pieces,
            etag: etag.clone(),
            headers: done.headers,
        };
        tables.objects.insert(key.to_owned(), object);
        Some(etag)
    }

    pub(crate) fn abort(&self, upload: &str) {
        self.tables().uploads.remove(upload);
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What must be true of the object that a write replaces.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    None,
    Absent,
    Tag(String),
}

impl Condition {
    fn holds(&self, current: Option<&Object>) -> bool {
        match self {
            Self::None => true,
            Self::Absent => current.is_none(),
            Self::Tag(tag) => current.is_some_and(|object| object.etag == *tag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(texts: &[&'static str]) -> Vec<Bytes> {
        texts
            .iter()
            .map(|text| Bytes::from_static(text.as_bytes()))
            .collect()
    }

    #[test]
    fn a_slice_cuts_across_pieces() {
        let object = Object {
            pieces: pieces(&["abc", "def", "ghi"]).into(),
            ..Object::default()
        };
        assert_eq!(object.len(), 9);
        assert_eq!(object.slice(2, 7).concat(), b"cdefg");
        assert_eq!(object.slice(0, 9).concat(), b"abcdefghi");
        assert!(object.slice(9, 9).is_empty());
    }

    #[test]
    fn parts_are_joined_in_the_order_of_their_numbers() {
        let store = Store::default();
        let upload = store.begin(Vec::new());
        store.put_part(&upload, 2, pieces(&["world"])).unwrap();
        store.put_part(&upload, 1, pieces(&["hello "])).unwrap();
        store.complete("b/k", &upload, &Condition::None).unwrap();
        assert_eq!(
            store.get("b/k").unwrap().slice(0, 100).concat(),
            b"hello world"
        );
        assert!(store.complete("b/k", &upload, &Condition::None).is_none());
    }

    #[test]
    fn conditions_are_kept() {
        let store = Store::default();
        let tag = store
            .put("b/k", Vec::new(), Vec::new(), &Condition::Absent)
            .unwrap();
        assert!(
            store
                .put("b/k", Vec::new(), Vec::new(), &Condition::Absent)
                .is_none()
        );
        assert!(
            store
                .put("b/k", Vec::new(), Vec::new(), &Condition::Tag("x".into()))
                .is_none()
        );
        assert!(
            store
                .put("b/k", Vec::new(), Vec::new(), &Condition::Tag(tag))
                .is_some()
        );
    }

    #[test]
    fn a_listing_goes_on_behind_a_key() {
        let store = Store::default();
        for key in ["b/a", "b/p/1", "b/p/2", "b/q"] {
            store
                .put(key, Vec::new(), Vec::new(), &Condition::None)
                .unwrap();
        }
        let keys = |after| {
            let found = store.list("b/p/", after, 10);
            found.into_iter().map(|(key, ..)| key).collect::<Vec<_>>()
        };
        assert_eq!(keys(""), ["b/p/1", "b/p/2"]);
        assert_eq!(keys("b/p/1"), ["b/p/2"]);
    }
}
