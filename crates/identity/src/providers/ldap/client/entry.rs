//! An entry of a directory: its name and what was read of it.

use std::collections::BTreeMap;

/// An entry. Attributes are found by name in any case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    dn: String,
    attributes: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    /// An entry of which nothing is known but its name.
    pub(crate) fn new(dn: &str) -> Self {
        Self {
            dn: dn.to_owned(),
            attributes: BTreeMap::new(),
        }
    }

    /// Its name, as the directory writes it.
    pub(crate) fn dn(&self) -> &str {
        &self.dn
    }

    /// Adds values. Options (`;binary`) are not part of the name.
    pub(crate) fn insert(&mut self, name: &str, values: Vec<Vec<u8>>) {
        let name = name.split(';').next().unwrap_or(name).to_ascii_lowercase();
        self.attributes.entry(name).or_default().extend(values);
    }

    /// All values of an attribute.
    pub(crate) fn values(&self, name: &str) -> &[Vec<u8>] {
        let found = self.attributes.get(&name.to_ascii_lowercase());
        found.map(Vec::as_slice).unwrap_or_default()
    }

    /// All values that are text.
    pub(crate) fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.values(name).iter();
        values.filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The first value, where it is text that is not blank.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts(name)
            .map(str::trim)
            .find(|text| !text.is_empty())
    }

    /// The first value as a number.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }
}
