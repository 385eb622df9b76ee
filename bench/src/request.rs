//! The verbs of S3 that the gateway uses, told apart by method and query.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{HeaderMap, IF_MATCH, IF_NONE_MATCH, RANGE};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::answer::{self, Answer};
use crate::store::{Condition, Store};

/// Answers one request.
pub(crate) async fn serve(store: &Store, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let pieces = match collect(body).await {
        Ok(pieces) => pieces,
        Err(error) => return answer::error(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let path = decode(head.uri.path().trim_start_matches('/'));
    let query = parse_query(head.uri.query().unwrap_or_default());
    let Some((bucket, key)) = path.split_once('/').filter(|(_, key)| !key.is_empty()) else {
        return serve_bucket(store, &head.method, path.trim_end_matches('/'), &query);
    };
    if head.headers.contains_key("x-amz-copy-source") || chunked(&head.headers) {
        return answer::error(StatusCode::NOT_IMPLEMENTED, "not part of the measurements");
    }
    let path = format!("{bucket}/{key}");
    serve_object(store, &head.method, &path, &query, &head.headers, pieces)
}

fn serve_bucket(store: &Store, method: &Method, bucket: &str, query: &Query) -> Answer {
    if *method != Method::GET {
        return answer::empty(StatusCode::OK);
    }
    if query.contains_key("list-type") {
        return answer::listing(store, bucket, query);
    }
    if query.contains_key("uploads") {
        return answer::xml(
            "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>",
        );
    }
    if query.contains_key("versioning") {
        return answer::xml("<VersioningConfiguration/>");
    }
    answer::error(StatusCode::NOT_IMPLEMENTED, "not part of the measurements")
}

fn serve_object(
    store: &Store,
    method: &Method,
    path: &str,
    query: &Query,
    headers: &HeaderMap,
    pieces: Vec<Bytes>,
) -> Answer {
    let upload = query.get("uploadId").map(String::as_str);
    match (method.as_str(), upload) {
        ("PUT", None) => {
            let stored = store.put(path, pieces, kept(headers), &condition(headers));
            answer::stored(stored, headers)
        }
        ("PUT", Some(upload)) => {
            let number = query
                .get("partNumber")
                .and_then(|number| number.parse().ok());
            let stored = number.and_then(|number| store.put_part(upload, number, pieces));
            answer::stored(stored, headers)
        }
        ("POST", None) if query.contains_key("uploads") => {
            answer::begun(path, &store.begin(kept(headers)))
        }
        ("POST", Some(upload)) => {
            answer::completed(path, store.complete(path, upload, &condition(headers)))
        }
        ("DELETE", Some(upload)) => {
            store.abort(upload);
            answer::empty(StatusCode::NO_CONTENT)
        }
        ("DELETE", None) => {
            store.delete(path);
            answer::empty(StatusCode::NO_CONTENT)
        }
        ("GET" | "HEAD", _) => read(store, method, path, headers),
        _ => answer::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "not part of the measurements",
        ),
    }
}

fn read(store: &Store, method: &Method, path: &str, headers: &HeaderMap) -> Answer {
    let Some(object) = store.get(path) else {
        return answer::missing();
    };
    if text(headers, IF_MATCH.as_str()).is_some_and(|tag| tag.trim_matches('"') != object.etag) {
        return answer::error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
    }
    let range = text(headers, RANGE.as_str()).and_then(|range| parse_range(range, object.len()));
    answer::object(&object, range, *method == Method::HEAD)
}

/// `bytes=from-to`, `bytes=from-` and `bytes=-last`, as a half-open range.
fn parse_range(text: &str, len: u64) -> Option<(u64, u64)> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    match (from.parse::<u64>().ok(), to.parse::<u64>().ok()) {
        (Some(from), Some(to)) => Some((from.min(len), (to + 1).min(len))),
        (Some(from), None) => Some((from.min(len), len)),
        (None, Some(last)) => Some((len.saturating_sub(last), len)),
        (None, None) => None,
    }
}

fn condition(headers: &HeaderMap) -> Condition {
    if text(headers, IF_NONE_MATCH.as_str()) == Some("*") {
        return Condition::Absent;
    }
    match text(headers, IF_MATCH.as_str()) {
        Some(tag) => Condition::Tag(tag.trim_matches('"').to_owned()),
        None => Condition::None,
    }
}

/// Chunked signing frames the body; the gateway sends plain bodies.
fn chunked(headers: &HeaderMap) -> bool {
    text(headers, "x-amz-content-sha256").is_some_and(|kind| kind.starts_with("STREAMING"))
}

/// The headers that an object keeps.
fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| *name == "content-type" || name.as_str().starts_with("x-amz-meta-"))
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The parameters of a query, decoded.
pub(crate) type Query = BTreeMap<String, String>;

fn parse_query(query: &str) -> Query {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Undoes percent encoding; what is not UTF-8 afterwards is replaced.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        let escaped =
            escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn collect(mut body: Incoming) -> Result<Vec<Bytes>, hyper::Error> {
    let mut pieces = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data() {
            pieces.push(piece);
        }
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_object() {
        assert_eq!(parse_range("bytes=0-9", 100), Some((0, 10)));
        assert_eq!(parse_range("bytes=90-200", 100), Some((90, 100)));
        assert_eq!(parse_range("bytes=50-", 100), Some((50, 100)));
        assert_eq!(parse_range("bytes=-10", 100), Some((90, 100)));
        assert_eq!(parse_range("lines=1-2", 100), None);
    }

    #[test]
    fn queries_are_decoded() {
        let query = parse_query("list-type=2&prefix=a%2Fb%20c&uploads");
        assert_eq!(query["prefix"], "a/b c");
        assert_eq!(query["uploads"], "");
    }

    #[test]
    fn a_broken_escape_stays_as_it_is() {
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz"), "%zz");
    }
}
