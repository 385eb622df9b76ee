//! A multipart upload in progress: which parts it has, and where each lies.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::failure::is_absence;
use super::folder::Folder;
use super::multipart::{LOG, MANIFEST, Manifest, OBJECT};
use super::state;
use crate::{Part, PartNumber};

/// A part, as `parts.log` records it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) number: u16,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) crc: Option<u64>,
    pub(super) place: Place,
}

/// Where a part's bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    /// In `object`, at this offset.
    At(u64),
    /// In a file of its own.
    Aside(String),
}

/// An upload in progress.
#[derive(Debug)]
pub(super) struct OpenUpload {
    pub(super) manifest: Manifest,
    /// Held for reading while a part is written, for writing while the upload ends: a part that
    /// nobody waits for any more must not write into a published object. True once it has ended.
    pub(super) ended: RwLock<bool>,
    parts: Mutex<Parts>,
}

#[derive(Debug, Default)]
struct Parts {
    recorded: BTreeMap<u16, Record>,
    /// How large each part that was ever begun is, so that those behind it find their places.
    sizes: BTreeMap<u16, u64>,
    /// Which of them have written, or are writing, to their place in `object`.
    placed: HashSet<u16>,
}

impl OpenUpload {
    /// Reads an upload back from its folder.
    pub(super) fn read(folder: &Folder) -> io::Result<Self> {
        let manifest = serde_json::from_slice(&folder.read(MANIFEST)?)?;
        let log = match folder.read(LOG) {
            Err(error) if is_absence(&error) => Vec::new(),
            other => other?,
        };
        let mut parts = Parts::default();
        // A line that a crash cut off is a part that was never acknowledged.
        for line in log.split(|byte| *byte == b'\n') {
            if let Ok(record) = serde_json::from_slice::<Record>(line)
                && record.is_there(folder)
            {
                parts.take(record);
            }
        }
        Ok(Self {
            manifest,
            ended: RwLock::new(false),
            parts: Mutex::new(parts),
        })
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parts that are there, in order.
    pub(super) fn listed(&self) -> Vec<Part> {
        let parts = self.parts();
        parts.recorded.values().filter_map(Record::part).collect()
    }

    /// Where a part that arrives now is to be written.
    pub(super) fn place(&self, number: PartNumber, size: u64) -> Place {
        let mut parts = self.parts();
        let number = number.get();
        let expected = *parts.sizes.entry(number).or_insert(size);
        if expected == size
            && let Some(offset) = parts.offset_of(number)
            && parts.placed.insert(number)
        {
            return Place::At(offset);
        }
        Place::Aside(format!("data-{number:05}-{:016x}", rand::random::<u64>()))
    }

    /// A part could not be written: its place is free for the next try.
    pub(super) fn give_up(&self, number: PartNumber, place: &Place, folder: &Folder) {
        match place {
            Place::At(_) => {
                self.parts().placed.remove(&number.get());
            }
            Place::Aside(name) => {
                // It goes with the upload at the latest.
                folder.remove(name).ok();
            }
        }
    }

    /// Records a part whose bytes are durable; it replaces the one of the same number.
    pub(super) fn record(&self, record: Record, folder: &Folder) -> io::Result<()> {
        // A newline first: the record before may have been cut off by a crash.
        let mut line = vec![b'\n'];
        serde_json::to_writer(&mut line, &record)?;
        line.push(b'\n');
        let mut parts = self.parts();
        let mut log = folder.writable(LOG, OFlags::APPEND)?;
        log.write_all(&line)?;
        log.sync_data()?;
        if let Some(Place::Aside(old)) = parts.take(record) {
            folder.remove(&old).ok();
        }
        Ok(())
    }

    /// The records of exactly these parts.
    ///
    /// # Errors
    /// Why they make no object.
    pub(super) fn choose(&self, chosen: &[Part]) -> std::result::Result<Vec<Record>, &'static str> {
        if chosen.is_empty() {
            return Err("no parts are named");
        }
        if !chosen.is_sorted_by(|a, b| a.number < b.number) {
            return Err("the parts are not in ascending order");
        }
        let parts = self.parts();
        let record = |part: &Part| match parts.recorded.get(&part.number.get()) {
            Some(record) if record.etag == part.etag => Ok(record.clone()),
            Some(_) => Err("a part has another ETag than named"),
            None => Err("a part that is named was never stored"),
        };
        let records = chosen
            .iter()
            .map(record)
            .collect::<std::result::Result<Vec<_>, _>>()?;
        match records.split_last() {
            Some((_, others)) if others.iter().any(|record| record.size == 0) => {
                Err("a part before the last is empty")
            }
            _ => Ok(records),
        }
    }
}

impl Parts {
    /// Takes a record in; gives back where the part was before.
    fn take(&mut self, record: Record) -> Option<Place> {
        self.sizes.entry(record.number).or_insert(record.size);
        if matches!(record.place, Place::At(_)) {
            self.placed.insert(record.number);
        }
        let old = self.recorded.insert(record.number, record);
        old.map(|old| old.place)
    }

    /// Where part `number` begins, if the sizes of all before it are known.
    fn offset_of(&self, number: u16) -> Option<u64> {
        let mut before = self.sizes.range(..number);
        let offset = before.try_fold((0, 1), |(offset, expected), (number, size)| {
            (*number == expected).then_some((offset + size, expected + 1))
        });
        offset
            .filter(|(_, next)| *next == number)
            .map(|(offset, _)| offset)
    }
}

impl Record {
    /// As the port shows it.
    pub(super) fn part(&self) -> Option<Part> {
        Some(Part {
            number: PartNumber::new(self.number)?,
            etag: self.etag.clone(),
            size: self.size,
            crc64nvme: self.crc.map(crate::crc64::to_base64),
        })
    }

    fn is_there(&self, folder: &Folder) -> bool {
        let (name, end) = match &self.place {
            Place::At(offset) => (OBJECT, offset + self.size),
            Place::Aside(name) => (name.as_str(), self.size),
        };
        folder
            .stat(name)
            .is_ok_and(|stat| state::size(&stat) >= end)
    }
}
