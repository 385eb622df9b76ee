//! What it costs in requests that a store copies bytes into an upload by itself.

use std::sync::Arc;

use bytes::Bytes;
use storage::s3::S3Store;
use storage::{
    Buffers, Copied, ObjectStore, ObjectStoreExt as _, PutOptions, Staging, Upload, UploadSettings,
};
use testkit::s3::S3Server;

use crate::{key, opened};

const MIB: u64 = 1 << 20;

fn noise(len: u64) -> Bytes {
    let byte = |at: u64| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
    (0..len).map(byte).collect::<Vec<u8>>().into()
}

/// A source of this many bytes, and an upload; requests are counted from here.
async fn begun(len: u64) -> (S3Server, Arc<S3Store>, Upload, Bytes) {
    let (server, store) = opened().await;
    let (store, source) = (Arc::new(store), noise(len));
    store.put_bytes(&key("from"), source.clone()).await.unwrap();
    server.reset_requests();
    let staging = Staging {
        store: store.clone(),
        prefix: ".staging/".to_owned(),
    };
    let settings = UploadSettings {
        staging: Some(staging),
        ..UploadSettings::new(Buffers::default())
    };
    let upload = Upload::start(store.clone(), key("to"), settings, None);
    (server, store, upload, source)
}

async fn copied(store: &Arc<S3Store>, range: std::ops::Range<u64>) -> Copied {
    let head = store.head(&key("from")).await.unwrap();
    Copied::new(store.clone(), key("from"), &head, range)
}

/// How many requests there were, by their names in the API, but for looks.
fn counts(server: &S3Server) -> String {
    let mut counts = server.requests();
    counts.remove("HeadObject");
    let text = counts.iter().map(|(name, count)| format!("{name} {count}"));
    text.collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn a_whole_large_file_is_one_copy() {
    let (server, store, upload, source) = begun(20 * MIB).await;
    let copied = copied(&store, 0..20 * MIB).await;
    assert_eq!(upload.copy(&copied, 0), 0..20 * MIB);
    upload.finish(&PutOptions::default()).await.unwrap();
    assert_eq!(
        counts(&server),
        "CompleteMultipartUpload 1, CreateMultipartUpload 1, UploadPartCopy 1"
    );
    assert!(server.object("inbox", "to").unwrap() == source);
}

#[tokio::test]
async fn a_small_file_is_left_to_be_read_and_written_as_one_put() {
    let (server, store, upload, source) = begun(MIB).await;
    let copied = copied(&store, 0..MIB).await;
    assert_eq!(upload.copy(&copied, 0), 0..0);
    upload.write(0, &source).unwrap();
    upload.finish(&PutOptions::default()).await.unwrap();
    assert_eq!(counts(&server), "PutObject 1");
}

#[tokio::test]
async fn whole_parts_of_a_range_at_an_offset_are_one_copy() {
    let (server, store, upload, source) = begun(40 * MIB).await;
    let header = noise(3 * MIB);
    upload.write(0, &header).unwrap();
    let copied = copied(&store, 5..40 * MIB).await;
    let taken = upload.copy(&copied, 3 * MIB);
    assert_eq!(taken, 8 * MIB..40 * MIB, "the seams are the caller's");
    let source_of = |at: u64| (5 + at - 3 * MIB) as usize;
    upload
        .write(3 * MIB, &source[5..source_of(8 * MIB)])
        .unwrap();
    upload
        .write(40 * MIB, &source[source_of(40 * MIB)..])
        .unwrap();
    upload.finish(&PutOptions::default()).await.unwrap();
    assert_eq!(
        counts(&server),
        "CompleteMultipartUpload 1, CreateMultipartUpload 1, UploadPart 2, UploadPartCopy 1"
    );
    let expected = [&header[..], &source[5..]].concat();
    assert!(server.object("inbox", "to").unwrap() == expected);
}

#[tokio::test]
async fn a_large_file_in_many_ranges_is_one_copy() {
    let (server, store, upload, source) = begun(50 * MIB).await;
    for at in (0..50 * MIB).step_by(10 << 20) {
        let copied = copied(&store, at..at + 10 * MIB).await;
        assert_eq!(upload.copy(&copied, at), at..at + 10 * MIB);
    }
    upload.finish(&PutOptions::default()).await.unwrap();
    assert_eq!(
        counts(&server),
        "CompleteMultipartUpload 1, CreateMultipartUpload 1, UploadPartCopy 1"
    );
    assert!(server.object("inbox", "to").unwrap() == source);
}
