//! Bodies on their way in: gathered without joining, and held against every checksum that came
//! with them, in headers or in the trailer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use futures::StreamExt as _;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::StreamingBlob;
use s3s::{S3Request, S3Result, s3_error};

use super::bucket::Part;
use super::state::now;

const NAMES: [&str; 5] = [
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
];

/// As S3 writes a CRC64NVME: big-endian, base64.
pub(super) fn to_base64(crc: u64) -> String {
    STANDARD.encode(crc.to_be_bytes())
}

/// The CRC64NVME of two pieces, one after the other.
pub(super) fn combine(left: u64, right: u64, right_len: u64) -> u64 {
    crc_fast::checksum_combine(CrcAlgorithm::Crc64Nvme, left, right, right_len)
}

/// The CRC64NVME of these pieces.
pub(super) fn of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut digest = crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme);
    for piece in pieces {
        digest.update(piece);
    }
    digest.finalize()
}

/// Takes a body in.
///
/// # Errors
/// `BadDigest` where a checksum that came with it is another one; `IncompleteBody` where it broke
/// off.
pub(super) async fn receive<T>(
    body: Option<StreamingBlob>,
    request: &S3Request<T>,
) -> S3Result<Part> {
    let mut hasher = hasher(request);
    let mut digest = crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme);
    let mut chunks = Vec::new();
    let mut size = 0;
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| s3_error!(IncompleteBody, "{error}"))?;
            hasher.update(&chunk);
            digest.update(&chunk);
            size += chunk.len() as u64;
            chunks.push(chunk);
        }
    }
    let crc = digest.finalize();
    compare(request, hasher, crc)?;
    Ok(Part {
        chunks,
        size,
        crc,
        modified: now(),
    })
}

/// Computes what came with the request; everything where checksums may follow in a trailer.
fn hasher<T>(request: &S3Request<T>) -> ChecksumHasher {
    let trailer = request.trailing_headers.is_some();
    let wanted = |name: &str| trailer || request.headers.contains_key(name);
    ChecksumHasher {
        crc32: wanted(NAMES[0]).then(Crc32::new),
        crc32c: wanted(NAMES[1]).then(Crc32c::new),
        crc64nvme: wanted(NAMES[2]).then(Crc64Nvme::new),
        sha1: wanted(NAMES[3]).then(Sha1::new),
        sha256: wanted(NAMES[4]).then(Sha256::new),
    }
}

fn compare<T>(request: &S3Request<T>, hasher: ChecksumHasher, crc: u64) -> S3Result {
    let computed = hasher.finalize();
    let trailer = request
        .trailing_headers
        .as_ref()
        .and_then(|trailer| trailer.take());
    let values = [
        computed.checksum_crc32,
        computed.checksum_crc32c,
        Some(to_base64(crc)),
        computed.checksum_sha1,
        computed.checksum_sha256,
    ];
    for (name, value) in NAMES.into_iter().zip(values) {
        let header = request.headers.get(name);
        let header = header.or_else(|| trailer.as_ref().and_then(|trailer| trailer.get(name)));
        let Some(header) = header else { continue };
        if value.as_deref().map(str::as_bytes) != Some(header.as_bytes()) {
            return Err(s3_error!(BadDigest, "{name} does not match the bytes"));
        }
    }
    Ok(())
}
