//! The answers of the store, in S3's words.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt::Write as _;

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, Response, StatusCode};
use http_body::Frame;
use http_body_util::{Empty, Full, StreamBody, combinators::BoxBody};

use crate::request::Query;
use crate::store::{Object, Store};

/// What hyper sends.
pub(crate) type Answer = Response<BoxBody<Bytes, Infallible>>;

const CHECKSUM: &str = "x-amz-checksum-crc64nvme";
const MODIFIED: &str = "Thu, 01 Jan 2026 00:00:00 GMT";

pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(BoxBody::new(Empty::new()));
    *answer.status_mut() = status;
    answer
}

pub(crate) fn xml(body: &str) -> Answer {
    let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{body}");
    let mut answer = Response::new(BoxBody::new(Full::from(body)));
    insert(answer.headers_mut(), "content-type", "application/xml");
    answer
}

pub(crate) fn error(status: StatusCode, code: &str) -> Answer {
    let body = format!("<Error><Code>{}</Code><Message/></Error>", escape(code));
    let mut answer = xml(&body);
    *answer.status_mut() = status;
    answer
}

pub(crate) fn missing() -> Answer {
    error(StatusCode::NOT_FOUND, "NoSuchKey")
}

/// A PUT's answer: the tag, and the checksum that came with the bytes.
pub(crate) fn stored(etag: Option<String>, request: &HeaderMap) -> Answer {
    let Some(etag) = etag else {
        return error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
    };
    let mut answer = empty(StatusCode::OK);
    insert(answer.headers_mut(), "etag", &format!("\"{etag}\""));
    if let Some(checksum) = request.get(CHECKSUM) {
        answer.headers_mut().insert(CHECKSUM, checksum.clone());
    }
    answer
}

pub(crate) fn begun(path: &str, upload: &str) -> Answer {
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    xml(&format!(
        "<InitiateMultipartUploadResult><Bucket>{}</Bucket><Key>{}</Key><UploadId>{upload}</UploadId>\
         </InitiateMultipartUploadResult>",
        escape(bucket),
        escape(key)
    ))
}

pub(crate) fn completed(path: &str, etag: Option<String>) -> Answer {
    let Some(etag) = etag else {
        return error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
    };
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    xml(&format!(
        "<CompleteMultipartUploadResult><Bucket>{}</Bucket><Key>{}</Key><ETag>\"{etag}\"</ETag>\
         </CompleteMultipartUploadResult>",
        escape(bucket),
        escape(key)
    ))
}

/// A GET's or HEAD's answer: the whole object, or a half-open range of it.
pub(crate) fn object(object: &Object, range: Option<(u64, u64)>, head: bool) -> Answer {
    let len = object.len();
    let (start, end) = range.unwrap_or((0, len));
    if range.is_some() && start >= len {
        return error(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange");
    }
    let mut answer = if head {
        empty(StatusCode::OK)
    } else {
        let frames = object
            .slice(start, end)
            .into_iter()
            .map(|piece| Ok(Frame::data(piece)));
        Response::new(BoxBody::new(StreamBody::new(stream::iter(frames))))
    };
    let headers = answer.headers_mut();
    insert(headers, "content-length", &(end - start).to_string());
    insert(headers, "etag", &format!("\"{}\"", object.etag));
    insert(headers, "last-modified", MODIFIED);
    for (name, value) in object.headers.iter() {
        insert(headers, name, value);
    }
    if range.is_some() {
        insert(
            headers,
            "content-range",
            &format!("bytes {start}-{}/{len}", end - 1),
        );
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    answer
}

/// ListObjectsV2 with prefix, delimiter, start-after and continuation.
pub(crate) fn listing(store: &Store, bucket: &str, query: &Query) -> Answer {
    let field = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let base = format!("{bucket}/");
    let prefix = format!("{base}{}", field("prefix"));
    let after = match field("continuation-token") {
        "" => format!("{base}{}", field("start-after")),
        token => format!("{base}{token}"),
    };
    let limit = field("max-keys").parse().unwrap_or(1_000).min(1_000);
    let found = store.list(&prefix, &after, limit + 1);
    let truncated = found.len() > limit;
    let mut body = format!("<ListBucketResult><Name>{}</Name>", escape(bucket));
    let mut folders = BTreeSet::new();
    let mut last = "";
    for (path, size, etag) in found.iter().take(limit) {
        let (key, rest) = (&path[base.len()..], &path[prefix.len()..]);
        last = key;
        let folder = Some(field("delimiter")).filter(|mark| !mark.is_empty());
        if let Some(cut) = folder.and_then(|mark| Some(rest.find(mark)? + mark.len())) {
            folders.insert(&path[base.len()..prefix.len() + cut]);
            continue;
        }
        entry(&mut body, key, *size, etag);
    }
    for folder in &folders {
        let folder = escape(folder);
        body.push_str(&format!(
            "<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"
        ));
    }
    if truncated {
        let token = escape(last);
        body.push_str(&format!(
            "<NextContinuationToken>{token}</NextContinuationToken>"
        ));
    }
    body.push_str(&format!(
        "<IsTruncated>{truncated}</IsTruncated></ListBucketResult>"
    ));
    xml(&body)
}

fn entry(body: &mut String, key: &str, size: u64, etag: &str) {
    let key = escape(key);
    // Writing to a String cannot fail.
    let _ = write!(
        body,
        "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>\"{etag}\"</ETag>\
         <LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
    );
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    let name = http::HeaderName::try_from(name);
    if let (Ok(name), Ok(value)) = (name, http::HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
