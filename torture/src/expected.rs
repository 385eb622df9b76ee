//! Every content that a key may ever show: what the watcher compares with.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::content::{Content, Hash};

/// Grows before an operation is asked for, and never shrinks.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    contents: Mutex<HashMap<String, HashSet<Hash>>>,
}

impl Expected {
    /// From now on `key` may show `content`, whole.
    pub(crate) fn add(&self, key: &str, content: &Content) {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        contents
            .entry(key.to_owned())
            .or_default()
            .insert(content.hash());
    }

    /// Whether `key` may show this.
    pub(crate) fn allows(&self, key: &str, hash: &Hash) -> bool {
        let contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        contents.get(key).is_some_and(|known| known.contains(hash))
    }
}
