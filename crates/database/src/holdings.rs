//! The table `holdings`: which object counts for whom, with how many bytes.

use std::collections::BTreeMap;

use model::{Location, Timestamp, UserId};

use crate::Result;
use crate::engine::Transaction;
use crate::query::Query;
use crate::row::Row;

/// What the writes of one transaction add to the sums of owners and take from them. They are
/// written last and in the order of owners, so that two transactions do not lock each other out.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    changes: BTreeMap<String, Change>,
}

#[derive(Debug, Default)]
struct Change {
    bytes: i64,
    files: i64,
}

impl Ledger {
    fn add(&mut self, owner: String, size: i64) {
        let change = self.changes.entry(owner).or_default();
        change.bytes += size;
        change.files += 1;
    }

    fn take(&mut self, held: Held) {
        let change = self.changes.entry(held.owner).or_default();
        change.bytes -= held.size;
        change.files -= 1;
    }

    /// Writes the sums.
    pub(crate) async fn settle(self, transaction: &mut Transaction) -> Result<()> {
        let sql = "INSERT INTO usage (owner, bytes, files) VALUES ($1, $2, $3) \
                   ON CONFLICT (owner) DO UPDATE SET bytes = usage.bytes + excluded.bytes, \
                   files = usage.files + excluded.files";
        for (owner, change) in self.changes {
            if change.bytes == 0 && change.files == 0 {
                continue;
            }
            let query = Query::new("count files of", &owner, sql)
                .bind(&owner)
                .bind(change.bytes)
                .bind(change.files);
            transaction.execute(&query).await?;
        }
        Ok(())
    }
}

struct Held {
    owner: String,
    size: i64,
}

/// An object counts for `owner` from now on, and no more for whom it did before.
pub(crate) async fn place(
    location: &Location,
    owner: UserId,
    size: u64,
    now: Timestamp,
    ledger: &mut Ledger,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "INSERT INTO holdings (bucket, object_key, owner, size, changed) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (bucket, object_key) DO NOTHING";
    let insert = Query::new("count", location, sql)
        .bind(&location.bucket)
        .bind(&location.key)
        .bind(owner)
        .bind(size)
        .bind(now);
    if transaction.execute(&insert).await? == 0 {
        remove(location, ledger, transaction).await?;
        transaction.execute(&insert).await?;
    }
    ledger.add(owner.to_string(), i64::try_from(size).unwrap_or(i64::MAX));
    Ok(())
}

/// An object counts for nobody any more.
pub(crate) async fn remove(
    location: &Location,
    ledger: &mut Ledger,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "DELETE FROM holdings WHERE bucket = $1 AND object_key = $2 RETURNING owner, size";
    let query = Query::new("uncount", location, sql)
        .bind(&location.bucket)
        .bind(&location.key);
    if let Some(row) = transaction.fetch_optional(&query).await? {
        ledger.take(held(&row)?);
    }
    Ok(())
}

/// An object counts at its new key for whom it did at the old one.
pub(crate) async fn rename(
    from: &Location,
    to: &Location,
    ledger: &mut Ledger,
    transaction: &mut Transaction,
) -> Result<()> {
    if from.key.as_str().ends_with('/') {
        return Ok(());
    }
    remove(to, ledger, transaction).await?;
    let sql = "UPDATE holdings SET bucket = $3, object_key = $4 \
               WHERE bucket = $1 AND object_key = $2";
    let query = Query::new("count", to, sql)
        .bind(&from.bucket)
        .bind(&from.key)
        .bind(&to.bucket)
        .bind(&to.key);
    transaction.execute(&query).await.map(drop)
}

fn held(row: &Row) -> Result<Held> {
    Ok(Held {
        owner: row.text("owner")?,
        size: row.integer("size")?,
    })
}
