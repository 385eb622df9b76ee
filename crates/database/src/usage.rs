//! The table `usage`: how much each owner has, whether more fits, and how that is counted anew.

use model::{BucketName, Location, Timestamp, TransferId, UserId};

use crate::Result;
use crate::columns::columns;
use crate::engine::{Engine, Transaction};
use crate::query::Query;
use crate::row::Row;

/// How much somebody may have. Absent means any amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// Bytes in all.
    pub bytes: Option<u64>,
    /// Files in all.
    pub files: Option<u64>,
}

impl Quota {
    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// How much somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes of his files.
    pub bytes: u64,
    /// His files.
    pub files: u64,
    /// Bytes of those that he alone sees, or that are being published now; not in `bytes`.
    pub private_bytes: u64,
    /// How many those are; not in `files`.
    pub private_files: u64,
    /// When his places were counted; never where absent.
    pub counted: Option<Timestamp>,
}

/// An upload that is to fit into a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Whose.
    pub owner: UserId,
    /// What he may have.
    pub quota: Quota,
    /// Bytes of the upload.
    pub size: u64,
}

/// An object that counts for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Its key.
    pub key: String,
    /// For whom.
    pub owner: UserId,
    /// Its bytes.
    pub size: u64,
    /// When that was written.
    pub changed: Timestamp,
}

/// What a count found to be otherwise than the rows say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Correction {
    /// An object that counted for nobody.
    Found(Location, u64),
    /// One of another size.
    Changed(Location, u64),
    /// One that is gone.
    Gone(Location),
}

/// Queries on what is used.
#[derive(Clone, Copy)]
pub struct UsageTable<'a> {
    engine: &'a Engine,
}

impl<'a> UsageTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// How much an owner has; `but` one transfer, if it is named.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn of(&self, owner: UserId, but: Option<TransferId>) -> Result<Usage> {
        let summed = self.engine.fetch_optional(&summed(owner)).await?;
        let private = self.engine.fetch_optional(&private(owner, but)).await?;
        usage(summed.as_ref(), private.as_ref())
    }

    /// What counts at a key, if anything does.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn at(&self, location: &Location) -> Result<Option<Holding>> {
        let query = at(location);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(holding).transpose()
    }

    /// What counts in a bucket at keys that begin with `prefix`, come behind `after` and not
    /// behind `upto`, in the order of keys; `limit` at most.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn between(
        &self,
        bucket: &BucketName,
        prefix: &str,
        after: &str,
        upto: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Holding>> {
        let sql = concat!(
            "SELECT ",
            columns!(holdings),
            " FROM holdings WHERE bucket = $1 AND object_key > $2 AND object_key >= $3 \
             AND ($4 IS NULL OR object_key <= $4) \
             AND substr(object_key, 1, length($3)) = $3 ORDER BY object_key LIMIT $5"
        );
        let query = Query::new("list what counts in", bucket, sql)
            .bind(bucket)
            .bind(after)
            .bind(prefix)
            .bind(upto.map(str::to_owned))
            .bind(u64::from(limit));
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(holding).collect()
    }

    /// What counts for an owner, in the order of buckets and keys, behind a location.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn held_by(
        &self,
        owner: UserId,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<(String, Holding)>> {
        let (bucket, key) = after.unwrap_or_default();
        let sql = concat!(
            "SELECT ",
            columns!(holdings),
            " FROM holdings WHERE owner = $1 AND (bucket > $2 OR (bucket = $2 AND object_key > $3)) \
             ORDER BY bucket, object_key LIMIT $4"
        );
        let query = Query::new("list what counts for", owner, sql)
            .bind(owner)
            .bind(bucket)
            .bind(key)
            .bind(u64::from(limit));
        let rows = self.engine.fetch_all(&query).await?;
        let named = |row: &Row| Ok((row.text("bucket")?, holding(row)?));
        rows.iter().map(named).collect()
    }

    /// Writes down what a count found. What was changed since the count began stays: whoever
    /// changed it knows better.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn correct(
        &self,
        owner: UserId,
        corrections: &[Correction],
        since: Timestamp,
    ) -> Result<()> {
        if corrections.is_empty() {
            return Ok(());
        }
        let mut transaction = self.engine.begin().await?;
        for correction in corrections {
            let query = correction.query(owner, since);
            transaction.execute(&query).await?;
        }
        transaction.commit().await
    }

    /// Sums up what counts for an owner, at the end of a count.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn counted(&self, owner: UserId, now: Timestamp) -> Result<Usage> {
        let mut transaction = self.engine.begin().await?;
        // Whoever commits a change of these sums from here on waits for this one.
        lock(&[owner.to_string()], &mut transaction).await?;
        let sql = "UPDATE usage SET counted = $2, \
                   bytes = (SELECT COALESCE(CAST(SUM(size) AS BIGINT), 0) FROM holdings \
                            WHERE holdings.owner = $1), \
                   files = (SELECT COUNT(*) FROM holdings WHERE holdings.owner = $1) \
                   WHERE owner = $1";
        let query = Query::new("sum up files of", owner, sql)
            .bind(owner)
            .bind(now);
        transaction.execute(&query).await?;
        transaction.commit().await?;
        self.of(owner, None).await
    }
}

impl Correction {
    fn query(&self, owner: UserId, since: Timestamp) -> Query {
        match self {
            Self::Found(location, size) => {
                let sql = "INSERT INTO holdings (bucket, object_key, owner, size, changed) \
                           VALUES ($1, $2, $3, $4, $5) ON CONFLICT (bucket, object_key) DO NOTHING";
                named("count", location, sql)
                    .bind(owner)
                    .bind(*size)
                    .bind(since)
            }
            Self::Changed(location, size) => {
                let sql = "UPDATE holdings SET size = $4 WHERE bucket = $1 AND object_key = $2 \
                           AND owner = $3 AND changed < $5";
                named("count", location, sql)
                    .bind(owner)
                    .bind(*size)
                    .bind(since)
            }
            Self::Gone(location) => {
                let sql = "DELETE FROM holdings WHERE bucket = $1 AND object_key = $2 \
                           AND owner = $3 AND changed < $4";
                named("uncount", location, sql).bind(owner).bind(since)
            }
        }
    }
}

/// Locks the sums of these owners, which must come in order.
pub(crate) async fn lock(owners: &[String], transaction: &mut Transaction) -> Result<()> {
    let sql = "INSERT INTO usage (owner, bytes, files) VALUES ($1, 0, 0) \
               ON CONFLICT (owner) DO UPDATE SET bytes = usage.bytes";
    for owner in owners {
        let query = Query::new("look up usage of", owner, sql).bind(owner);
        transaction.execute(&query).await?;
    }
    Ok(())
}

/// Why an upload does not fit, in words for its owner; none where it fits. Its owner's sums are
/// locked.
pub(crate) async fn objection(
    demand: &Demand,
    location: &Location,
    transfer: TransferId,
    transaction: &mut Transaction,
) -> Result<Option<String>> {
    if demand.quota.is_unlimited() {
        return Ok(None);
    }
    let summed = transaction.fetch_optional(&summed(demand.owner)).await?;
    let others = private(demand.owner, Some(transfer));
    let others = transaction.fetch_optional(&others).await?;
    let usage = usage(summed.as_ref(), others.as_ref())?;
    let replaced = transaction.fetch_optional(&at(location)).await?;
    let replaced = replaced.as_ref().map(holding).transpose()?;
    let replaced = replaced.filter(|held| held.owner == demand.owner);
    Ok(demand
        .quota
        .objection(&usage, replaced.as_ref(), demand.size))
}

impl Quota {
    /// Why a file of `size` bytes does not fit beside what is used, in words for its owner; none
    /// where it fits. What it replaces makes room.
    pub fn objection(
        &self,
        usage: &Usage,
        replaced: Option<&Holding>,
        size: u64,
    ) -> Option<String> {
        if let Some(limit) = self.bytes {
            let used = usage.bytes.saturating_add(usage.private_bytes);
            let kept = used.saturating_sub(replaced.map_or(0, |held| held.size));
            if kept.saturating_add(size) > limit {
                return Some(format!(
                    "your files may have {limit} bytes in all, and have {used}"
                ));
            }
        }
        if let Some(limit) = self.files {
            let used = usage.files.saturating_add(usage.private_files);
            if replaced.is_none() && used >= limit {
                return Some(format!("you may have {limit} files, and have {used}"));
            }
        }
        None
    }
}

fn summed(owner: UserId) -> Query {
    let sql = concat!("SELECT ", columns!(usage), " FROM usage WHERE owner = $1");
    Query::new("look up usage of", owner, sql).bind(owner)
}

/// Uploads that are unfinished but for those that are still being sent, whose sessions count
/// what they send themselves, and closed temporary files.
fn private(owner: UserId, but: Option<TransferId>) -> Query {
    let sql = "SELECT COUNT(*) AS files, \
               COALESCE(CAST(SUM(COALESCE(reserved, size, safe, 0)) AS BIGINT), 0) AS bytes \
               FROM transfers WHERE owner = $1 AND ($2 IS NULL OR id <> $2) \
               AND state IN ('intended', 'publishing', 'detached', 'staged') \
               AND (state <> 'intended' OR size IS NOT NULL)";
    Query::new("look up unfinished files of", owner, sql)
        .bind(owner)
        .bind(but.map(|id| id.to_string()))
}

fn at(location: &Location) -> Query {
    let sql = concat!(
        "SELECT ",
        columns!(holdings),
        " FROM holdings WHERE bucket = $1 AND object_key = $2"
    );
    named("look up what counts at", location, sql)
}

fn named(operation: &'static str, location: &Location, sql: &'static str) -> Query {
    Query::new(operation, location, sql)
        .bind(&location.bucket)
        .bind(&location.key)
}

fn usage(summed: Option<&Row>, private: Option<&Row>) -> Result<Usage> {
    let mut usage = Usage::default();
    if let Some(row) = summed {
        // Below nothing is where objects were changed behind the rows; a count mends it.
        usage.bytes = u64::try_from(row.integer("bytes")?).unwrap_or(0);
        usage.files = u64::try_from(row.integer("files")?).unwrap_or(0);
        usage.counted = row.time_or_null("counted")?;
    }
    if let Some(row) = private {
        usage.private_bytes = row.unsigned("bytes")?;
        usage.private_files = row.unsigned("files")?;
    }
    Ok(usage)
}

fn holding(row: &Row) -> Result<Holding> {
    Ok(Holding {
        key: row.text("object_key")?,
        owner: row.parsed("owner")?,
        size: row.unsigned("size")?,
        changed: row.time("changed")?,
    })
}
