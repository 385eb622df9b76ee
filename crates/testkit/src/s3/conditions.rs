//! Conditions of reads and writes, and the key that sealed objects want.

use hyper::HeaderMap;
use s3s::dto::{ETagCondition, Range};
use s3s::{S3Result, s3_error};

use super::bucket::{Headers, Object};

/// Holds a write's conditions against what stands there.
pub(super) fn write(
    current: Option<&Object>,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result {
    if let Some(condition) = if_match {
        // S3 answers 404 here, and not 412.
        let current = current.ok_or_else(|| s3_error!(NoSuchKey))?;
        require(names(condition, current))?;
    }
    if let (Some(condition), Some(current)) = (if_none_match, current) {
        require(!names(condition, current))?;
    }
    Ok(())
}

/// Holds a read's or copy's conditions against the object.
pub(super) fn read(object: &Object, if_match: Option<&ETagCondition>) -> S3Result {
    require(if_match.is_none_or(|condition| names(condition, object)))
}

fn require(holds: bool) -> S3Result {
    if holds {
        return Ok(());
    }
    Err(s3_error!(PreconditionFailed, "a condition does not hold"))
}

fn names(condition: &ETagCondition, object: &Object) -> bool {
    match condition.as_etag() {
        Some(etag) => etag.value() == object.etag,
        None => true,
    }
}

/// A condition that the API's model does not name yet.
pub(super) fn header(headers: &HeaderMap, name: &str) -> S3Result<Option<ETagCondition>> {
    let parse = |value: &hyper::header::HeaderValue| {
        ETagCondition::parse_http_header(value.as_bytes())
            .map_err(|error| s3_error!(InvalidArgument, "{name}: {error}"))
    };
    headers.get(name).map(parse).transpose()
}

/// Sealed objects want their key, others none.
pub(super) fn unsealed(headers: &Headers, key_md5: Option<&String>) -> S3Result {
    match (&headers.key_md5, key_md5) {
        (Some(sealed), Some(given)) if sealed != given => Err(s3_error!(
            AccessDenied,
            "the object is sealed with another key"
        )),
        (Some(_), None) => Err(s3_error!(InvalidRequest, "the object is sealed with a key")),
        (None, Some(_)) => Err(s3_error!(InvalidRequest, "the object is not sealed")),
        _ => Ok(()),
    }
}

/// `bytes=a-b` of a part copy, which must lie inside the object.
pub(super) fn copy_range(text: Option<&str>, size: u64) -> S3Result<std::ops::Range<u64>> {
    let Some(text) = text else { return Ok(0..size) };
    let invalid = || s3_error!(InvalidArgument, "the copy source range {text} is not valid");
    match Range::parse(text).map_err(|_| invalid())? {
        Range::Int {
            first,
            last: Some(last),
        } if first <= last && last < size => Ok(first..last + 1),
        _ => Err(invalid()),
    }
}
