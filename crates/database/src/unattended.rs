//! Transfers that nobody works on any more, and what a sweeper asks of the others: queries on the
//! table `transfers`.

use std::collections::HashMap;

use model::{BucketName, Location, NodeId, Timestamp, TransferId};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::columns::columns;
use crate::engine::Transaction;
use crate::nodes::node_is_dead;
use crate::private_row::private_file;
use crate::query::Query;
use crate::row::corrupt;
use crate::transfers::{self, transfer};
use crate::{NewTransfer, PrivateFile, PrivateId, Result, Transfer, TransfersTable};

impl TransfersTable<'_> {
    /// The most ids that [`Self::of_ids`] looks up in one query.
    const IDS: usize = 64;

    /// Transfers without an end that nobody works on, in order of their ids from `after` on, at
    /// most `limit`: their node is dead at `now`, or their object was to be put at its key and
    /// nobody has said since `publishing_before` that he is still at it.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn unattended(
        &self,
        now: Timestamp,
        publishing_before: Timestamp,
        after: Option<TransferId>,
        limit: u32,
    ) -> Result<Vec<PrivateFile>> {
        let sql = concat!(
            concat!(
                "SELECT ",
                columns!(transfers),
                " FROM transfers WHERE state IN ('intended', 'publishing') AND ("
            ),
            node_is_dead!("transfers", "$1"),
            " OR (state = 'publishing' AND publishing < $2)) AND id > $3 ORDER BY id LIMIT $4"
        );
        let query = Query::new("list", "unattended transfers", sql)
            .bind(now)
            .bind(publishing_before)
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(private_file).collect()
    }

    /// Unfinished transfers whose object was to be put at its key once, and did not stand there
    /// when somebody looked: such a request may take effect late. In order of their ids from
    /// `after` on, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn withdrawn(
        &self,
        after: Option<TransferId>,
        limit: u32,
    ) -> Result<Vec<PrivateFile>> {
        let sql = concat!(
            "SELECT ",
            columns!(transfers),
            " FROM transfers WHERE state = 'detached' AND publishing IS NOT NULL \
                   AND id > $1 ORDER BY id LIMIT $2"
        );
        let query = Query::new("list", "withdrawn transfers", sql)
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(private_file).collect()
    }

    /// Closed temporary files that were being given a final name since `since`, by nodes that died:
    /// the copy may take effect late. In order of their ids from `after` on, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn promised(
        &self,
        since: Timestamp,
        after: Option<TransferId>,
        limit: u32,
    ) -> Result<Vec<PrivateFile>> {
        let sql = concat!(
            "SELECT ",
            columns!(transfers),
            " FROM transfers WHERE state = 'staged' AND target_key IS NOT NULL \
                   AND publishing >= $1 AND id > $2 ORDER BY id LIMIT $3"
        );
        let query = Query::new("list", "promised names", sql)
            .bind(since)
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(private_file).collect()
    }

    /// Transfers that were given the name at `location` once, or were to be, newest first, at most
    /// `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn named(&self, location: &Location, limit: u32) -> Result<Vec<Transfer>> {
        let sql = concat!(
            "SELECT ",
            columns!(transfers),
            " FROM transfers WHERE target_bucket = $1 AND target_key = $2 \
                   AND target_key IS NOT NULL ORDER BY started DESC, id DESC LIMIT $3"
        );
        let query = Query::new("list transfers named", location, sql)
            .bind(&location.bucket)
            .bind(&location.key)
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(transfer).collect()
    }

    /// The transfers of these ids, by id; what is none of ours is missing.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn of_ids(&self, ids: &[TransferId]) -> Result<HashMap<TransferId, Transfer>> {
        let places: Vec<_> = (1..=Self::IDS).map(|number| format!("${number}")).collect();
        let sql = format!(
            concat!(
                "SELECT ",
                columns!(transfers),
                " FROM transfers WHERE id IN ({})"
            ),
            places.join(", ")
        );
        let sql = AssertSqlSafe(sql).into_sql_str();
        let mut found = HashMap::new();
        for ids in ids.chunks(Self::IDS) {
            let mut query = Query::new("look up", "transfers", sql.clone());
            for place in 0..Self::IDS {
                // The last one fills the places that are left.
                query = query.bind(ids[place.min(ids.len() - 1)]);
            }
            for row in self.engine.fetch_all(&query).await? {
                let transfer = transfer(&row)?;
                found.insert(transfer.intent.id, transfer);
            }
        }
        Ok(found)
    }

    /// The buckets that anything was ever uploaded to, in order.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn buckets(&self) -> Result<Vec<BucketName>> {
        // One step in the index for each bucket, however many transfers there are.
        let sql = "WITH RECURSIVE seen AS (SELECT MIN(bucket) AS bucket FROM transfers UNION ALL \
                   SELECT (SELECT MIN(bucket) FROM transfers WHERE bucket > seen.bucket) \
                   FROM seen WHERE seen.bucket IS NOT NULL) \
                   SELECT bucket FROM seen WHERE bucket IS NOT NULL";
        let rows = self
            .engine
            .fetch_all(&Query::new("list", "buckets", sql))
            .await?;
        let parse = |name: String| BucketName::parse(&name).map_err(|e| corrupt("bucket", e));
        rows.iter()
            .map(|row| row.text("bucket").and_then(parse))
            .collect()
    }

    /// Whether a node that lives may be changing the object at a key, or a rename to it goes on,
    /// on whatever node.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn is_changing(&self, location: &Location, now: Timestamp) -> Result<bool> {
        let sql = concat!(
            "SELECT bucket FROM publications WHERE bucket = $1 AND object_key = $2 \
             AND holder IS NOT NULL AND NOT ",
            node_is_dead!("publications", "$3"),
            " UNION ALL SELECT to_bucket AS bucket FROM moves \
             WHERE to_bucket = $1 AND to_key = $2 AND state = 'moving'"
        );
        let query = Query::new("look for changes of", location, sql)
            .bind(&location.bucket)
            .bind(&location.key)
            .bind(now);
        Ok(!self.engine.fetch_all(&query).await?.is_empty())
    }
}

/// Writes an intent that was lost, in this epoch; fine where it is written already.
pub(crate) async fn begin_at(
    new: &NewTransfer,
    epoch: u64,
    transaction: &mut Transaction,
) -> Result<()> {
    transfers::begin(new, transaction).await?;
    let sql = "UPDATE transfers SET epoch = $2 WHERE id = $1 AND epoch < $2";
    let query = Query::new("adopt", new.id, sql).bind(new.id).bind(epoch);
    transaction.execute(&query).await.map(drop)
}

/// A transfer whose object does not stand at its key, and whose publisher is gone, is unfinished
/// again, and nobody's. Fine where that was noted before.
///
/// # Errors
/// `Conflict` where another session goes on with it, or it has ended.
pub(crate) async fn withdraw(file: PrivateId, transaction: &mut Transaction) -> Result<()> {
    let sql = "UPDATE transfers SET state = 'intended', node = $3 WHERE id = $1 AND epoch = $2 \
               AND (state = 'publishing' OR (state = 'intended' AND node = $3))";
    let query = Query::new("withdraw", file.transfer, sql)
        .bind(file.transfer)
        .bind(file.epoch)
        .bind(NodeId::NOBODY);
    crate::private_changes::changed_or_lost(query, transaction).await
}
