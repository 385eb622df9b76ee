//! `ImportJournal`: what a job that moves files in has seen and done, in an SQLite file of its own.
//!
//! It is no part of the installation's database (decision 36): a job of millions of files does not
//! make that larger or slower, and its end is the removal of a file.

use std::path::Path;

use model::{NodeId, Timestamp, UserId};
use sqlx::AssertSqlSafe;

use crate::engine::{Engine, Transaction};
use crate::query::Query;
use crate::row::Row;
use crate::{DatabaseUrl, ImportEntry, ImportKind, ImportState, Result, Settings};

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS job (
    id BIGINT PRIMARY KEY,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    owner TEXT NOT NULL,
    node TEXT,
    host_key TEXT,
    pass BIGINT NOT NULL,
    started BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS files (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    size BIGINT NOT NULL,
    mtime BIGINT NOT NULL,
    mode BIGINT,
    version TEXT,
    bucket TEXT,
    object_key TEXT,
    sha256 TEXT,
    etag TEXT,
    transfer TEXT,
    reason TEXT,
    seen BIGINT NOT NULL,
    changed BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS files_by_state ON files (state, name);
";

const JOB: &str = "SELECT owner, node, host_key, pass FROM job WHERE id = 1";

const COLUMNS: &str = "name, kind, state, size, mtime, mode, version, bucket, object_key, sha256, \
                       etag, transfer, reason, seen, changed";

/// The journal of one job. One process has it open.
pub struct ImportJournal {
    engine: Engine,
}

/// A job, as it is at the beginning of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportJob {
    /// Whose its uploads are: nobody's but the job's.
    pub owner: UserId,
    /// The run that was here before and did not end properly: it is dead, since this one has the
    /// journal.
    pub earlier: Option<NodeId>,
    /// The number of the pass; the first is 1.
    pub pass: u64,
    /// The fingerprint of the source's host key, as an earlier pass saw it.
    pub host_key: Option<String>,
}

/// How many there are of one kind in one state, and what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportCount {
    /// What they are.
    pub kind: ImportKind,
    /// What became of them.
    pub state: ImportState,
    /// How many.
    pub entries: u64,
    /// Their bytes at the source.
    pub bytes: u64,
    /// How many of them the present pass changed.
    pub changed: u64,
    /// Their bytes.
    pub changed_bytes: u64,
}

impl ImportJournal {
    /// The most that one page holds.
    pub const PAGE: u32 = 1000;

    /// Opens the journal, made where it is missing.
    ///
    /// # Errors
    /// Where the file cannot be used.
    pub async fn open(path: &Path) -> Result<Self> {
        let url = DatabaseUrl::Sqlite(path.to_owned());
        let engine = Engine::connect(&url, &Settings::default()).await?;
        let mut transaction = engine.begin().await?;
        transaction
            .execute_script("import journal", TABLES.to_owned())
            .await?;
        transaction.commit().await?;
        Ok(Self { engine })
    }

    /// Begins a pass of the job from `source` to `target`, which is run as `node`.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub async fn begin_pass(
        &self,
        source: &str,
        target: &str,
        node: NodeId,
        now: Timestamp,
    ) -> Result<ImportJob> {
        let mut transaction = self.engine.begin().await?;
        let sql = "INSERT INTO job (id, source, target, owner, pass, started) \
                   VALUES (1, $1, $2, $3, 0, $4) ON CONFLICT (id) DO NOTHING";
        let query = Query::new("begin", "import", sql)
            .bind(source)
            .bind(target)
            .bind(UserId::generate())
            .bind(now);
        transaction.execute(&query).await?;
        let row = transaction
            .fetch_optional(&Query::new("begin", "import", JOB))
            .await?;
        let row = row.ok_or_else(|| crate::row::corrupt("job", "its row is missing"))?;
        let job = job(&row)?;
        let sql = "UPDATE job SET node = $1, pass = $2, started = $3 WHERE id = 1";
        let query = Query::new("begin", "import", sql)
            .bind(node)
            .bind(job.pass)
            .bind(now);
        transaction.execute(&query).await?;
        transaction.commit().await?;
        Ok(job)
    }

    /// The job as the next pass would find it; none before the first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn job(&self) -> Result<Option<ImportJob>> {
        let row = self
            .engine
            .fetch_optional(&Query::new("look up", "import", JOB))
            .await?;
        row.as_ref().map(job).transpose()
    }

    /// Notes that the pass ended properly.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub async fn end_pass(&self) -> Result<()> {
        let sql = "UPDATE job SET node = NULL WHERE id = 1";
        self.engine
            .execute(&Query::new("end", "import", sql))
            .await
            .map(drop)
    }

    /// Remembers the fingerprint of the source's host key.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub async fn set_host_key(&self, fingerprint: &str) -> Result<()> {
        let sql = "UPDATE job SET host_key = $1 WHERE id = 1";
        let query = Query::new("note host key of", "import", sql).bind(fingerprint);
        self.engine.execute(&query).await.map(drop)
    }

    /// The entry of this name.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn entry(&self, name: &str) -> Result<Option<ImportEntry>> {
        let sql = format!("SELECT {COLUMNS} FROM files WHERE name = $1");
        let query = Query::new("look up", name, AssertSqlSafe(sql)).bind(name);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(ImportEntry::of).transpose()
    }

    /// Writes entries, in the place of those of the same names; all of them in one transaction.
    ///
    /// # Errors
    /// Where the file cannot be written; none is then.
    pub async fn write(&self, entries: &[ImportEntry]) -> Result<()> {
        let mut transaction = self.engine.begin().await?;
        for entry in entries {
            put(entry, &mut transaction).await?;
        }
        transaction.commit().await
    }

    /// What there is, by kind and state. `pass` says which one is the present.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn counts(&self, pass: u64) -> Result<Vec<ImportCount>> {
        let sql = "SELECT kind, state, COUNT(*) AS entries, SUM(size) AS bytes, \
                   SUM(changed = $1) AS changed, SUM(CASE WHEN changed = $1 THEN size ELSE 0 END) \
                   AS changed_bytes FROM files GROUP BY kind, state ORDER BY kind, state";
        let query = Query::new("count", "import", sql).bind(pass);
        let rows = self.engine.fetch_all(&query).await?;
        let counts = rows.iter().map(|row| {
            Ok(ImportCount {
                kind: row.parsed("kind")?,
                state: row.parsed("state")?,
                entries: row.unsigned("entries")?,
                bytes: row.unsigned("bytes")?,
                changed: row.unsigned("changed")?,
                changed_bytes: row.unsigned("changed_bytes")?,
            })
        });
        counts.collect()
    }

    /// The entries in this state whose names come after `after`, in order; a page at most.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn in_state(&self, state: ImportState, after: &str) -> Result<Vec<ImportEntry>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM files WHERE state = $1 AND name > $2 ORDER BY name LIMIT $3"
        );
        let query = Query::new("list", "import", AssertSqlSafe(sql))
            .bind(state.as_str())
            .bind(after)
            .bind(Self::PAGE);
        self.rows(&query).await
    }

    /// The entries that `pass` has not seen at the source and that are not told as gone yet, those
    /// with the later names first, so that what is in a directory comes before it; a page at most.
    /// `before` is the last name of the page before.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn vanished(&self, pass: u64, before: Option<&str>) -> Result<Vec<ImportEntry>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM files WHERE seen < $1 AND state <> 'deleted' \
             AND (name < $2 OR $2 IS NULL) ORDER BY name DESC LIMIT $3"
        );
        let query = Query::new("list", "import", AssertSqlSafe(sql))
            .bind(pass)
            .bind(before.map(str::to_owned))
            .bind(Self::PAGE);
        self.rows(&query).await
    }

    /// Lets go of entries of the source that are gone and never had anything at a target.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub async fn forget(&self, name: &str) -> Result<()> {
        let sql = "DELETE FROM files WHERE name = $1";
        let query = Query::new("forget", name, sql).bind(name);
        self.engine.execute(&query).await.map(drop)
    }

    /// Closes the file.
    pub async fn close(&self) {
        self.engine.close().await;
    }

    async fn rows(&self, query: &Query) -> Result<Vec<ImportEntry>> {
        let rows = self.engine.fetch_all(query).await?;
        rows.iter().map(ImportEntry::of).collect()
    }
}

fn job(row: &Row) -> Result<ImportJob> {
    Ok(ImportJob {
        owner: row.parsed("owner")?,
        earlier: row.parsed_or_null("node")?,
        pass: row.unsigned("pass")? + 1,
        host_key: row.text_or_null("host_key")?,
    })
}

async fn put(entry: &ImportEntry, transaction: &mut Transaction) -> Result<()> {
    let sql = format!(
        "INSERT OR REPLACE INTO files ({COLUMNS}) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    );
    let target = entry.target.as_ref();
    let query = Query::new("note", &entry.name, AssertSqlSafe(sql))
        .bind(&entry.name)
        .bind(entry.kind.as_str())
        .bind(entry.state.as_str())
        .bind(entry.size)
        .bind(entry.mtime)
        .bind(entry.mode)
        .bind(entry.version.clone())
        .bind(target.map(|target| target.bucket.to_string()))
        .bind(target.map(|target| target.key.to_string()))
        .bind(entry.sha256.clone())
        .bind(entry.etag.clone())
        .bind(entry.transfer)
        .bind(entry.reason.clone())
        .bind(entry.seen)
        .bind(entry.changed);
    transaction.execute(&query).await.map(drop)
}

impl std::fmt::Debug for ImportJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportJournal").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use model::{BucketName, Location, ObjectKey, TransferId};

    use super::*;

    fn entry(name: &str, state: ImportState, seen: u64) -> ImportEntry {
        ImportEntry {
            name: name.to_owned(),
            kind: ImportKind::File,
            state,
            size: 10,
            mtime: Timestamp::from_micros(-5),
            mode: Some(0o640),
            version: None,
            target: Some(Location {
                bucket: BucketName::parse("b").expect("valid"),
                key: ObjectKey::parse(name).expect("valid"),
            }),
            sha256: Some("00".to_owned()),
            etag: Some("e".to_owned()),
            transfer: Some(TransferId::generate()),
            reason: None,
            seen,
            changed: seen,
        }
    }

    #[tokio::test]
    async fn a_job_goes_on_where_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("job.db");
        let (node, now) = (NodeId::generate(), Timestamp::from_seconds(1));
        let journal = ImportJournal::open(&path).await.expect("opened");
        let first = journal
            .begin_pass("a", "b", node, now)
            .await
            .expect("begun");
        assert_eq!((first.pass, first.earlier), (1, None));
        let old = entry("x", ImportState::Moved, 1);
        journal
            .write(std::slice::from_ref(&old))
            .await
            .expect("written");
        journal.set_host_key("SHA256:x").await.expect("written");
        journal.close().await;

        let journal = ImportJournal::open(&path).await.expect("opened");
        let second = journal
            .begin_pass("a", "b", NodeId::generate(), now)
            .await
            .expect("begun");
        assert_eq!((second.pass, second.owner), (2, first.owner));
        assert_eq!(
            (second.earlier, second.host_key.as_deref()),
            (Some(node), Some("SHA256:x"))
        );
        assert_eq!(journal.entry("x").await.expect("read"), Some(old));
        assert_eq!(journal.entry("X").await.expect("read"), None);
        journal.end_pass().await.expect("ended");
        let third = journal
            .begin_pass("a", "b", node, now)
            .await
            .expect("begun");
        assert_eq!((third.pass, third.earlier), (3, None));
    }

    #[tokio::test]
    async fn entries_are_counted_and_listed() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = ImportJournal::open(&folder.path().join("job.db"))
            .await
            .expect("opened");
        let entries = [
            entry("a", ImportState::Moved, 1),
            entry("a/b", ImportState::Moved, 2),
            entry("c", ImportState::Kept, 2),
            entry("d", ImportState::Deleted, 1),
        ];
        journal.write(&entries).await.expect("written");
        let counts = journal.counts(2).await.expect("counted");
        let moved = counts
            .iter()
            .find(|count| count.state == ImportState::Moved)
            .expect("counted");
        assert_eq!(
            (
                moved.entries,
                moved.bytes,
                moved.changed,
                moved.changed_bytes
            ),
            (2, 20, 1, 10)
        );
        let names = |entries: Vec<ImportEntry>| -> Vec<String> {
            entries.into_iter().map(|entry| entry.name).collect()
        };
        let moved = journal
            .in_state(ImportState::Moved, "a")
            .await
            .expect("listed");
        assert_eq!(names(moved), ["a/b"]);
        let gone = journal.vanished(3, None).await.expect("listed");
        assert_eq!(names(gone), ["c", "a/b", "a"]);
        assert_eq!(
            names(journal.vanished(3, Some("a/b")).await.expect("listed")),
            ["a"]
        );
        assert_eq!(
            names(journal.vanished(2, None).await.expect("listed")),
            ["a"]
        );
    }
}
