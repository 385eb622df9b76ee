//! Two trees side by side, directory by directory: names, kinds, sizes and times.

use std::collections::{BTreeMap, BinaryHeap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use model::ErrorKind;
use sftp::{Attributes, FileKind};

use super::Settings;
use super::notice::Collector;
use super::server::{Place, failed};
use crate::Result;
use crate::files::{below, printed};

/// The walk through both trees.
pub(crate) struct Walk<'a> {
    old: &'a Place,
    new: &'a Place,
    /// How many entries may still be looked at, and files be picked.
    entries: usize,
    sample: usize,
    /// Files on both sides of one size, by a number that their names make: the lowest are picked, so
    /// that each comparison picks the same.
    picked: BinaryHeap<(u64, Vec<u8>, u64)>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(old: &'a Place, new: &'a Place, settings: &Settings) -> Self {
        Self {
            old,
            new,
            entries: settings.entries,
            sample: settings.sample,
            picked: BinaryHeap::new(),
        }
    }

    /// Compares both trees.
    pub(crate) async fn run(&mut self, found: &mut Collector) -> Result<()> {
        let mut waiting = vec![Vec::new()];
        while let Some(directory) = waiting.pop() {
            let most = self.entries;
            let (old, new) = tokio::try_join!(
                entries(self.old, &directory, most),
                entries(self.new, &directory, most)
            )?;
            let shown = name_of(&directory);
            let (old, new) = match (old, new) {
                (Listed::All(old), Listed::All(new)) => (old, new),
                (Listed::TooMany, _) | (_, Listed::TooMany) => {
                    found.unseen(format!(
                        "{shown} and what comes behind it: there are too many entries"
                    ));
                    return Ok(());
                }
                (old, new) => {
                    found.compare("listing", Some(&shown), Some(old.word()), Some(new.word()));
                    continue;
                }
            };
            let names: std::collections::BTreeSet<&Vec<u8>> =
                old.keys().chain(new.keys()).collect();
            self.entries = self.entries.saturating_sub(names.len());
            found.told.entries += names.len() as u64;
            for name in names {
                let path = below(&directory, name);
                if self.compare(&path, old.get(name), new.get(name), found) {
                    waiting.push(path);
                }
            }
        }
        Ok(())
    }

    /// Compares one name; says whether it is a directory on both sides.
    fn compare(
        &mut self,
        path: &[u8],
        old: Option<&Attributes>,
        new: Option<&Attributes>,
        found: &mut Collector,
    ) -> bool {
        let text = printed(path);
        let told = Some(text.as_str());
        found.compare("kind", told, old.map(kind), new.map(kind));
        let (Some(old), Some(new)) = (old, new) else {
            return false;
        };
        found.compare("permissions", told, permissions(old), permissions(new));
        match (old.kind(), new.kind()) {
            (Some(FileKind::Directory), Some(FileKind::Directory)) => return true,
            (Some(FileKind::File), Some(FileKind::File)) => {}
            _ => return false,
        }
        let size = |attributes: &Attributes| attributes.size.map(|size| format!("{size} bytes"));
        found.compare("size", told, size(old), size(new));
        found.compare("time", told, time(old), time(new));
        if let (Some(size), Some(other)) = (old.size, new.size)
            && size == other
        {
            self.pick(path, size);
        }
        false
    }

    fn pick(&mut self, path: &[u8], size: u64) {
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        self.picked.push((hasher.finish(), path.to_vec(), size));
        if self.picked.len() > self.sample {
            self.picked.pop();
        }
    }

    /// The files whose contents are to be compared, with their sizes.
    pub(crate) fn sample(self) -> Vec<(Vec<u8>, u64)> {
        let picked = self.picked.into_sorted_vec();
        picked
            .into_iter()
            .map(|(_, path, size)| (path, size))
            .collect()
    }
}

/// What a directory holds, as one server tells it.
enum Listed {
    All(BTreeMap<Vec<u8>, Attributes>),
    /// More than may be looked at.
    TooMany,
    Refused(String),
}

impl Listed {
    fn word(&self) -> String {
        match self {
            Self::Refused(why) => format!("refused ({why})"),
            _ => "given".to_owned(),
        }
    }
}

async fn entries(place: &Place, directory: &[u8], most: usize) -> Result<Listed> {
    let lost = |error: &client::Error| error.kind() == ErrorKind::Unavailable;
    let mut listing = match place.sftp.list(&place.path(directory)).await {
        Ok(listing) => listing,
        Err(error) if lost(&error) => return Err(failed(error)),
        Err(error) => return Ok(Listed::Refused(error.reason().to_owned())),
    };
    let mut all = BTreeMap::new();
    while let Some(page) = listing.next_page().await.map_err(failed)? {
        all.extend(
            page.into_iter()
                .map(|entry| (entry.name.to_vec(), entry.attributes)),
        );
        if all.len() > most {
            listing.close().await.map_err(failed)?;
            return Ok(Listed::TooMany);
        }
    }
    Ok(Listed::All(all))
}

/// A directory below the home in words.
fn name_of(directory: &[u8]) -> String {
    match directory {
        [] => "the directory where he begins".to_owned(),
        directory => printed(directory),
    }
}

impl Place {
    /// The path of a name below the home.
    pub(crate) fn path(&self, name: &[u8]) -> Vec<u8> {
        match (&self.home[..], name) {
            (home, []) => home.to_vec(),
            (b"/", name) => [b"/", name].concat(),
            (home, name) => below(home, name),
        }
    }
}

fn kind(attributes: &Attributes) -> String {
    match attributes.kind() {
        Some(FileKind::File) => "a file",
        Some(FileKind::Directory) => "a directory",
        None => "something else",
    }
    .to_owned()
}

/// As `chmod` has it.
fn permissions(attributes: &Attributes) -> Option<String> {
    let bits = attributes.permissions?;
    Some(format!("{:04o}", bits & 0o7777))
}

fn time(attributes: &Attributes) -> Option<String> {
    let modified = i64::from(attributes.times?.modified);
    jiff::Timestamp::from_second(modified)
        .ok()
        .map(|time| time.to_string())
}
