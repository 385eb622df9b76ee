//! Private files in the table `transfers`: how they come, change and go.

use model::{ErrorKind, Timestamp, TransferId};
use sqlx::AssertSqlSafe;

use crate::engine::Transaction;
use crate::nodes::node_is_dead;
use crate::private_file::{
    Detachment, PrivateId, PrivateMove, PrivateRemoval, SetAttributes, Staging, Takeover, Target,
};
use crate::private_files::{FREE, PRIVATE, is_left};
use crate::query::Query;
use crate::{Error, Result, audit, events, publications};

/// Gives up the private files of `owner` at a place, but for one. Returns how many.
pub(crate) async fn discard(
    removal: &PrivateRemoval,
    but: Option<TransferId>,
    transaction: &mut Transaction,
) -> Result<u64> {
    let sql = format!(
        "UPDATE transfers SET state = 'discarded', leftovers = 1, finished = $1 \
         WHERE owner = $2 AND bucket = $3 AND object_key = $4 AND {PRIVATE} AND ({FREE} OR {left}) AND id <> $5",
        left = is_left!("$1")
    );
    let location = &removal.location;
    let query = Query::new("give up private files at", location, AssertSqlSafe(sql))
        .bind(removal.now)
        .bind(removal.owner)
        .bind(&location.bucket)
        .bind(&location.key)
        .bind(but.map_or_else(String::new, |id| id.to_string()));
    transaction.execute(&query).await
}

/// A session goes on with a private file. Asking again as the same session is fine.
///
/// # Errors
/// `Conflict` where another session was first.
pub(crate) async fn take_over(takeover: &Takeover, transaction: &mut Transaction) -> Result<()> {
    let sql = format!(
        "UPDATE transfers SET state = 'intended', epoch = $3, session = $4, node = $5, \
         expires = NULL, progress = COALESCE($6, progress), \
         target_bucket = NULL, target_key = NULL, target_path = NULL, \
         upload_key = COALESCE($7, upload_key) WHERE id = $1 \
         AND ((epoch = $2 AND ({FREE} OR {left})) OR \
         (epoch = $3 AND session = $4 AND node = $5 AND state = 'intended'))",
        left = is_left!("$8")
    );
    let query = Query::new("continue", takeover.file.transfer, AssertSqlSafe(sql))
        .bind(takeover.file.transfer)
        .bind(takeover.file.epoch)
        .bind(takeover.file.epoch + 1)
        .bind(takeover.session)
        .bind(takeover.node)
        .bind(takeover.progress.clone())
        .bind(takeover.upload_key.as_ref().map(ToString::to_string))
        .bind(takeover.now);
    changed_or_lost(query, transaction).await
}

/// Records what was begun in the store for an upload.
///
/// # Errors
/// `Conflict` where it has ended, or another session goes on with it.
pub(crate) async fn note_progress(
    file: PrivateId,
    progress: &str,
    upload: Option<&str>,
    now: Timestamp,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "UPDATE transfers SET progress = $3, upload_id = COALESCE($4, upload_id), \
               changed = $5 WHERE id = $1 AND epoch = $2 \
               AND state IN ('intended', 'publishing')";
    let query = Query::new("note progress of transfer", file.transfer, sql)
        .bind(file.transfer)
        .bind(file.epoch)
        .bind(progress)
        .bind(upload.map(str::to_owned))
        .bind(now);
    changed_or_lost(query, transaction).await
}

/// Leaves an upload unfinished, unless its owner has closed another one at its place meanwhile: the
/// last CLOSE counts.
///
/// # Errors
/// `Conflict` where it has ended, or another session goes on with it.
pub(crate) async fn detach(left: &Detachment, transaction: &mut Transaction) -> Result<()> {
    let sql = "UPDATE transfers SET state = CASE WHEN staged_key IS NOT NULL AND $3 IS NULL \
               THEN 'staged' ELSE 'detached' END, progress = $3, safe = $4, mtime = $5, \
               atime = $6, mode = $7, changed = $8, expires = CASE WHEN staged_key IS NOT NULL \
               AND $3 IS NULL THEN NULL ELSE $9 END, target_bucket = $10, target_key = $11, \
               target_path = $12 WHERE id = $1 AND epoch = $2 \
               AND state IN ('intended', 'publishing', 'detached', 'staged')";
    let target = left.target.as_ref();
    let query = Query::new("keep unfinished", left.file.transfer, sql)
        .bind(left.file.transfer)
        .bind(left.file.epoch)
        .bind(left.progress.clone())
        .bind(left.safe)
        .bind(left.set.mtime)
        .bind(left.set.atime)
        .bind(left.set.mode)
        .bind(left.changed)
        .bind(left.expires)
        .bind(target.map(|target| target.location.bucket.to_string()))
        .bind(target.map(|target| target.location.key.to_string()))
        .bind(target.map(|target| target.path.clone()));
    changed_or_lost(query, transaction).await?;
    let is_superseded = discard_superseded(left, transaction).await?;
    if let Some(publication) = &left.publication {
        publications::release(publication, transaction).await?;
    }
    if let Some(entry) = &left.audit {
        audit::insert(entry, transaction).await?;
    }
    if let Some(event) = left.event.as_ref().filter(|_| !is_superseded) {
        events::append(event, transaction).await?;
    }
    Ok(())
}

/// Gives up what was just left unfinished where its owner has closed another upload at its place
/// since it began: a connection is often found dead long after its client came back and sent the
/// file again, and what it leaves must not hide that file. Whether it was given up.
async fn discard_superseded(left: &Detachment, transaction: &mut Transaction) -> Result<bool> {
    let sql = "UPDATE transfers SET state = 'discarded', leftovers = 1, finished = $2 \
               WHERE id = $1 AND state = 'detached' AND staged_key IS NULL AND EXISTS \
               (SELECT 1 FROM transfers AS later WHERE later.owner = transfers.owner \
               AND later.bucket = transfers.bucket AND later.object_key = transfers.object_key \
               AND later.state = 'completed' AND later.finished >= transfers.started)";
    let query = Query::new("give up unfinished", left.file.transfer, sql)
        .bind(left.file.transfer)
        .bind(left.changed);
    Ok(transaction.execute(&query).await? > 0)
}

/// Notes that a temporary file stands whole in staging. Other private files of its owner at its
/// place are given up: the last CLOSE counts.
///
/// # Errors
/// `Conflict` where it has ended, or another session goes on with it.
pub(crate) async fn stage(staged: &Staging, transaction: &mut Transaction) -> Result<()> {
    let sql = "UPDATE transfers SET state = 'staged', staged_key = $3, size = $4, etag = $5, \
               version = $6, crc64nvme = $7, safe = $4, changed = $8, mtime = $9, atime = $10, \
               mode = $11, progress = NULL, expires = NULL, base_etag = NULL, upload_id = NULL \
               WHERE id = $1 AND epoch = $2 AND state IN ('intended', 'staged') \
               RETURNING owner, bucket, object_key";
    let query = Query::new("stage", staged.file.transfer, sql)
        .bind(staged.file.transfer)
        .bind(staged.file.epoch)
        .bind(&staged.key)
        .bind(staged.object.size)
        .bind(&staged.object.etag)
        .bind(staged.object.version.clone())
        .bind(staged.object.crc64nvme.clone())
        .bind(staged.object.finished)
        .bind(staged.set.mtime)
        .bind(staged.set.atime)
        .bind(staged.set.mode);
    let Some(row) = transaction.fetch_optional(&query).await? else {
        return Err(lost(query));
    };
    let others = PrivateRemoval {
        owner: row.parsed("owner")?,
        location: crate::transfers::location(&row)?,
        now: staged.object.finished,
        audit: None,
    };
    discard(&others, Some(staged.file.transfer), transaction).await?;
    audit::insert(&staged.audit, transaction).await
}

/// Keeps what a client set of a private file.
///
/// # Errors
/// `Conflict` where it has ended, or another session goes on with it.
pub(crate) async fn set(
    file: PrivateId,
    set: &SetAttributes,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = format!(
        "UPDATE transfers SET mtime = $3, atime = $4, mode = $5 \
         WHERE id = $1 AND epoch = $2 AND {FREE}"
    );
    let query = Query::new("set attributes of", file.transfer, AssertSqlSafe(sql))
        .bind(file.transfer)
        .bind(file.epoch)
        .bind(set.mtime)
        .bind(set.atime)
        .bind(set.mode);
    changed_or_lost(query, transaction).await
}

/// Gives a private file another name that keeps it private.
///
/// # Errors
/// `Conflict` where it has ended, or another session goes on with it.
pub(crate) async fn rename(moved: &PrivateMove, transaction: &mut Transaction) -> Result<()> {
    let sql = format!(
        "UPDATE transfers SET bucket = $3, object_key = $4, path = $5 \
         WHERE id = $1 AND epoch = $2 AND {FREE} AND (staging_bucket IS NOT NULL \
         OR (upload_id IS NULL AND base_etag IS NULL AND bucket = $3)) RETURNING owner"
    );
    let query = Query::new("rename", moved.file.transfer, AssertSqlSafe(sql))
        .bind(moved.file.transfer)
        .bind(moved.file.epoch)
        .bind(&moved.location.bucket)
        .bind(&moved.location.key)
        .bind(&moved.path);
    let Some(row) = transaction.fetch_optional(&query).await? else {
        return Err(lost(query));
    };
    let others = PrivateRemoval {
        owner: row.parsed("owner")?,
        location: moved.location.clone(),
        now: moved.audit.time,
        audit: None,
    };
    discard(&others, Some(moved.file.transfer), transaction).await?;
    audit::insert(&moved.audit, transaction).await
}

/// Notes the final name that a temporary file is being given, before the store is asked.
///
/// # Errors
/// `Conflict` where it is not closed, or another session was first.
pub(crate) async fn promise(
    takeover: &Takeover,
    target: &Target,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "UPDATE transfers SET state = 'publishing', epoch = $3, session = $4, node = $5, \
               target_bucket = $6, target_key = $7, target_path = $8 WHERE id = $1 \
               AND ((epoch = $2 AND state = 'staged') OR (epoch = $3 AND session = $4 \
               AND node = $5 AND state = 'publishing'))";
    let query = Query::new("rename", takeover.file.transfer, sql)
        .bind(takeover.file.transfer)
        .bind(takeover.file.epoch)
        .bind(takeover.file.epoch + 1)
        .bind(takeover.session)
        .bind(takeover.node)
        .bind(&target.location.bucket)
        .bind(&target.location.key)
        .bind(&target.path);
    changed_or_lost(query, transaction).await
}

/// Notes that the time of an unfinished upload is over; fine where that was noted before.
///
/// # Errors
/// `Conflict` where it has ended otherwise, or a session goes on with it.
pub(crate) async fn expire(
    file: PrivateId,
    now: Timestamp,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "UPDATE transfers SET state = 'expired', leftovers = 1, finished = $3, \
               error = 'it was not continued in time' WHERE id = $1 AND epoch = $2 \
               AND ((state = 'detached' AND expires <= $3) OR state = 'expired')";
    let query = Query::new("expire", file.transfer, sql)
        .bind(file.transfer)
        .bind(file.epoch)
        .bind(now);
    changed_or_lost(query, transaction).await
}

/// Notes that the store holds nothing of a transfer any more.
pub(crate) async fn cleaned(id: TransferId, transaction: &mut Transaction) -> Result<()> {
    let sql = "UPDATE transfers SET leftovers = 0, state = CASE state WHEN 'failed' \
               THEN 'aborted' ELSE state END WHERE id = $1";
    let query = Query::new("note leftovers of transfer", id, sql).bind(id);
    transaction.execute(&query).await.map(drop)
}

pub(crate) async fn changed_or_lost(query: Query, transaction: &mut Transaction) -> Result<()> {
    match transaction.execute(&query).await? {
        0 => Err(lost(query)),
        _ => Ok(()),
    }
}

fn lost(query: Query) -> Error {
    Error::new(
        ErrorKind::Conflict,
        query.operation,
        query.object,
        "another session was first: it goes on with it, or has ended it",
    )
}
