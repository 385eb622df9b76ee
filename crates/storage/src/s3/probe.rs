//! What a bucket's store can do, found out on keys of our own.
//!
//! Stores that do not know a condition ignore it and answer 200, so each is put to a test that
//! must be refused.

use bytes::Bytes;
use model::{ErrorKind, ObjectKey};
use tracing::info;

use super::store::{Shared, modest};
use crate::{
    Capabilities, CopyOptions, MultipartUpload, PROBES, Part, PartNumber, Precondition, PutOptions,
    Result, Source, Written,
};

const CONTENT: &[u8] = b"pierhead looks what this store can do";

/// Finds out. Whatever cannot be found out is taken for missing.
pub(super) async fn capabilities(store: &Shared) -> Capabilities {
    let mut found = modest(store.settings());
    let probe = match Probe::begin(store).await {
        Ok(probe) => probe,
        Err(error) => {
            info!(bucket = %store.bucket, %error, "store cannot be probed, nothing is assumed");
            return found;
        }
    };
    found.versions = probe.written.version.is_some();
    found.put_conditions = probe.put_conditions().await;
    found.copy_conditions = probe.copy_conditions().await;
    found.complete_conditions = probe.complete_conditions().await;
    found.part_copy = probe.part_copy().await;
    found.delete_conditions = probe.delete_conditions().await;
    probe.clean(found.versions).await;
    info!(bucket = %store.bucket, capabilities = ?found, "store probed");
    found
}

/// An object that the tests are made on.
struct Probe<'a> {
    store: &'a Shared,
    key: ObjectKey,
    copy: ObjectKey,
    written: Written,
}

impl<'a> Probe<'a> {
    async fn begin(store: &'a Shared) -> Result<Self> {
        let name = format!("{PROBES}{:032x}", rand::random::<u128>());
        let key = |name: String| ObjectKey::parse(name).expect("it is short and not empty");
        let (key, copy) = (key(name.clone()), key(format!("{name}-copy")));
        let body = Bytes::from_static(CONTENT).into();
        let written = store.put(&key, &body, &PutOptions::default()).await?;
        Ok(Self {
            store,
            key,
            copy,
            written,
        })
    }

    /// Conditions that do not hold while the probe stands.
    fn refusable() -> [Precondition; 2] {
        let other = "00000000000000000000000000000000".to_owned();
        [Precondition::Absent, Precondition::Matches(other)]
    }

    async fn put_conditions(&self) -> bool {
        for precondition in Self::refusable() {
            let options = PutOptions {
                precondition: Some(precondition),
                ..PutOptions::default()
            };
            let body = Bytes::from_static(CONTENT).into();
            if !refused(self.store.put(&self.key, &body, &options).await) {
                return false;
            }
        }
        true
    }

    fn source(&self) -> Source {
        Source {
            bucket: self.store.bucket.clone(),
            key: self.key.clone(),
            pin: None,
        }
    }

    async fn copy_conditions(&self) -> bool {
        let plain = CopyOptions::default();
        if self
            .store
            .copy(&self.source(), &self.copy, &plain)
            .await
            .is_err()
        {
            return false;
        }
        for precondition in Self::refusable() {
            let options = CopyOptions {
                precondition: Some(precondition),
                ..CopyOptions::default()
            };
            if !refused(self.store.copy(&self.source(), &self.copy, &options).await) {
                return false;
            }
        }
        true
    }

    async fn complete_conditions(&self) -> bool {
        for precondition in Self::refusable() {
            let Ok((upload, part)) = self.upload().await else {
                return false;
            };
            let parts = [part];
            let answer = self
                .store
                .complete_upload(&upload, &parts, Some(&precondition));
            let refused = refused(answer.await);
            // A refused completion leaves its upload behind.
            self.abort(&upload).await;
            if !refused {
                return false;
            }
        }
        true
    }

    /// An upload to the probe's key with one part.
    async fn upload(&self) -> Result<(MultipartUpload, Part)> {
        let options = PutOptions::default();
        let upload = self.store.create_upload(&self.key, &options).await?;
        let number = PartNumber::new(1).expect("one is a part number");
        let body = Bytes::from_static(CONTENT).into();
        match self.store.put_part(number, &body, &upload).await {
            Ok(part) => Ok((upload, part)),
            Err(error) => {
                self.abort(&upload).await;
                Err(error)
            }
        }
    }

    /// Whether a range is copied, and neither nothing nor the whole.
    async fn part_copy(&self) -> bool {
        let Ok((upload, _)) = self.upload().await else {
            return false;
        };
        let number = PartNumber::new(2).expect("two is a part number");
        let source = self.source();
        let copied = self.store.copy_part(number, &source, 3..9, &upload);
        let able = match copied.await {
            Ok(_) => match self.store.list_parts(&upload).await {
                Ok(parts) => parts
                    .iter()
                    .any(|part| part.number == number && part.size == 6),
                Err(_) => false,
            },
            Err(_) => false,
        };
        self.abort(&upload).await;
        able
    }

    async fn delete_conditions(&self) -> bool {
        let [_, other] = Self::refusable();
        refused(self.store.delete(&self.key, Some(&other)).await)
    }

    async fn abort(&self, upload: &MultipartUpload) {
        if let Err(error) = self.store.abort_upload(upload).await {
            info!(%error, "a probe's upload is left behind");
        }
    }

    async fn clean(&self, versions: bool) {
        for key in [&self.key, &self.copy] {
            let cleaned = match versions {
                true => self.clean_versions(key).await,
                false => self.store.delete(key, None).await,
            };
            if let Err(error) = cleaned {
                info!(%error, "a probe's object is left behind");
            }
        }
    }

    async fn clean_versions(&self, key: &ObjectKey) -> Result<()> {
        for id in self.store.version_ids(key).await? {
            self.store.delete_version(key, &id).await?;
        }
        Ok(())
    }
}

/// Whether a condition that does not hold was seen. Denied or broken counts as no.
fn refused<T>(answer: Result<T>) -> bool {
    answer.is_err_and(|error| error.kind() == ErrorKind::Conflict)
}
