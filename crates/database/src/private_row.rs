//! A private file as it is read out of its row.

use model::{BucketName, Location, ObjectKey, Timestamp};

use crate::Result;
use crate::private_file::{Opening, PrivateFile, SetAttributes, StagedObject, Target};
use crate::row::{Row, corrupt};
use crate::transfers::{completed, transfer};

pub(crate) fn private_file(row: &Row) -> Result<PrivateFile> {
    let transfer = transfer(row)?;
    let staging = bucket_or_null(row, "staging_bucket")?;
    let changed = row.time_or_null("changed")?;
    Ok(PrivateFile {
        progress: row.text_or_null("progress")?,
        safe: row
            .integer_or_null("safe")?
            .map(|safe| u64::try_from(safe).map_err(|error| corrupt("safe", error)))
            .transpose()?,
        changed: changed.unwrap_or(transfer.intent.started),
        expires: row.time_or_null("expires")?,
        staged: staged(row, staging.as_ref(), changed)?,
        target: target(row)?,
        is_left: false,
        transfer,
    })
}

/// One that was looked up by its place.
pub(crate) fn placed(row: &Row) -> Result<PrivateFile> {
    Ok(PrivateFile {
        is_left: row.boolean("is_left")?,
        ..private_file(row)?
    })
}

/// What OPEN said, and what was set since.
pub(crate) fn opening(row: &Row) -> Result<Opening> {
    Ok(Opening {
        staging: staging(row)?,
        replaces: false,
        declared: row
            .integer_or_null("declared")?
            .map(|size| u64::try_from(size).map_err(|error| corrupt("declared", error)))
            .transpose()?,
        absent: row.boolean("absent")?,
        set: SetAttributes {
            mtime: row.time_or_null("mtime")?,
            atime: row.time_or_null("atime")?,
            mode: row.small_or_null("mode")?,
        },
    })
}

fn staged(
    row: &Row,
    bucket: Option<&BucketName>,
    closed: Option<Timestamp>,
) -> Result<Option<StagedObject>> {
    let (Some(bucket), Some(key)) = (bucket, row.text_or_null("staged_key")?) else {
        return Ok(None);
    };
    let closed = closed.ok_or_else(|| corrupt("changed", "it is empty and must not be"))?;
    Ok(Some(StagedObject {
        location: Location {
            bucket: bucket.clone(),
            key: ObjectKey::parse(key).map_err(|error| corrupt("staged_key", error))?,
        },
        object: completed(row, closed)?,
    }))
}

fn staging(row: &Row) -> Result<Option<Location>> {
    let Some(bucket) = bucket_or_null(row, "staging_bucket")? else {
        return Ok(None);
    };
    let key = ObjectKey::parse(row.text("upload_key")?);
    let key = key.map_err(|error| corrupt("upload_key", error))?;
    Ok(Some(Location { bucket, key }))
}

fn target(row: &Row) -> Result<Option<Target>> {
    let Some(bucket) = bucket_or_null(row, "target_bucket")? else {
        return Ok(None);
    };
    let key = ObjectKey::parse(row.text("target_key")?);
    Ok(Some(Target {
        location: Location {
            bucket,
            key: key.map_err(|error| corrupt("target_key", error))?,
        },
        path: row.text("target_path")?,
    }))
}

fn bucket_or_null(row: &Row, column: &str) -> Result<Option<BucketName>> {
    let name = row.text_or_null(column)?;
    name.map(|name| BucketName::parse(&name).map_err(|error| corrupt(column, error)))
        .transpose()
}
