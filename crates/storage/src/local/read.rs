//! The body of a GET: a file read chunk by chunk, and never a mix of two states.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use model::ObjectKey;
use rustix::buffer::spare_capacity;
use rustix::io::{Errno, pread};

use super::disk::Blocking;
use super::failure::On;
use super::object::{Opened, unchanged};
use crate::{BodyStream, ByteRange, Result};

/// How much is read at once, in bytes.
const CHUNK: u64 = 512 * 1024;

/// A read that goes on. The open file is the object as it was opened, whatever is published at
/// its key meanwhile.
struct Reading {
    blocking: Blocking,
    file: Arc<File>,
    etag: Arc<str>,
    key: ObjectKey,
    next: u64,
    end: u64,
}

/// The bytes of `range` of an open object.
pub(super) fn body(
    blocking: &Blocking,
    key: &ObjectKey,
    opened: Opened,
    range: Option<ByteRange>,
) -> BodyStream {
    let size = opened.head.size;
    let range = range.unwrap_or(0..size);
    let Some(file) = opened.file else {
        return stream::empty().boxed();
    };
    let reading = Reading {
        blocking: blocking.clone(),
        file: Arc::new(file),
        etag: opened.head.etag.into(),
        key: key.clone(),
        next: range.start,
        end: range.end.min(size),
    };
    stream::try_unfold(reading, Reading::chunk).boxed()
}

impl Reading {
    async fn chunk(mut self) -> Result<Option<(Bytes, Self)>> {
        if self.next >= self.end {
            return Ok(None);
        }
        let len = CHUNK.min(self.end - self.next);
        let (file, etag) = (Arc::clone(&self.file), Arc::clone(&self.etag));
        let (key, offset) = (self.key.clone(), self.next);
        let read = self
            .blocking
            .run(move |_| read_at(&file, offset, len, &etag, &key));
        let chunk = read.await?;
        self.next += len;
        Ok(Some((chunk, self)))
    }
}

fn read_at(file: &File, offset: u64, len: u64, etag: &str, key: &ObjectKey) -> Result<Bytes> {
    let on = On {
        operation: "read",
        key: key.as_str(),
    };
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let mut chunk = Vec::with_capacity(len);
    while chunk.len() < len {
        let at = offset + chunk.len() as u64;
        match pread(file, spare_capacity(&mut chunk), at) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(on.io(error.into())),
        }
    }
    // Also catches a file that another program cut short.
    unchanged(file, etag, on)?;
    chunk.truncate(len);
    Ok(chunk.into())
}
