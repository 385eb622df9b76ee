//! A consumer of the bucket that polls while the gateway is killed, and reads whatever appears.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::TryStreamExt as _;
use model::{ErrorKind, ObjectKey};
use storage::{Entry, ListRequest, ObjectStore, ObjectStoreExt as _};

use crate::content;
use crate::expected::Expected;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(15);

/// What the watcher saw.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    /// Listings of the whole bucket.
    pub(crate) looks: AtomicU64,
    /// Versions that were read to their end and known.
    pub(crate) versions: AtomicU64,
}

/// Looks until it is dropped; returns only to say what it should never have seen.
pub(crate) async fn watch(
    store: Arc<dyn ObjectStore>,
    expected: Arc<Expected>,
    sightings: Arc<Sightings>,
) -> Result<()> {
    let mut seen = HashMap::new();
    loop {
        look(&*store, &expected, &sightings, &mut seen).await?;
        sightings.looks.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
}

async fn look(
    store: &dyn ObjectStore,
    expected: &Expected,
    sightings: &Sightings,
    seen: &mut HashMap<String, String>,
) -> Result<()> {
    let entries: Vec<Entry> = store
        .entries(ListRequest::default())
        .try_collect()
        .await
        .context("list the bucket")?;
    for entry in entries {
        let Entry::Object { key, etag, .. } = entry else {
            continue;
        };
        // Markers of directories are empty, and what is in staging is nobody's to see.
        if key.ends_with('/') || key.starts_with(".pierhead/") || seen.get(&key) == Some(&etag) {
            continue;
        }
        let Some(hash) = read(store, &key).await? else {
            continue;
        };
        if !expected.allows(&key, &hash) {
            bail!("{key} (ETag {etag}) showed what nobody ever uploaded whole");
        }
        seen.insert(key, etag);
        sightings.versions.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// The hash of what stands at a key now; none where it is gone, or replaced while it is read.
async fn read(store: &dyn ObjectStore, key: &str) -> Result<Option<content::Hash>> {
    let key = ObjectKey::parse(key).with_context(|| format!("read {key}"))?;
    let whole = store.read_whole(&key, 1 << 30).await;
    match whole {
        Ok(bytes) => Ok(Some(content::hash(&[bytes]))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Conflict) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {key}", key = key.as_str())),
    }
}
