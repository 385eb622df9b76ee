//! RENAME: a file gets another key without its bytes being touched.

use std::fs::File;
use std::io;

use model::{ErrorKind, ObjectKey};

use super::disk::Disk;
use super::failure::On;
use super::folder::Folder;
use super::key_path::KeyPath;
use super::{attributes, state};
use crate::{CopyOptions, Metadata, Result, Source, Written};

impl Disk {
    /// Moves the file at `source`, which is in this bucket if it is our `own`, to `to`. Durable
    /// in both folders when it returns; it keeps its ETag.
    pub(super) fn rename(
        &self,
        source: &Source,
        own: bool,
        to: &ObjectKey,
        options: &CopyOptions,
    ) -> Result<Written> {
        let on = On {
            operation: "rename",
            key: source.key.as_str(),
        };
        let on_target = On {
            operation: "rename to",
            key: to.as_str(),
        };
        let target = KeyPath::parse(on_target.key).map_err(|reason| on_target.invalid(reason))?;
        let path = KeyPath::parse(on.key).map_err(|_| on.missing())?;
        if !own || path.is_marker || target.is_marker {
            let reason = "only files are given other keys, within their bucket";
            return Err(on.fail(ErrorKind::Unsupported, reason));
        }
        if source.key == *to {
            return Err(on.invalid("both keys are the same"));
        }
        let _turns = self.lock_keys(on.key, on_target.key);
        let opened = self.open_object(on, &self.bucket, source.pin.as_ref())?;
        let file = opened.file.as_ref().ok_or_else(|| on.missing())?;
        let parent = self.bucket.folder(path.parent);
        let parent = parent.map_err(|error| on.look(error))?;
        let metadata = options.metadata.as_ref();
        if let Some(metadata) = metadata {
            let described = describe(file, metadata, opened.head.content_type.as_deref());
            described.map_err(|error| on.io(error))?;
        }
        let moved = self.publish_locked(
            on_target,
            (&parent, path.name),
            target,
            options.precondition.as_ref(),
        );
        if let Err(error) = moved {
            let kept = &opened.head.metadata;
            if metadata.is_some()
                && !error.outcome_unknown()
                && let Err(error) = describe(file, kept, opened.head.content_type.as_deref())
            {
                tracing::warn!(%error, key = on.key, "a file that was not renamed has new metadata");
            }
            return Err(error);
        }
        self.left(on, parent, path.parent)?;
        let stat = rustix::fs::fstat(file).map_err(|error| on.io(error.into()))?;
        Ok(Written {
            etag: state::etag(&stat),
            ..Written::default()
        })
    }

    /// Makes it durable that a file is gone from `parent`, and takes the folder away if that was
    /// there for the file alone.
    fn left(&self, on: On<'_>, parent: Folder, path: &str) -> Result<()> {
        let synced = parent.sync();
        synced.map_err(|error| on.io(error).with_unknown_outcome())?;
        drop(parent);
        self.prune(path);
        Ok(())
    }
}

/// New metadata, durable before the file is seen with it under its new name.
fn describe(file: &File, metadata: &Metadata, content_type: Option<&str>) -> io::Result<()> {
    attributes::describe(file, metadata, content_type)?;
    file.sync_all()
}
