//! Taking an unfinished upload away from its store.

use futures::TryStreamExt as _;
use model::ObjectKey;

use super::progress::Progress;
use super::settings::Staging;
use crate::{
    Entry, ListRequest, MultipartUpload, ObjectStore, ObjectStoreExt as _, Result, UploadId,
};

/// Takes everything of it away, and tells of the first failure.
pub(super) async fn discard(
    progress: &Progress,
    store: &dyn ObjectStore,
    staging: Option<&Staging>,
) -> Result<()> {
    let mut outcome = Ok(());
    if let Some(upload) = progress.multipart() {
        outcome = outcome.and(store.abort_upload(&upload).await);
    }
    if let Some(staging) = staging {
        for upload in staged_uploads(progress, staging) {
            outcome = outcome.and(staging.store.abort_upload(&upload).await);
        }
        outcome = outcome.and(clear(staging).await);
    }
    outcome
}

/// The multipart uploads below the staging prefix.
fn staged_uploads(progress: &Progress, staging: &Staging) -> Vec<MultipartUpload> {
    let upload = |(name, id): &(String, String)| {
        Some(MultipartUpload {
            key: ObjectKey::parse(format!("{}{name}", staging.prefix)).ok()?,
            id: UploadId(id.clone()),
        })
    };
    progress.staging.iter().filter_map(upload).collect()
}

/// Deletes every object below the staging prefix.
pub(super) async fn clear(staging: &Staging) -> Result<()> {
    let request = ListRequest {
        prefix: staging.prefix.clone(),
        ..ListRequest::default()
    };
    let mut entries = staging.store.entries(request);
    let mut outcome = Ok(());
    while let Some(entry) = entries.try_next().await? {
        if let Entry::Object { key, .. } = entry
            && let Ok(key) = ObjectKey::parse(key)
        {
            outcome = outcome.and(staging.store.delete(&key, None).await);
        }
    }
    outcome
}
