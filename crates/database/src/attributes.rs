//! The table `attributes`: what clients set of an object that the store does not keep.

use std::collections::HashMap;
use std::sync::LazyLock;

use model::{BucketName, Location, ObjectKey, Timestamp, TransferId};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::Result;
use crate::columns::columns;
use crate::engine::{Engine, Transaction};
use crate::query::Query;
use crate::row::Row;
use crate::transfers::location;

/// The attributes of one state of an object. They hold for the object that
/// [`Self::describe`] recognises, not for a later one at the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// Which object.
    pub location: Location,
    /// Its ETag, without quotes.
    pub etag: String,
    /// When the store took it; for objects that others wrote.
    pub last_modified: Option<Timestamp>,
    /// Its version, where the bucket keeps versions.
    pub version: Option<String>,
    /// The upload that made it; for objects that we wrote.
    pub transfer: Option<TransferId>,
    /// Modification time.
    pub mtime: Option<Timestamp>,
    /// Access time.
    pub atime: Option<Timestamp>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner's number.
    pub uid: Option<u32>,
    /// Group's number.
    pub gid: Option<u32>,
}

impl Attributes {
    /// Attributes of the object with this ETag, nothing set yet.
    pub fn new(location: Location, etag: impl Into<String>) -> Self {
        Self {
            location,
            etag: etag.into(),
            last_modified: None,
            version: None,
            transfer: None,
            mtime: None,
            atime: None,
            mode: None,
            uid: None,
            gid: None,
        }
    }

    /// Whether they are those of the object that a listing or HEAD shows: its ETag, and the time
    /// the store took it, and the transfer id in its metadata where that was read.
    pub fn describe(
        &self,
        etag: &str,
        last_modified: Timestamp,
        transfer: Option<TransferId>,
    ) -> bool {
        let same_time = self
            .last_modified
            // Listings have milliseconds, HEAD has seconds.
            .is_none_or(|time| time.as_seconds() == last_modified.as_seconds());
        let same_transfer = match (self.transfer, transfer) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        self.etag == etag && same_time && same_transfer
    }
}

/// Queries on attributes. They are written through [`crate::Writer`].
#[derive(Clone, Copy)]
pub struct AttributesTable<'a> {
    engine: &'a Engine,
}

impl<'a> AttributesTable<'a> {
    /// The most keys that one query looks up: a page of a listing.
    pub const PAGE: usize = 1000;

    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// The attributes at a key. The caller compares them with the object that he sees
    /// ([`Attributes::describe`]).
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn of(&self, location: &Location) -> Result<Option<Attributes>> {
        let sql = concat!(
            "SELECT ",
            columns!(attributes),
            " FROM attributes WHERE bucket = $1 AND object_key = $2"
        );
        let query = Query::new("look up attributes of", location, sql)
            .bind(&location.bucket)
            .bind(&location.key);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(attributes).transpose()
    }

    /// The attributes at many keys of a bucket, by key: one query for each [`Self::PAGE`] keys.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn of_page(
        &self,
        bucket: &BucketName,
        keys: &[ObjectKey],
    ) -> Result<HashMap<ObjectKey, Attributes>> {
        let mut found = HashMap::new();
        // PostgreSQL holds no text with NUL; such a key was never given attributes.
        let keys: Vec<_> = keys
            .iter()
            .filter(|key| !key.as_str().contains('\0'))
            .collect();
        for keys in keys.chunks(Self::PAGE) {
            for row in self.engine.fetch_all(&page_query(bucket, keys)).await? {
                let attributes = attributes(&row)?;
                found.insert(attributes.location.key.clone(), attributes);
            }
        }
        Ok(found)
    }
}

/// Page queries come in a few sizes, so that a few prepared statements serve all pages.
static PAGE_QUERIES: LazyLock<Vec<(usize, SqlStr)>> = LazyLock::new(|| {
    [8, 64, 256, AttributesTable::PAGE]
        .into_iter()
        .map(|size| {
            let places: Vec<_> = (2..size + 2).map(|number| format!("${number}")).collect();
            let sql = format!(
                concat!(
                    "SELECT ",
                    columns!(attributes),
                    " FROM attributes WHERE bucket = $1 AND object_key IN ({})"
                ),
                places.join(", ")
            );
            (size, AssertSqlSafe(sql).into_sql_str())
        })
        .collect()
});

/// Looks up between one and [`AttributesTable::PAGE`] keys; the last one fills what is left of
/// the statement's size.
fn page_query(bucket: &BucketName, keys: &[&ObjectKey]) -> Query {
    let fits = PAGE_QUERIES.iter().find(|(size, _)| *size >= keys.len());
    let (size, sql) = fits.expect("chunks are at most as long as the longest page query");
    let mut query = Query::new("look up attributes in", bucket, sql.clone()).bind(bucket);
    for number in 0..*size {
        query = query.bind(keys[number.min(keys.len() - 1)]);
    }
    query
}

/// Writes attributes in the place of those that stand at the key.
pub(crate) async fn set(attributes: &Attributes, transaction: &mut Transaction) -> Result<()> {
    let sql = "INSERT INTO attributes (bucket, object_key, etag, last_modified, version, \
               transfer, mtime, atime, mode, uid, gid) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
               ON CONFLICT (bucket, object_key) DO UPDATE SET etag = excluded.etag, \
               last_modified = excluded.last_modified, version = excluded.version, \
               transfer = excluded.transfer, mtime = excluded.mtime, atime = excluded.atime, \
               mode = excluded.mode, uid = excluded.uid, gid = excluded.gid";
    let query = Query::new("set attributes of", &attributes.location, sql)
        .bind(&attributes.location.bucket)
        .bind(&attributes.location.key)
        .bind(&attributes.etag)
        .bind(attributes.last_modified)
        .bind(attributes.version.clone())
        .bind(attributes.transfer)
        .bind(attributes.mtime)
        .bind(attributes.atime)
        .bind(attributes.mode)
        .bind(attributes.uid)
        .bind(attributes.gid);
    transaction.execute(&query).await.map(drop)
}

/// Removes the attributes at a key; fine where there are none.
pub(crate) async fn remove(location: &Location, transaction: &mut Transaction) -> Result<()> {
    let sql = "DELETE FROM attributes WHERE bucket = $1 AND object_key = $2";
    let query = Query::new("remove attributes of", location, sql)
        .bind(&location.bucket)
        .bind(&location.key);
    transaction.execute(&query).await.map(drop)
}

/// Moves the attributes of the directories below one that has another name now: those that have
/// no markers are objects of nobody's move.
pub(crate) async fn move_below(
    from: &Location,
    to: &Location,
    transaction: &mut Transaction,
) -> Result<()> {
    let (prefix, end) = (from.key.as_str(), behind(from.key.as_str()));
    let kept = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
    let copy = "INSERT INTO attributes (bucket, object_key, etag, last_modified, version, \
                transfer, mtime, atime, mode, uid, gid) \
                SELECT $1, $2 || substr(object_key, CAST($3 AS INTEGER)), etag, last_modified, \
                version, transfer, mtime, atime, mode, uid, gid FROM attributes \
                WHERE bucket = $4 AND object_key > $5 AND object_key < $6 AND etag = '' \
                ON CONFLICT (bucket, object_key) DO NOTHING";
    let query = Query::new("move attributes below", from, copy)
        .bind(&to.bucket)
        .bind(&to.key)
        .bind(kept + 1)
        .bind(&from.bucket)
        .bind(prefix)
        .bind(end.as_str());
    if transaction.execute(&query).await? == 0 {
        return Ok(());
    }
    let remove = "DELETE FROM attributes WHERE bucket = $1 AND object_key > $2 \
                  AND object_key < $3 AND etag = ''";
    let query = Query::new("move attributes below", from, remove)
        .bind(&from.bucket)
        .bind(prefix)
        .bind(end.as_str());
    transaction.execute(&query).await.map(drop)
}

/// The first text behind all that begin with a directory's key, which ends in a slash.
fn behind(directory: &str) -> String {
    format!("{}0", directory.trim_end_matches('/'))
}

fn attributes(row: &Row) -> Result<Attributes> {
    Ok(Attributes {
        location: location(row)?,
        etag: row.text("etag")?,
        last_modified: row.time_or_null("last_modified")?,
        version: row.text_or_null("version")?,
        transfer: row.parsed_or_null("transfer")?,
        mtime: row.time_or_null("mtime")?,
        atime: row.time_or_null("atime")?,
        mode: row.small_or_null("mode")?,
        uid: row.small_or_null("uid")?,
        gid: row.small_or_null("gid")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_hold_for_one_state_of_an_object() {
        let location = Location {
            bucket: BucketName::parse("b").expect("valid"),
            key: ObjectKey::parse("k").expect("valid"),
        };
        let time = Timestamp::from_seconds(10);
        let mut ours = Attributes::new(location, "e1");
        ours.transfer = Some(TransferId::generate());
        assert!(ours.describe("e1", time, None));
        assert!(ours.describe("e1", time, ours.transfer));
        assert!(!ours.describe("e2", time, ours.transfer));
        assert!(!ours.describe("e1", time, Some(TransferId::generate())));
        let mut theirs = ours.clone();
        theirs.transfer = None;
        theirs.last_modified = Some(Timestamp::from_micros(10_400_000));
        assert!(theirs.describe("e1", time, None));
        assert!(!theirs.describe("e1", Timestamp::from_seconds(11), None));
    }
}
