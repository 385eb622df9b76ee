//! Which operation a request asks for, told from its method, path and query alone.

use hyper::Request;
use percent_encoding::percent_decode_str;

/// An operation by the API's name, and what it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) key: String,
    /// The key, or what is copied, lies in a gateway's own prefix.
    pub(super) own: bool,
    /// The access key id that it is signed with.
    pub(super) signer: String,
}

/// Where gateways keep what is their own.
const OWN: &str = ".pierhead/";

impl Operation {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let path = request.uri().path().trim_start_matches('/');
        // One slash parts bucket and key; further ones belong to the key.
        let key = request
            .uri()
            .path()
            .get(1..)
            .and_then(|path| path.split_once('/'));
        let key = key.map_or("", |(_, key)| key);
        let name = if key.is_empty() {
            bucket_operation(request, path.is_empty())
        } else {
            object_operation(request)
        };
        let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
        let source = header(request, "x-amz-copy-source");
        Self {
            name,
            own: key.starts_with(OWN) || source.contains(&format!("/{OWN}")),
            signer: signer(header(request, "authorization")),
            key,
        }
    }
}

fn header<'r, B>(request: &'r Request<B>, name: &str) -> &'r str {
    let value = request.headers().get(name);
    value.and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// `AWS4-HMAC-SHA256 Credential=ID/20261121/..`
fn signer(authorization: &str) -> String {
    let credential = authorization.split_once("Credential=");
    let id = credential.and_then(|(_, rest)| rest.split('/').next());
    id.unwrap_or_default().to_owned()
}

fn has<B>(request: &Request<B>, name: &str) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query
        .split('&')
        .any(|pair| pair.split_once('=').map_or(pair, |(name, _)| name) == name)
}

fn bucket_operation<B>(request: &Request<B>, root: bool) -> &'static str {
    match request.method().as_str() {
        "GET" if root => "ListBuckets",
        "GET" if has(request, "versions") => "ListObjectVersions",
        "GET" if has(request, "uploads") => "ListMultipartUploads",
        "GET" if has(request, "list-type") => "ListObjectsV2",
        "GET" if has(request, "versioning") => "GetBucketVersioning",
        "HEAD" => "HeadBucket",
        "PUT" => "CreateBucket",
        "DELETE" => "DeleteBucket",
        "POST" if has(request, "delete") => "DeleteObjects",
        _ => "Other",
    }
}

fn object_operation<B>(request: &Request<B>) -> &'static str {
    let copies = request.headers().contains_key("x-amz-copy-source");
    let part = has(request, "uploadId");
    match request.method().as_str() {
        "PUT" if part && copies => "UploadPartCopy",
        "PUT" if part => "UploadPart",
        "PUT" if copies => "CopyObject",
        "PUT" => "PutObject",
        "GET" if part => "ListParts",
        "GET" => "GetObject",
        "HEAD" => "HeadObject",
        "POST" if part => "CompleteMultipartUpload",
        "POST" => "CreateMultipartUpload",
        "DELETE" if part => "AbortMultipartUpload",
        "DELETE" => "DeleteObject",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, uri: &str) -> Operation {
        Operation::of(&Request::builder().method(method).uri(uri).body(()).unwrap())
    }

    #[test]
    fn keys_are_taken_as_they_stand() {
        assert_eq!(
            of("PUT", "/inbox//a%2Fb/../c?x-id=PutObject").key,
            "/a/b/../c"
        );
        assert_eq!(of("GET", "/inbox/d/").name, "GetObject");
        assert_eq!(of("GET", "/inbox/?list-type=2").name, "ListObjectsV2");
        assert_eq!(of("POST", "/inbox/a?uploads").name, "CreateMultipartUpload");
        assert_eq!(
            of("PUT", "/inbox/a?partNumber=1&uploadId=2").name,
            "UploadPart"
        );
    }
}
