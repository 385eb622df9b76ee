//! Private files in the table `transfers`: who sees them.

use std::sync::LazyLock;

use model::{BucketName, Location, Timestamp, TransferId, UserId};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::Result;
use crate::columns::columns;
use crate::engine::Engine;
use crate::nodes::node_is_dead;
use crate::private_file::PrivateFile;
use crate::private_row::{placed, private_file};
use crate::query::Query;
use crate::row::Row;

/// Nobody writes it any more: it can be continued, renamed and removed.
pub(crate) const FREE: &str = "state IN ('detached', 'staged')";
/// Its node died while it was written or renamed, and something of it may be in the store. `$now`
/// is the placeholder of the present time.
macro_rules! is_left {
    ($now:literal) => {
        concat!(
            "(((state = 'intended' AND (progress IS NOT NULL OR staged_key IS NOT NULL)) \
             OR (state = 'publishing' AND target_key IS NOT NULL)) AND ",
            node_is_dead!("transfers", $now),
            ")"
        )
    };
}
pub(crate) use is_left;

/// What has not ended, in the words of the index on it.
pub(crate) const PRIVATE: &str = "state IN ('intended', 'publishing', 'detached', 'staged')";
/// The owner sees it; while another session of his is at a temporary file, he sees it as it was
/// when it was last closed.
pub(crate) const VISIBLE: &str = "(state IN ('detached', 'staged') OR \
                       (state IN ('intended', 'publishing') AND staged_key IS NOT NULL))";

/// Queries on private files. They are written through [`crate::Writer`].
#[derive(Clone, Copy)]
pub struct PrivateFilesTable<'a> {
    engine: &'a Engine,
}

impl<'a> PrivateFilesTable<'a> {
    /// The most that one query lists.
    pub const PAGE: u32 = 1000;

    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// The private files of `owner` at `location` itself and directly or deeper below it, one of
    /// those at most: that one says that it is a directory for him.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn at(
        &self,
        owner: UserId,
        location: &Location,
        now: Timestamp,
    ) -> Result<Vec<PrivateFile>> {
        let query = Query::new("look up private files at", location, AT.clone());
        let query = at(query, owner, location, now);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(placed).collect()
    }

    /// The same with whether a file of his is being renamed to `location`: what OPEN for writing
    /// has to know, in one query.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn at_with_arrivals(
        &self,
        owner: UserId,
        location: &Location,
        now: Timestamp,
    ) -> Result<Arrivals> {
        let query = Query::new("look up what is at", location, ARRIVALS.clone());
        let query = at(query, owner, location, now);
        let rows = self.engine.fetch_all(&query).await?;
        let arrives = |row: &Row| row.integer_or_null("arriving").map(|found| found > Some(0));
        let is_file = |row: &&Row| matches!(row.text_or_null("id"), Ok(Some(_)) | Err(_));
        Ok(Arrivals {
            arrives: rows.first().map_or(Ok(false), arrives)?,
            files: rows
                .iter()
                .filter(is_file)
                .map(placed)
                .collect::<Result<_>>()?,
        })
    }

    /// The private files of `owner` whose keys are at least `from` and less than `to` (no end
    /// where that is none), in byte order, the latest first where several share a key; at most
    /// `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn between(
        &self,
        owner: UserId,
        bucket: &BucketName,
        from: &str,
        to: Option<&str>,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PrivateFile>> {
        let query = Query::new("list private files in", bucket, BETWEEN.clone())
            .bind(owner)
            .bind(bucket)
            .bind(from)
            .bind(to.map(str::to_owned))
            .bind(limit)
            .bind(now);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(placed).collect()
    }

    /// Unfinished uploads whose time is over, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn expired(&self, now: Timestamp, limit: u32) -> Result<Vec<PrivateFile>> {
        let sql = concat!(
            "SELECT ",
            columns!(transfers),
            " FROM transfers WHERE state = 'detached' AND expires <= $1 \
                   ORDER BY expires, id LIMIT $2"
        );
        let query = Query::new("list", "expired uploads", sql)
            .bind(now)
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(private_file).collect()
    }

    /// Transfers that have ended and of which the store may still hold something, oldest first,
    /// at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn leftovers(&self, limit: u32) -> Result<Vec<PrivateFile>> {
        let sql = concat!(
            "SELECT ",
            columns!(transfers),
            " FROM transfers WHERE leftovers = 1 ORDER BY finished, id LIMIT $1"
        );
        let query = Query::new("list", "leftovers of transfers", sql).bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(private_file).collect()
    }

    /// The private file of this id, whatever its state.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn by_id(&self, id: TransferId) -> Result<Option<PrivateFile>> {
        let sql = concat!(
            "SELECT ",
            columns!(transfers),
            " FROM transfers WHERE id = $1"
        );
        let query = Query::new("look up private file", id, sql).bind(id);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(private_file).transpose()
    }
}

/// What an owner has at a place besides the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrivals {
    /// Whether a file of his is being renamed to there.
    pub arrives: bool,
    /// His private files there, as [`PrivateFilesTable::at`] tells them.
    pub files: Vec<PrivateFile>,
}

fn at(query: Query, owner: UserId, location: &Location, now: Timestamp) -> Query {
    query
        .bind(owner)
        .bind(&location.bucket)
        .bind(&location.key)
        .bind(format!("{}/", location.key))
        .bind(format!("{}0", location.key))
        .bind(now)
}

/// The order of files at a place: what is below it comes last.
const IN_ORDER: &str = "ORDER BY object_key, changed DESC, id DESC";

static AT: LazyLock<SqlStr> =
    LazyLock::new(|| AssertSqlSafe(format!("{} {IN_ORDER}", files_at())).into_sql_str());

static ARRIVALS: LazyLock<SqlStr> = LazyLock::new(|| {
    let sql = format!(
        "SELECT arriving, {all}, is_left FROM (SELECT COUNT(*) AS arriving FROM moves \
         WHERE owner = $1 AND state = 'moving' AND kind = 'file' AND to_bucket = $2 \
         AND to_key = $3) AS moving LEFT JOIN ({files}) AS files ON 1 = 1 {IN_ORDER}",
        all = columns!(transfers),
        files = files_at()
    );
    AssertSqlSafe(sql).into_sql_str()
});

fn files_at() -> String {
    format!(
        "SELECT {all}, CAST(CASE WHEN {left} THEN 1 ELSE 0 END AS BIGINT) AS is_left FROM transfers \
         WHERE owner = $1 AND bucket = $2 AND object_key = $3 \
         AND {PRIVATE} AND ({VISIBLE} OR {left}) UNION ALL SELECT {all}, is_left FROM (SELECT {all}, CAST(0 AS BIGINT) AS is_left \
         FROM transfers WHERE owner = $1 \
         AND bucket = $2 AND object_key >= $4 AND object_key < $5 AND {PRIVATE} AND ({VISIBLE} OR {left}) \
         ORDER BY object_key LIMIT 1) AS below",
        all = columns!(transfers),
        left = is_left!("$6")
    )
}

static BETWEEN: LazyLock<SqlStr> = LazyLock::new(|| {
    let sql = format!(
        "SELECT {all}, CAST(CASE WHEN {left} THEN 1 ELSE 0 END AS BIGINT) AS is_left FROM transfers \
         WHERE owner = $1 AND bucket = $2 AND object_key >= $3 \
         AND (object_key < $4 OR $4 IS NULL) AND {PRIVATE} AND ({VISIBLE} OR {left}) \
         ORDER BY object_key, changed DESC, id DESC LIMIT $5",
        all = columns!(transfers),
        left = is_left!("$6")
    );
    AssertSqlSafe(sql).into_sql_str()
});
