//! The table `transfers`: every upload from its intent to its end.

use model::{BucketName, ErrorKind, Location, ObjectKey, Timestamp, TransferId, UserId};

use crate::columns::columns;
use crate::engine::{Engine, Transaction};
use crate::query::Query;
use crate::row::{Row, corrupt};
use crate::{
    CompletedUpload, Error, NewTransfer, PrivateRemoval, Result, Transfer, TransferState,
    private_changes, private_row,
};

/// Queries on transfers. They are written through [`crate::Writer`].
#[derive(Clone, Copy)]
pub struct TransfersTable<'a> {
    pub(crate) engine: &'a Engine,
}

impl<'a> TransfersTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// The transfer of this id.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn by_id(&self, id: TransferId) -> Result<Option<Transfer>> {
        let sql = concat!(
            "SELECT ",
            columns!(transfers),
            " FROM transfers WHERE id = $1"
        );
        let query = Query::new("look up transfer", id, sql).bind(id);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(transfer).transpose()
    }

    /// Transfers without an end that began before `before`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn unfinished(&self, before: Timestamp, limit: u32) -> Result<Vec<Transfer>> {
        let sql = concat!(
            "SELECT ",
            columns!(transfers),
            " FROM transfers WHERE state IN ('intended', 'publishing') \
                   AND started < $1 ORDER BY started, id LIMIT $2"
        );
        let query = Query::new("list", "unfinished transfers", sql)
            .bind(before)
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(transfer).collect()
    }

    /// The transfers to an object, newest first, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn to_object(&self, location: &Location, limit: u32) -> Result<Vec<Transfer>> {
        let sql = concat!(
            "SELECT ",
            columns!(transfers),
            " FROM transfers WHERE bucket = $1 AND object_key = $2 \
                   ORDER BY started DESC, id DESC LIMIT $3"
        );
        let query = Query::new("list transfers to", location, sql)
            .bind(&location.bucket)
            .bind(&location.key)
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(transfer).collect()
    }

    /// The transfers of a user, newest first, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn of_owner(&self, owner: UserId, limit: u32) -> Result<Vec<Transfer>> {
        let sql = concat!(
            "SELECT ",
            columns!(transfers),
            " FROM transfers WHERE owner = $1 \
                   ORDER BY started DESC, id DESC LIMIT $2"
        );
        let query = Query::new("list transfers of user", owner, sql)
            .bind(owner)
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(transfer).collect()
    }
}

/// Writes an intent; fine where it is written already (a retry). With `replaces`, the owner's
/// private files at the same place are given up with it.
pub(crate) async fn begin(new: &NewTransfer, transaction: &mut Transaction) -> Result<()> {
    let sql = "INSERT INTO transfers (id, bucket, object_key, path, owner, server, session, \
               node, state, base_etag, started, changed, staging_bucket, upload_key, declared, \
               absent, mtime, atime, mode) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'intended', $9, $10, $10, $11, $12, $13, \
               $14, $15, $16, $17) ON CONFLICT (id) DO NOTHING";
    let query = Query::new("begin upload of", &new.path, sql)
        .bind(new.id)
        .bind(&new.location.bucket)
        .bind(&new.location.key)
        .bind(&new.path)
        .bind(new.owner)
        .bind(&new.server)
        .bind(new.session)
        .bind(new.node)
        .bind(new.base_etag.clone())
        .bind(new.started)
        .bind(new.opening.staging.as_ref().map(|at| at.bucket.to_string()))
        .bind(new.opening.staging.as_ref().map(|at| at.key.to_string()))
        .bind(new.opening.declared)
        .bind(new.opening.absent)
        .bind(new.opening.set.mtime)
        .bind(new.opening.set.atime)
        .bind(new.opening.set.mode);
    let is_new = transaction.execute(&query).await? > 0;
    if is_new && new.opening.replaces {
        let replaced = PrivateRemoval {
            owner: new.owner,
            location: new.location.clone(),
            now: new.started,
            audit: None,
        };
        private_changes::discard(&replaced, Some(new.id), transaction).await?;
    }
    Ok(())
}

/// Notes the store's id of a transfer's multipart upload.
pub(crate) async fn set_upload_id(
    id: TransferId,
    upload: &str,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "UPDATE transfers SET upload_id = $2 WHERE id = $1";
    let query = Query::new("note upload id of transfer", id, sql)
        .bind(id)
        .bind(upload);
    match transaction.execute(&query).await? {
        0 => Err(Error::not_found(query.operation, query.object)),
        _ => Ok(()),
    }
}

/// Notes that a transfer's object is being put at its key, with so many bytes that count for its
/// owner meanwhile. One that was set aside because its
/// node seemed dead is its session's again, as long as no other one goes on with it.
///
/// # Errors
/// `NotFound` where there is none, `Conflict` where it has ended or another session goes on with
/// it.
pub(crate) async fn publishing(
    id: TransferId,
    epoch: u64,
    reserved: Option<u64>,
    now: Timestamp,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "UPDATE transfers SET state = 'publishing', publishing = $3, expires = NULL, \
               reserved = COALESCE($4, reserved) WHERE id = $1 AND epoch = $2 \
               AND (state IN ('intended', 'publishing', 'detached') \
               OR (state = 'staged' AND target_key IS NOT NULL))";
    let query = Query::new("publish transfer", id, sql)
        .bind(id)
        .bind(epoch)
        .bind(now)
        .bind(reserved);
    end(id, epoch, query, TransferState::Publishing, transaction)
        .await
        .map(drop)
}

/// Notes that the object of a transfer is still being put at its key; fine where `id` is no
/// transfer's (a rename or removal holds a publication as well).
pub(crate) async fn still_publishing(
    id: TransferId,
    now: Timestamp,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "UPDATE transfers SET publishing = $2 WHERE id = $1 AND state = 'publishing'";
    let query = Query::new("publish transfer", id, sql).bind(id).bind(now);
    transaction.execute(&query).await.map(drop)
}

/// Whether a write found its transfer as it must be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It ends now.
    Now,
    /// It ended like this before: this is a retry.
    Before,
}

/// Completes a transfer.
///
/// # Errors
/// `NotFound` where there is none, `Conflict` where it failed or was given up before.
pub(crate) async fn complete(
    id: TransferId,
    epoch: u64,
    location: &Location,
    upload: &CompletedUpload,
    transaction: &mut Transaction,
) -> Result<Ended> {
    let sql = "UPDATE transfers SET state = 'completed', size = $2, etag = $3, version = $4, \
               crc64nvme = $5, finished = $6, bucket = $7, object_key = $8, error = NULL, \
               path = COALESCE(target_path, path), leftovers = CASE WHEN staging_bucket IS NULL \
               THEN 0 ELSE 1 END WHERE id = $1 AND epoch = $9 \
               AND state IN ('intended', 'publishing')";
    let query = Query::new("complete transfer", id, sql)
        .bind(id)
        .bind(upload.size)
        .bind(&upload.etag)
        .bind(upload.version.clone())
        .bind(upload.crc64nvme.clone())
        .bind(upload.finished)
        .bind(&location.bucket)
        .bind(&location.key)
        .bind(epoch);
    end(id, epoch, query, TransferState::Completed, transaction).await
}

/// Fails or gives up a transfer.
///
/// # Errors
/// `NotFound` where there is none, `Conflict` where it is completed or ended otherwise.
pub(crate) async fn fail(
    id: TransferId,
    epoch: u64,
    state: TransferState,
    error: &str,
    finished: Timestamp,
    transaction: &mut Transaction,
) -> Result<Ended> {
    let sql = "UPDATE transfers SET state = $2, error = $3, finished = $4, \
               leftovers = $6 WHERE id = $1 AND epoch = $5 AND state IN ('intended', 'publishing')";
    let query = Query::new("fail transfer", id, sql)
        .bind(id)
        .bind(state.as_str())
        .bind(error)
        .bind(finished)
        .bind(epoch)
        .bind(state == TransferState::Failed);
    end(id, epoch, query, state, transaction).await
}

async fn end(
    id: TransferId,
    epoch: u64,
    query: Query,
    state: TransferState,
    transaction: &mut Transaction,
) -> Result<Ended> {
    if transaction.execute(&query).await? > 0 {
        return Ok(Ended::Now);
    }
    let sql = "SELECT state, epoch FROM transfers WHERE id = $1";
    let read = Query::new("look up transfer", id, sql).bind(id);
    let Some(row) = transaction.fetch_optional(&read).await? else {
        return Err(Error::not_found(query.operation, query.object));
    };
    let found: TransferState = row.parsed("state")?;
    let ours = row.unsigned("epoch")? == epoch;
    if found == state && ours {
        return Ok(Ended::Before);
    }
    let reason = match ours {
        true => format!("it is {} already", found.as_str()),
        false => "another session goes on with it".to_owned(),
    };
    Err(Error::new(
        ErrorKind::Conflict,
        query.operation,
        query.object,
        reason,
    ))
}

pub(crate) fn transfer(row: &Row) -> Result<Transfer> {
    let state = row.parsed("state")?;
    let finished = row.time_or_null("finished")?;
    Ok(Transfer {
        intent: intent(row)?,
        state,
        epoch: row.unsigned("epoch")?,
        publishing: row.time_or_null("publishing")?,
        upload_id: row.text_or_null("upload_id")?,
        completed: match (state, finished) {
            (TransferState::Completed, Some(finished)) => Some(completed(row, finished)?),
            _ => None,
        },
        ended: finished,
        changed: row.time_or_null("changed")?,
        error: row.text_or_null("error")?,
    })
}

/// The object in the columns `size`, `etag`, `version` and `crc64nvme`.
pub(crate) fn completed(row: &Row, finished: Timestamp) -> Result<CompletedUpload> {
    Ok(CompletedUpload {
        size: row.unsigned("size")?,
        etag: row.text("etag")?,
        version: row.text_or_null("version")?,
        crc64nvme: row.text_or_null("crc64nvme")?,
        finished,
    })
}

fn intent(row: &Row) -> Result<NewTransfer> {
    Ok(NewTransfer {
        id: row.parsed("id")?,
        location: location(row)?,
        path: row.text("path")?,
        owner: row.parsed("owner")?,
        server: row.parsed("server")?,
        session: row.parsed("session")?,
        node: row.parsed("node")?,
        base_etag: row.text_or_null("base_etag")?,
        started: row.time("started")?,
        opening: private_row::opening(row)?,
    })
}

/// The place in the columns `bucket` and `object_key`.
pub(crate) fn location(row: &Row) -> Result<Location> {
    let bucket = row.text("bucket")?;
    let key = row.text("object_key")?;
    Ok(Location {
        bucket: BucketName::parse(&bucket).map_err(|error| corrupt("bucket", error))?,
        key: ObjectKey::parse(key).map_err(|error| corrupt("object_key", error))?,
    })
}
