//! The verbs on whole objects: put, get, head, delete, copy.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use model::{ErrorKind, ObjectKey};

use super::disk::Disk;
use super::failure::{On, is_absence};
use super::folder::{Folder, is_file};
use super::key_path::KeyPath;
use super::marker::marker;
use super::publish::{check, holds};
use super::staged::{Staged, seal, write_body};
use super::{attributes, state};
use crate::crc64;
use crate::{
    Body, ByteRange, CopyOptions, ObjectHead, Pin, Precondition, PutOptions, Result, Source,
    Written,
};

/// An object that is open for reading: a marker has no file.
pub(super) struct Opened {
    pub(super) file: Option<File>,
    pub(super) head: ObjectHead,
}

impl Disk {
    pub(super) fn put(
        &self,
        key: &ObjectKey,
        body: &Body,
        options: &PutOptions,
    ) -> Result<Written> {
        let on = On {
            operation: "put",
            key: key.as_str(),
        };
        let path = KeyPath::parse(on.key).map_err(|reason| on.invalid(reason))?;
        if path.is_marker {
            return self.put_marker(on, path, body, options);
        }
        let stage = || {
            let staged = Staged::new(&self.staged)?;
            write_body(staged.file(), body, 0)?;
            let etag = seal(
                staged.file(),
                &options.metadata,
                options.content_type.as_deref(),
            )?;
            Ok((staged, etag))
        };
        let (staged, etag) = stage().map_err(|error| on.io(error))?;
        self.publish(on, staged.place(), path, options.precondition.as_ref())?;
        staged.published();
        Ok(Written {
            etag,
            version: None,
            crc64nvme: Some(crc64::to_base64(crc64::of(
                body.chunks().iter().map(AsRef::as_ref),
            ))),
        })
    }

    /// Opens the object at `key` in `bucket` in the state that `pin` names.
    pub(super) fn open_object(
        &self,
        on: On<'_>,
        bucket: &Folder,
        pin: Option<&Pin>,
    ) -> Result<Opened> {
        // A key that no disk can hold has no object.
        let path = KeyPath::parse(on.key).map_err(|_| on.missing())?;
        let parent = bucket.folder(path.parent).map_err(|error| on.look(error))?;
        let opened = if path.is_marker {
            open_marker(&parent, path.name)
        } else {
            open_file(&parent, path.name)
        };
        let opened = opened
            .map_err(|error| on.look(error))?
            .ok_or_else(|| on.missing())?;
        match pin {
            Some(pin) if pin.version.is_some() => {
                Err(on.fail(ErrorKind::NotFound, "this store keeps no versions"))
            }
            Some(pin) if pin.etag != opened.head.etag => {
                Err(on.conflict("the object has changed meanwhile"))
            }
            _ => Ok(opened),
        }
    }

    pub(super) fn head(&self, key: &ObjectKey) -> Result<ObjectHead> {
        let on = On {
            operation: "head",
            key: key.as_str(),
        };
        Ok(self.open_object(on, &self.bucket, None)?.head)
    }

    pub(super) fn delete(
        &self,
        key: &ObjectKey,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let on = On {
            operation: "delete",
            key: key.as_str(),
        };
        if precondition == Some(&Precondition::Absent) {
            return Err(on.invalid("there is nothing to delete where nothing may be"));
        }
        let Ok(path) = KeyPath::parse(on.key) else {
            return holds(None, precondition, on);
        };
        if path.is_marker {
            return self.delete_marker(on, path, precondition);
        }
        if self.delete_file(on, path, precondition)? {
            self.prune(path.parent);
        }
        Ok(())
    }

    /// Whether there was one.
    fn delete_file(
        &self,
        on: On<'_>,
        path: KeyPath<'_>,
        precondition: Option<&Precondition>,
    ) -> Result<bool> {
        let _turn = self.lock_key(on.key);
        let found = self.bucket.folder(path.parent);
        let found = found.and_then(|parent| Ok((parent.stat(path.name)?, parent)));
        let parent = match found {
            Ok((stat, parent)) if is_file(&stat) => parent,
            // A link or a device is no object.
            Ok(_) => return holds(None, precondition, on).map(|()| false),
            Err(error) if is_absence(&error) => {
                return holds(None, precondition, on).map(|()| false);
            }
            Err(error) => return Err(on.io(error)),
        };
        check(&parent, path.name, precondition, on)?;
        match parent.remove(path.name) {
            Err(error) if is_absence(&error) => Ok(false),
            Err(error) => Err(on.io(error)),
            Ok(()) => {
                let synced = parent.sync().map(|()| true);
                synced.map_err(|error| on.io(error).with_unknown_outcome())
            }
        }
    }

    pub(super) fn copy(
        &self,
        source: &Source,
        to: &ObjectKey,
        options: &CopyOptions,
    ) -> Result<Written> {
        let from = On {
            operation: "copy",
            key: source.key.as_str(),
        };
        let bucket = self.other_bucket(&source.bucket, from)?;
        let opened = self.open_object(from, &bucket, source.pin.as_ref())?;
        let put = PutOptions {
            metadata: options.metadata.clone().unwrap_or(opened.head.metadata),
            content_type: opened.head.content_type.clone(),
            precondition: options.precondition.clone(),
        };
        let Some(file) = opened.file else {
            return self.put(to, &Body::default(), &put);
        };
        let on = On {
            operation: "copy to",
            key: to.as_str(),
        };
        let path = KeyPath::parse(on.key).map_err(|reason| on.invalid(reason))?;
        if path.is_marker {
            let reason = "a key that ends with a slash is a folder on disk, which holds no bytes";
            return Err(on.invalid(reason));
        }
        let staged = Staged::new(&self.staged).map_err(|error| on.io(error))?;
        copy_range(&file, 0..opened.head.size, staged.file()).map_err(|error| on.io(error))?;
        unchanged(&file, &opened.head.etag, from)?;
        let etag = seal(staged.file(), &put.metadata, put.content_type.as_deref());
        let etag = etag.map_err(|error| on.io(error))?;
        self.publish(on, staged.place(), path, put.precondition.as_ref())?;
        staged.published();
        Ok(Written {
            etag,
            ..Written::default()
        })
    }
}

fn open_file(parent: &Folder, name: &str) -> io::Result<Option<Opened>> {
    let (file, stat) = parent.file(name)?;
    Ok(Some(Opened {
        head: state::head(
            &stat,
            attributes::metadata(&file)?,
            attributes::content_type(&file)?,
        ),
        file: Some(file),
    }))
}

fn open_marker(parent: &Folder, name: &str) -> io::Result<Option<Opened>> {
    let Some((folder, stat)) = marker(parent, name)? else {
        return Ok(None);
    };
    Ok(Some(Opened {
        head: state::head(
            &stat,
            attributes::metadata(folder.as_file())?,
            attributes::content_type(folder.as_file())?,
        ),
        file: None,
    }))
}

/// Refuses what was read from `file` if another program wrote into it meanwhile.
pub(super) fn unchanged(file: &File, etag: &str, on: On<'_>) -> Result<()> {
    let stat = rustix::fs::fstat(file).map_err(|error| on.io(error.into()))?;
    if state::etag(&stat) != etag {
        return Err(on.conflict("another program changed the file while it was read"));
    }
    Ok(())
}

/// Copies a range of `from` to the position of `to`, inside the kernel or by sharing blocks where
/// the file system can.
pub(super) fn copy_range(mut from: &File, range: ByteRange, mut to: &File) -> io::Result<()> {
    from.seek(SeekFrom::Start(range.start))?;
    let len = range.end.saturating_sub(range.start);
    let copied = io::copy(&mut from.take(len), &mut to)?;
    if copied == len {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
