//! Counting what a user has: his places are listed and compared with the rows, which say what
//! passed through the gateway and not what others did behind it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use database::{Correction, Database, Usage, User};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use model::{BucketName, ErrorKind, Location, ObjectKey, Timestamp, UserId};
use policy::Action;
use storage::{Entry, ListRequest, ObjectStore, Stores};
use tokio::sync::oneshot;

use crate::bounds::Bounds;
use crate::home::mounts;
use crate::mount::{Mount, MountKind, Mounts};
use crate::target;
use crate::{Error, Result, Session};

const OPERATION: &str = "count the files of";
/// How long a verb waits for a count, which goes on without it.
const WAIT: Duration = Duration::from_secs(10);
/// Rows that were written so shortly before a count are right: clocks of nodes differ.
const FRESH: Duration = Duration::from_secs(60);
/// Rows that are read at once.
const ROWS: u32 = 1000;

/// Counts a user's files where they lie, and lets the rows say what was found: what counts for
/// him afterwards is what lies at the places that he may write to, but for what others uploaded
/// there. Takes a LIST for each thousand objects.
///
/// # Errors
/// `Denied` where his home cannot be used; what the stores and the database fail with. What was
/// counted up to there is kept, and his sums stay what they were.
pub async fn count_usage(
    user: &User,
    database: &Database,
    stores: &Stores,
    now: Timestamp,
) -> Result<Usage> {
    let admission = database.admissions().of(user).await;
    let admission =
        admission.map_err(|error| Error::database("count files of", &user.name, error))?;
    let bounds = Bounds::of(user, admission.group.as_ref());
    let tree = mounts(user, bounds.permissions)?;
    count(user.id, &tree, database, stores, now).await
}

async fn count(
    owner: UserId,
    tree: &Mounts,
    database: &Database,
    stores: &Stores,
    now: Timestamp,
) -> Result<Usage> {
    let fresh = i64::try_from(FRESH.as_micros()).unwrap_or(i64::MAX);
    let count = Count {
        owner,
        database,
        stores,
        since: Timestamp::from_micros(now.as_micros().saturating_sub(fresh)),
    };
    let places = Places::of(tree);
    for (bucket, key) in &places.directories {
        count.directory(bucket, key).await?;
    }
    for (bucket, key) in &places.files {
        count.file(bucket, key).await?;
    }
    count.forget_elsewhere(&places).await?;
    let usage = database.usage().counted(owner, now).await;
    usage.map_err(|error| Error::database(OPERATION, &owner, error))
}

/// Where a user may write, without what lies in one another.
struct Places {
    directories: Vec<(BucketName, String)>,
    files: Vec<(BucketName, String)>,
}

impl Places {
    fn of(tree: &Mounts) -> Self {
        let writable = |mount: &&Arc<Mount>| {
            let may = mount.permissions;
            may.allows(Action::Write) || may.allows(Action::Overwrite)
        };
        let place = |mount: &Arc<Mount>| (mount.bucket.clone(), mount.key.clone());
        let of_kind = |kind: MountKind| {
            let mounts = tree.mounts().filter(writable);
            let mounts = mounts.filter(move |mount| mount.kind == kind);
            mounts.map(place).collect::<HashSet<_>>()
        };
        let all = of_kind(MountKind::Directory);
        let above = |bucket: &BucketName, key: &str| {
            parents(key).any(|parent| all.contains(&(bucket.clone(), parent.to_owned())))
        };
        let mut files = Vec::from_iter(of_kind(MountKind::File));
        files.retain(|(bucket, key)| !above(bucket, key));
        let mut directories = Vec::from_iter(all.iter().cloned());
        directories.retain(|(bucket, key)| key.is_empty() || !above(bucket, key));
        directories.sort();
        files.sort();
        Self { directories, files }
    }
}

/// The directories above a key, the nearest first; `""` is the bucket.
fn parents(key: &str) -> impl Iterator<Item = &str> {
    let slashes = key.rmatch_indices('/').map(|(at, _)| key.get(..at));
    slashes.flatten().chain((!key.is_empty()).then_some(""))
}

struct Count<'a> {
    owner: UserId,
    database: &'a Database,
    stores: &'a Stores,
    since: Timestamp,
}

impl Count<'_> {
    /// Compares everything below a directory, page by page.
    async fn directory(&self, bucket: &BucketName, key: &str) -> Result<()> {
        let store = self.store(bucket).await?;
        let prefix = match key {
            "" => String::new(),
            key => format!("{key}/"),
        };
        let mut request = ListRequest {
            prefix: prefix.clone(),
            ..ListRequest::default()
        };
        let mut after = String::new();
        loop {
            let page = store.list(&request).await;
            let page = page.map_err(|error| Error::store(OPERATION, &self.owner, error))?;
            let last = page.entries.last().map(|entry| match entry {
                Entry::Object { key, .. } | Entry::CommonPrefix(key) => key.clone(),
            });
            let upto = last.filter(|_| page.continuation.is_some());
            let found = objects(page.entries);
            self.compare(bucket, &prefix, &after, upto.as_deref(), found)
                .await?;
            let (Some(continuation), Some(upto)) = (page.continuation, upto) else {
                return Ok(());
            };
            request.continuation = Some(continuation);
            after = upto;
        }
    }

    /// Compares one page of objects with the rows of the same range of keys.
    async fn compare(
        &self,
        bucket: &BucketName,
        prefix: &str,
        after: &str,
        upto: Option<&str>,
        mut found: BTreeMap<String, u64>,
    ) -> Result<()> {
        let mut corrections = Vec::new();
        let mut after = after.to_owned();
        loop {
            let usage = self.database.usage();
            let rows = usage.between(bucket, prefix, &after, upto, ROWS).await;
            let rows = rows.map_err(|error| self.failed(error))?;
            let is_last = rows.len() < ROWS as usize;
            for row in rows {
                let size = found.remove(&row.key);
                let location = self.location(bucket, &row.key);
                after = row.key;
                let (true, Some(location)) = (row.owner == self.owner, location) else {
                    continue;
                };
                match size {
                    None => corrections.push(Correction::Gone(location)),
                    Some(size) if size != row.size => {
                        corrections.push(Correction::Changed(location, size));
                    }
                    Some(_) => {}
                }
            }
            if is_last {
                break;
            }
        }
        let new = found.into_iter().filter_map(|(key, size)| {
            let location = self.location(bucket, &key)?;
            Some(Correction::Found(location, size))
        });
        corrections.extend(new);
        self.correct(&corrections).await
    }

    async fn file(&self, bucket: &BucketName, key: &str) -> Result<()> {
        let Some(location) = self.location(bucket, key) else {
            return Ok(());
        };
        let store = self.store(bucket).await?;
        let size = match store.head(&location.key).await {
            Ok(head) => Some(head.size),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(Error::store(OPERATION, &self.owner, error)),
        };
        let row = self.database.usage().at(&location).await;
        let row = row.map_err(|error| self.failed(error))?;
        let correction = match (row, size) {
            (None, Some(size)) => Correction::Found(location, size),
            (Some(row), None) if row.owner == self.owner => Correction::Gone(location),
            (Some(row), Some(size)) if row.owner == self.owner && row.size != size => {
                Correction::Changed(location, size)
            }
            _ => return Ok(()),
        };
        self.correct(&[correction]).await
    }

    /// What lies at none of his places any more counts no more.
    async fn forget_elsewhere(&self, places: &Places) -> Result<()> {
        let files: HashSet<_> = places.files.iter().collect();
        let directories: HashSet<_> = places.directories.iter().collect();
        let mut after: Option<(String, String)> = None;
        loop {
            let from = after
                .as_ref()
                .map(|(bucket, key)| (bucket.as_str(), key.as_str()));
            let rows = self.database.usage().held_by(self.owner, from, ROWS).await;
            let rows = rows.map_err(|error| self.failed(error))?;
            let Some((bucket, row)) = rows.last() else {
                return Ok(());
            };
            after = Some((bucket.clone(), row.key.clone()));
            let mut gone = Vec::new();
            for (bucket, row) in rows {
                let Ok(bucket) = BucketName::parse(&bucket) else {
                    continue;
                };
                let at = |key: &str| (bucket.clone(), key.to_owned());
                let is_his = files.contains(&at(&row.key))
                    || parents(&row.key).any(|parent| directories.contains(&at(parent)));
                if !is_his {
                    gone.extend(self.location(&bucket, &row.key).map(Correction::Gone));
                }
            }
            self.correct(&gone).await?;
        }
    }

    async fn correct(&self, corrections: &[Correction]) -> Result<()> {
        let usage = self.database.usage();
        let corrected = usage.correct(self.owner, corrections, self.since).await;
        corrected.map_err(|error| self.failed(error))
    }

    async fn store(&self, bucket: &BucketName) -> Result<Arc<dyn ObjectStore>> {
        let store = self.stores.bucket(bucket).await;
        store.map_err(|error| Error::store(OPERATION, &self.owner, error))
    }

    /// None for keys that clients cannot name.
    fn location(&self, bucket: &BucketName, key: &str) -> Option<Location> {
        let key = ObjectKey::parse(key).ok()?;
        Some(Location {
            bucket: bucket.clone(),
            key,
        })
    }

    fn failed(&self, error: database::Error) -> Error {
        Error::database(OPERATION, &self.owner, error)
    }
}

/// The files of a page: no markers of directories, and nothing of the gateway's own.
fn objects(entries: Vec<Entry>) -> BTreeMap<String, u64> {
    let file = |entry| match entry {
        Entry::Object { key, size, .. } if !key.ends_with('/') && !target::is_reserved(&key) => {
            Some((key, size))
        }
        _ => None,
    };
    entries.into_iter().filter_map(file).collect()
}

/// The counts that run on a node: one for a user at a time.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<HashMap<UserId, Running>>);

type Running = Shared<BoxFuture<'static, ()>>;

impl Session {
    /// Counts the user's files, unless that is being done, and waits for it for a while. A count
    /// that others began is waited for where that is `needed`.
    pub(crate) async fn count_in_time(&self, needed: bool) {
        let Some((counting, is_new)) = self.counting() else {
            return;
        };
        if !needed && !is_new {
            return;
        }
        if tokio::time::timeout(WAIT, counting).await.is_err() {
            tracing::info!(session = %self.id, user = %self.user, "a user's files are still being counted");
        }
    }

    /// The count, and whether it begins now.
    fn counting(&self) -> Option<(Running, bool)> {
        let session = self.this()?;
        let counts = &self.shared.counts.0;
        let mut running = counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counting) = running.get(&self.user_id) {
            return Some((counting.clone(), false));
        }
        let (done, ended) = oneshot::channel::<()>();
        let counting = ended.map(drop).boxed().shared();
        running.insert(self.user_id, counting.clone());
        self.tasks.spawn(async move {
            session.count().await;
            let counts = &session.shared.counts.0;
            let mut running = counts.lock().unwrap_or_else(PoisonError::into_inner);
            running.remove(&session.user_id);
            drop(done);
        });
        Some((counting, true))
    }

    async fn count(&self) {
        let shared = &self.shared;
        let now = shared.clock.now();
        match count(
            self.user_id,
            &self.mounts,
            &shared.database,
            &shared.stores,
            now,
        )
        .await
        {
            Ok(usage) => {
                tracing::info!(session = %self.id, user = %self.user, bytes = usage.bytes, files = usage.files, "a user's files were counted");
            }
            Err(error) => {
                tracing::warn!(session = %self.id, user = %self.user, %error, "a user's files cannot be counted");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_above_a_key_is_found_name_by_name() {
        let above: Vec<&str> = parents("a/b/c").collect();
        assert_eq!(above, ["a/b", "a", ""]);
        assert_eq!(parents("a").collect::<Vec<_>>(), [""]);
        assert_eq!(parents("").count(), 0);
    }
}
