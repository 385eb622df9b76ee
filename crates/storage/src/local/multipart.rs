//! Multipart uploads on disk: a folder each, in which parts come together as they arrive.
//!
//! `upload.json` says what is being uploaded, `object` is the file that will be published,
//! `data-*` are parts that have no place in it yet, and `parts.log` records every part once its
//! bytes are durable, one JSON line each. A part whose place is known when it arrives (because
//! the sizes of all before it are) is written straight into `object`, so that completing an upload
//! that came in the usual order costs a rename.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{ErrorKind, ObjectKey};
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::failure::{On, is_absence};
use super::folder::Folder;
use super::key_path::KeyPath;
use super::open_upload::OpenUpload;
use super::state;
use crate::{Metadata, MultipartUpload, Part, PendingUpload, PutOptions, Result, UploadId};

/// The file that parts come together in.
pub(super) const OBJECT: &str = "object";
/// The file that says what is uploaded.
pub(super) const MANIFEST: &str = "upload.json";
/// The file that records the parts.
pub(super) const LOG: &str = "parts.log";

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
        Ok(open.listed())
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
