//! `FileMap`: which part of the source goes where.

use std::collections::BTreeMap;

use model::ErrorKind;
use serde::Deserialize;

use super::place::join;
use crate::{Error, Result};

/// Prefixes of the source and what stands in their place below the target. The longest that fits
/// counts; without any entry everything keeps its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileMap {
    entries: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    map: BTreeMap<String, String>,
}

impl FileMap {
    /// Reads a map: TOML with one table `[map]` of `"source/prefix" = "target/prefix"`.
    ///
    /// # Errors
    /// `Invalid` where it is no such text, has no entry, or two targets lie in one another: then two
    /// files could meet at one key.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |why: String| Error::new(ErrorKind::Invalid, "read", "the map of files", why);
        let written: Written = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let mut entries = BTreeMap::new();
        for (from, to) in written.map {
            let (from, to) = (from.trim_matches('/'), to.trim_matches('/'));
            if entries.insert(from.to_owned(), to.to_owned()).is_some() {
                return Err(invalid(format!("{from:?} stands in it twice")));
            }
        }
        if entries.is_empty() {
            return Err(invalid("it has no entry".to_owned()));
        }
        let map = Self { entries };
        match map.collision() {
            Some((one, other)) => Err(invalid(format!(
                "the targets {one:?} and {other:?} lie in one another, so that two files could meet"
            ))),
            None => Ok(map),
        }
    }

    fn collision(&self) -> Option<(&str, &str)> {
        let mut targets: Vec<&str> = self.entries.values().map(String::as_str).collect();
        // With its slash behind it, what lies in a directory sorts right behind it.
        targets.sort_by_key(|target| format!("{target}/"));
        let mut pairs = targets.windows(2);
        pairs.find_map(|pair| match pair {
            [one, other] if one.is_empty() || strip(other, one).is_some() => Some((*one, *other)),
            _ => None,
        })
    }

    /// What a name of the source is called below the target; none where nothing is said of it.
    pub(crate) fn target(&self, name: &str) -> Option<String> {
        if self.entries.is_empty() {
            return Some(name.to_owned());
        }
        let fits = |(from, to): (&String, &String)| {
            strip(name, from).map(|rest| (from.len(), join(to, rest)))
        };
        let fitting = self.entries.iter().filter_map(fits);
        fitting
            .max_by_key(|(length, _)| *length)
            .map(|(_, target)| target)
    }

    /// Whether something below a directory of the source is mapped although it is not itself.
    pub(crate) fn leads_through(&self, directory: &str) -> bool {
        self.entries
            .keys()
            .any(|from| strip(from, directory).is_some())
    }

    /// As one text, for the name of the job.
    pub(crate) fn text(&self) -> String {
        let pairs = self
            .entries
            .iter()
            .map(|(from, to)| format!("{from}\0{to}"));
        pairs.collect::<Vec<_>>().join("\0")
    }
}

/// What is left of a path below a directory, `""` for itself.
fn strip<'p>(path: &'p str, directory: &str) -> Option<&'p str> {
    match (directory, path.strip_prefix(directory)?) {
        ("", rest) => Some(rest),
        (_, "") => Some(""),
        (_, rest) => rest.strip_prefix('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_counts() {
        let map = FileMap::parse(
            "[map]\n\"home/ann\" = \"users/ann\"\n\"/home/ann/in/\" = \"inbox\"\n\"x\" = \"\"\n",
        );
        // An empty target holds all others.
        assert!(map.is_err());
        let map =
            FileMap::parse("[map]\n\"home/ann\" = \"users/ann\"\n\"/home/ann/in/\" = \"inbox\"\n");
        let map = map.expect("a map");
        for (name, target) in [
            ("home/ann", Some("users/ann")),
            ("home/ann/a/b", Some("users/ann/a/b")),
            ("home/ann/in/x", Some("inbox/x")),
            ("home/ann2/x", None),
            ("home", None),
        ] {
            assert_eq!(map.target(name).as_deref(), target, "{name}");
        }
        assert!(map.leads_through("home") && !map.leads_through("srv"));
        assert_eq!(FileMap::default().target("a/b").as_deref(), Some("a/b"));
    }

    #[test]
    fn maps_whose_targets_meet_are_refused() {
        for text in [
            "",
            "[map]",
            "[map]\na = \"x\"\nb = \"x\"",
            "[map]\na = \"x\"\nb = \"x/y\"",
            "[map]\na = \"x\"\n\"a/\" = \"y\"",
            "map = 3",
        ] {
            assert!(FileMap::parse(text).is_err(), "{text}");
        }
        FileMap::parse("[map]\na = \"x\"\nb = \"x-y\"\nc = \"x2/y\"").expect("side by side");
    }
}
