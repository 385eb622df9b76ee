//! Parts of multipart uploads: put, copied, and put together at the end.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::sync::{Arc, PoisonError, RwLockReadGuard};

use model::ErrorKind;
use rustix::fs::OFlags;

use super::disk::Disk;
use super::failure::On;
use super::folder::Folder;
use super::key_path::KeyPath;
use super::multipart::OBJECT;
use super::object::{copy_range, unchanged};
use super::open_upload::{OpenUpload, Place, Record};
use super::publish::check;
use super::staged::{Staged, seal, write_body};
use super::state;
use crate::crc64;
use crate::{
    Body, ByteRange, MultipartUpload, Part, PartNumber, Precondition, Result, Source, Written,
};

impl Disk {
    pub(super) fn put_part(
        &self,
        number: PartNumber,
        body: &Body,
        upload: &MultipartUpload,
    ) -> Result<Part> {
        let on = On {
            operation: "put part of",
            key: upload.key.as_str(),
        };
        let crc = crc64::of(body.chunks().iter().map(AsRef::as_ref));
        self.take_part(
            on,
            number,
            upload,
            (body.len(), Some(crc)),
            |file, offset| write_body(file, body, offset).map_err(|error| on.io(error)),
        )
    }

    pub(super) fn copy_part(
        &self,
        number: PartNumber,
        source: &Source,
        range: ByteRange,
        upload: &MultipartUpload,
    ) -> Result<Part> {
        let from = On {
            operation: "copy part from",
            key: source.key.as_str(),
        };
        let on = On {
            operation: "copy part of",
            key: upload.key.as_str(),
        };
        let bucket = self.other_bucket(&source.bucket, from)?;
        let opened = self.open_object(from, &bucket, source.pin.as_ref())?;
        if range.start >= range.end || range.end > opened.head.size {
            return Err(from.invalid("the range does not lie inside the object"));
        }
        // A marker has no bytes, so no range lies inside it.
        let Some(file) = opened.file else {
            return Err(from.missing());
        };
        let size = range.end - range.start;
        self.take_part(on, number, upload, (size, None), |mut to, offset| {
            let copied = to.seek(SeekFrom::Start(offset));
            let copied = copied.and_then(|_| copy_range(&file, range.clone(), to));
            copied.map_err(|error| on.io(error))?;
            unchanged(&file, &opened.head.etag, from)
        })
    }

    /// Takes a part of this size and checksum, whose bytes `write` puts at an offset of a file.
    fn take_part(
        &self,
        on: On<'_>,
        number: PartNumber,
        upload: &MultipartUpload,
        (size, crc): (u64, Option<u64>),
        write: impl FnOnce(&File, u64) -> Result<()>,
    ) -> Result<Part> {
        let (open, folder) = self.open_upload(on, upload)?;
        let _going_on = going_on(on, &open)?;
        let place = open.place(number, size);
        if let Err(error) = store(on, &folder, &place, write) {
            open.give_up(number, &place, &folder);
            return Err(error);
        }
        let unique = rand::random::<u64>();
        let record = Record {
            number: number.get(),
            size,
            // By content where that is known, as S3 has it, so that a part sent twice is one.
            etag: format!("{:016x}", crc.unwrap_or(unique)),
            crc,
            place,
        };
        let part = record.part();
        open.record(record, &folder).map_err(|error| on.io(error))?;
        part.ok_or_else(|| on.invalid("there is no part of that number"))
    }

    pub(super) fn complete_upload(
        &self,
        upload: &MultipartUpload,
        parts: &[Part],
        precondition: Option<&Precondition>,
    ) -> Result<Written> {
        let on = On {
            operation: "complete upload of",
            key: upload.key.as_str(),
        };
        let path = KeyPath::parse(on.key).map_err(|reason| on.invalid(reason))?;
        let (open, folder) = self.open_upload(on, upload)?;
        let mut ended = open.ended.write().unwrap_or_else(PoisonError::into_inner);
        if *ended {
            return Err(on.fail(ErrorKind::NotFound, "the upload has ended"));
        }
        let chosen = open.choose(parts).map_err(|reason| on.invalid(reason))?;
        // Before the bytes are touched; publication checks again.
        if let Ok(parent) = self.bucket.folder(path.parent) {
            check(&parent, path.name, precondition, on)?;
        }
        let whole = Whole::of(&chosen);
        let joined = self
            .join(&folder, &chosen, &whole)
            .map_err(|error| on.io(error))?;
        let (file, place) = match &joined {
            Joined::InPlace(file) => (file, (&folder, OBJECT)),
            Joined::Anew(staged) => (staged.file(), staged.place()),
        };
        let manifest = &open.manifest;
        let etag = seal(file, &manifest.metadata, manifest.content_type.as_deref());
        let etag = etag.map_err(|error| on.io(error))?;
        self.publish(on, place, path, precondition)?;
        if let Joined::Anew(staged) = joined {
            staged.published();
        }
        *ended = true;
        if let Err(error) = self.close_upload(on, upload) {
            // The object stands; a sweep of old uploads finds the rest.
            tracing::warn!(%error, upload = upload.id.0, "a completed upload left files behind");
        }
        Ok(Written {
            etag,
            version: None,
            crc64nvme: whole.crc.map(crc64::to_base64),
        })
    }

    /// Puts the chosen parts together: where they already lie if that can be, else anew.
    fn join<'d>(
        &'d self,
        folder: &Folder,
        chosen: &[Record],
        whole: &Whole,
    ) -> io::Result<Joined<'d>> {
        let file = folder.writable(OBJECT, OFlags::empty())?;
        let fits = state::size(&rustix::fs::fstat(&file)?) <= whole.size;
        if fits
            && whole
                .pieces(chosen)
                .all(|(record, at)| record.lies_right(at))
        {
            for (record, at) in whole.pieces(chosen) {
                if let Place::Aside(name) = &record.place {
                    append(&folder.file(name)?.0, 0..record.size, &file, at)?;
                }
            }
            return Ok(Joined::InPlace(file));
        }
        let staged = Staged::new(&self.staged)?;
        for (record, at) in whole.pieces(chosen) {
            match &record.place {
                Place::At(from) => append(&file, *from..from + record.size, staged.file(), at)?,
                Place::Aside(name) => {
                    append(&folder.file(name)?.0, 0..record.size, staged.file(), at)?;
                }
            }
        }
        Ok(Joined::Anew(staged))
    }
}

/// The object's file.
enum Joined<'d> {
    /// `object` itself.
    InPlace(File),
    /// A copy.
    Anew(Staged<'d>),
}

/// The object that parts make.
struct Whole {
    offsets: Vec<u64>,
    size: u64,
    crc: Option<u64>,
}

impl Whole {
    fn of(chosen: &[Record]) -> Self {
        let mut whole = Self {
            offsets: Vec::with_capacity(chosen.len()),
            size: 0,
            crc: Some(crc64::of([])),
        };
        for record in chosen {
            whole.offsets.push(whole.size);
            whole.size += record.size;
            let both = whole.crc.zip(record.crc);
            whole.crc = both.map(|(left, right)| crc64::combine(left, right, record.size));
        }
        whole
    }

    /// The parts and where each begins.
    fn pieces<'a>(&'a self, chosen: &'a [Record]) -> impl Iterator<Item = (&'a Record, u64)> {
        chosen.iter().zip(self.offsets.iter().copied())
    }
}

impl Record {
    /// Whether it is, or can be put, at `offset` of `object`.
    fn lies_right(&self, offset: u64) -> bool {
        match self.place {
            Place::At(at) => at == offset,
            Place::Aside(_) => true,
        }
    }
}

/// Holds the end of the upload off.
fn going_on<'a>(on: On<'_>, open: &'a Arc<OpenUpload>) -> Result<RwLockReadGuard<'a, bool>> {
    let ended = open.ended.read().unwrap_or_else(PoisonError::into_inner);
    if *ended {
        return Err(on.fail(ErrorKind::NotFound, "the upload has ended"));
    }
    Ok(ended)
}

/// Writes a part to its place and makes it durable.
fn store(
    on: On<'_>,
    folder: &Folder,
    place: &Place,
    write: impl FnOnce(&File, u64) -> Result<()>,
) -> Result<()> {
    let (name, offset) = match place {
        Place::At(offset) => (OBJECT, *offset),
        Place::Aside(name) => (name.as_str(), 0),
    };
    let file = folder
        .writable(name, OFlags::empty())
        .map_err(|error| on.io(error))?;
    write(&file, offset)?;
    file.sync_data().map_err(|error| on.io(error))
}

/// Copies a range of `from` to `at` in `to`.
fn append(from: &File, range: ByteRange, mut to: &File, at: u64) -> io::Result<()> {
    to.seek(SeekFrom::Start(at))?;
    copy_range(from, range, to)
}
