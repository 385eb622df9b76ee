//! What the store keeps in extended attributes of files and folders, where the file system has
//! them.
//!
//! `user.pierhead.metadata` holds an object's metadata as a JSON object, `user.mime_type` its
//! type. `user.pierhead.implied` marks a folder that was made only because a key below it needed
//! it: no object stands at its own key, and it goes when it is empty.

use std::fs::File;
use std::io;

use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr};
use rustix::io::Errno;

use crate::Metadata;

const METADATA: &str = "user.pierhead.metadata";
const CONTENT_TYPE: &str = "user.mime_type";
const IMPLIED: &str = "user.pierhead.implied";

/// The largest value that Linux lets an attribute have, in bytes.
const MAX_VALUE: usize = 64 * 1024;

/// Whether attributes set on `file` stay.
pub(super) fn are_kept(file: &File) -> bool {
    fsetxattr(file, "user.pierhead.probe", b"1", XattrFlags::empty()).is_ok()
}

/// Says what `metadata` and `content_type` say, and no more, of the object in `file`. Dropped
/// where the file system keeps no attributes.
pub(super) fn describe(
    file: &File,
    metadata: &Metadata,
    content_type: Option<&str>,
) -> io::Result<()> {
    let json = (!metadata.is_empty())
        .then(|| serde_json::to_vec(metadata))
        .transpose()?;
    set(file, METADATA, json.as_deref())?;
    set(file, CONTENT_TYPE, content_type.map(str::as_bytes))
}

/// The metadata of the object in `file`; empty where there is none that we wrote.
pub(super) fn metadata(file: &File) -> io::Result<Metadata> {
    let json = get(file, METADATA)?;
    Ok(json
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default())
}

/// The type of the object in `file`.
pub(super) fn content_type(file: &File) -> io::Result<Option<String>> {
    Ok(get(file, CONTENT_TYPE)?.and_then(|value| String::from_utf8(value).ok()))
}

/// Whether the folder is there for the sake of the keys below it alone.
pub(super) fn is_implied(folder: &File) -> io::Result<bool> {
    Ok(get(folder, IMPLIED)?.is_some())
}

/// Marks the folder as implied or as an object of its own. Folders that cannot be marked are
/// objects.
pub(super) fn set_implied(folder: &File, implied: bool) -> io::Result<()> {
    set(folder, IMPLIED, implied.then_some(b"1"))
}

fn set(file: &File, name: &str, value: Option<&[u8]>) -> io::Result<()> {
    let result = match value {
        Some(value) => fsetxattr(file, name, value, XattrFlags::empty()),
        None => fremovexattr(file, name),
    };
    match result {
        Ok(()) | Err(Errno::NOTSUP | Errno::NODATA) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn get(file: &File, name: &str) -> io::Result<Option<Vec<u8>>> {
    let mut small = [0_u8; 2048];
    match fgetxattr(file, name, &mut small) {
        Ok(len) => Ok(small.get(..len).map(<[u8]>::to_vec)),
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
        Err(Errno::RANGE) => {
            let mut large = vec![0; MAX_VALUE];
            let len = fgetxattr(file, name, &mut large)?;
            large.truncate(len);
            Ok(Some(large))
        }
        Err(error) => Err(error.into()),
    }
}
