//! Multipart uploads on disk: a folder each, in which parts come together as they arrive.
//!
//! `upload.json` says what is being uploaded, `object` is the file that will be published,
//! `data-*` are parts that have no place in it yet, and `parts.log` records every part once its
//! bytes are durable, one JSON line each. A part whose place is known when it arrives (because
//! the sizes of all before it are) is written straight into `object`, so that completing an upload
//! that came in the usual order costs a rename.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use model::{ErrorKind, ObjectKey};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::failure::{On, is_absence};
use super::folder::Folder;
use super::key_path::KeyPath;
use super::state;
use crate::{
    Metadata, MultipartUpload, Part, PartNumber, PendingUpload, PutOptions, Result, UploadId,
};

/// The file that parts come together in.
pub(super) const OBJECT: &str = "object";
const MANIFEST: &str = "upload.json";
const LOG: &str = "parts.log";

/// The uploads that were used since the start, by id.
#[derive(Debug, Default)]
pub(super) struct Uploads(Mutex<HashMap<String, Arc<OpenUpload>>>);

/// What `upload.json` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) key: String,
    pub(super) metadata: Metadata,
    pub(super) content_type: Option<String>,
}

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

impl Disk {
    pub(super) fn create_upload(
        &self,
        key: &ObjectKey,
        options: &PutOptions,
    ) -> Result<MultipartUpload> {
        let on = On {
            operation: "begin upload of",
            key: key.as_str(),
        };
        let path = KeyPath::parse(on.key).map_err(|reason| on.invalid(reason))?;
        if path.is_marker {
            let reason = "a key that ends with a slash is a folder on disk, which holds no bytes";
            return Err(on.invalid(reason));
        }
        let manifest = Manifest {
            key: key.as_str().to_owned(),
            metadata: options.metadata.clone(),
            content_type: options.content_type.clone(),
        };
        let id = format!("{:032x}", rand::random::<u128>());
        let create = || {
            self.uploads.make_folder(&id)?;
            let folder = self.uploads.folder(&id)?;
            folder.write(MANIFEST, &serde_json::to_vec(&manifest)?)?;
            folder.sync()?;
            self.uploads.sync()
        };
        if let Err(error) = create() {
            self.remove_upload_folder(&id).ok();
            return Err(on.io(error));
        }
        Ok(MultipartUpload {
            key: key.clone(),
            id: UploadId(id),
        })
    }

    /// The upload and its folder.
    pub(super) fn open_upload(
        &self,
        on: On<'_>,
        upload: &MultipartUpload,
    ) -> Result<(Arc<OpenUpload>, Folder)> {
        let missing = || on.fail(ErrorKind::NotFound, "no such upload is in progress");
        let id = upload.id.0.as_str();
        if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(missing());
        }
        let look = |error: io::Error| {
            if is_absence(&error) {
                missing()
            } else {
                on.io(error)
            }
        };
        let folder = self.uploads.folder(id).map_err(look)?;
        let open = self.open_uploads.open(id, &folder).map_err(look)?;
        if open.manifest.key != upload.key.as_str() {
            return Err(missing());
        }
        Ok((open, folder))
    }

    pub(super) fn abort_upload(&self, upload: &MultipartUpload) -> Result<()> {
        let on = On {
            operation: "abort upload of",
            key: upload.key.as_str(),
        };
        let open = match self.open_upload(on, upload) {
            Ok((open, _)) => open,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut ended = open.ended.write().unwrap_or_else(PoisonError::into_inner);
        *ended = true;
        self.close_upload(on, upload)
    }

    /// Removes what is left of an upload that has ended.
    pub(super) fn close_upload(&self, on: On<'_>, upload: &MultipartUpload) -> Result<()> {
        self.open_uploads.lock().remove(&upload.id.0);
        match self.remove_upload_folder(&upload.id.0) {
            Err(error) if !is_absence(&error) => Err(on.io(error)),
            _ => Ok(()),
        }
    }

    fn remove_upload_folder(&self, id: &str) -> io::Result<()> {
        let folder = self.uploads.folder(id)?;
        // The manifest last: an upload that is half removed is still listed and can be aborted.
        folder.for_each(|name, _| {
            if name == MANIFEST {
                Ok(())
            } else {
                folder.remove(name)
            }
        })?;
        match folder.remove(MANIFEST) {
            Err(error) if !is_absence(&error) => return Err(error),
            _ => {}
        }
        self.uploads.remove_folder(id)
    }

    pub(super) fn list_uploads(&self, prefix: &str) -> Result<Vec<PendingUpload>> {
        let on = On {
            operation: "list uploads under",
            key: prefix,
        };
        let mut uploads = Vec::new();
        let listed = self.uploads.for_each(|id, _| {
            match self.pending_upload(id) {
                Ok(pending) => uploads.extend(pending),
                // Aborted or completed meanwhile.
                Err(error) if is_absence(&error) => {}
                Err(error) => return Err(error),
            }
            Ok(())
        });
        listed.map_err(|error| on.io(error))?;
        uploads.retain(|pending| pending.upload.key.as_str().starts_with(prefix));
        uploads.sort_by(|a, b| {
            let by_key = a.upload.key.cmp(&b.upload.key);
            by_key.then(a.initiated.cmp(&b.initiated))
        });
        Ok(uploads)
    }

    fn pending_upload(&self, id: &str) -> io::Result<Option<PendingUpload>> {
        let folder = self.uploads.folder(id)?;
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&folder.read(MANIFEST)?) else {
            return Ok(None);
        };
        let initiated = state::last_modified(&folder.stat(MANIFEST)?);
        Ok(ObjectKey::parse(manifest.key)
            .ok()
            .map(|key| PendingUpload {
                upload: MultipartUpload {
                    key,
                    id: UploadId(id.to_owned()),
                },
                initiated,
            }))
    }

    pub(super) fn list_parts(&self, upload: &MultipartUpload) -> Result<Vec<Part>> {
        let on = On {
            operation: "list parts of",
            key: upload.key.as_str(),
        };
        let (open, _) = self.open_upload(on, upload)?;
        let parts = open.parts();
        Ok(parts.recorded.values().filter_map(Record::part).collect())
    }
}

impl Uploads {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<OpenUpload>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The upload `id`, read from its folder if it was begun before the start.
    fn open(&self, id: &str, folder: &Folder) -> io::Result<Arc<OpenUpload>> {
        let mut uploads = self.lock();
        if let Some(open) = uploads.get(id) {
            return Ok(Arc::clone(open));
        }
        let open = Arc::new(OpenUpload::read(folder)?);
        uploads.insert(id.to_owned(), Arc::clone(&open));
        Ok(open)
    }
}

impl OpenUpload {
    fn read(folder: &Folder) -> io::Result<Self> {
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
