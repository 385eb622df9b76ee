//! Uploads that begin as copies: the bytes stay in the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use model::ErrorKind;
use storage::{Buffers, Copied, ObjectHead, ObjectStore, ObjectStoreExt as _};
use storage::{PutOptions, Upload, UploadSettings};

use crate::{key, opened};

const LEN: usize = 20 << 20;

fn upload(store: &Arc<dyn ObjectStore>) -> Upload {
    let settings = UploadSettings::new(Buffers::default());
    Upload::start(Arc::clone(store), key("to"), settings, None)
}

fn whole(store: &Arc<dyn ObjectStore>, head: &ObjectHead) -> Copied {
    Copied::new(Arc::clone(store), key("from"), head, 0..head.size)
}

#[tokio::test]
async fn a_copy_of_a_large_object_sends_and_fetches_no_byte() {
    let (server, store) = opened().await;
    let bytes: Bytes = (0..LEN).map(|at| (at % 251) as u8).collect();
    store.put_bytes(&key("from"), bytes.clone()).await.unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(store);
    let head = store.head(&key("from")).await.unwrap();
    server.reset_requests();

    let upload = upload(&store);
    assert!(upload.copy(&whole(&store, &head)));
    assert!(!upload.is_untouched());
    assert!(!upload.copy(&whole(&store, &head)), "once");
    assert_eq!((upload.len(), upload.safe()), (head.size, head.size));
    upload.finish(&PutOptions::default()).await.unwrap();
    let expected = BTreeMap::from([
        ("CompleteMultipartUpload", 1),
        ("CreateMultipartUpload", 1),
        ("UploadPartCopy", 1),
    ]);
    assert_eq!(server.requests(), expected);
    assert!(server.object("inbox", "to").unwrap() == bytes);
}

#[tokio::test]
async fn a_copy_of_another_state_is_refused() {
    let (server, store) = opened().await;
    let bytes = Bytes::from(vec![7; LEN]);
    store.put_bytes(&key("from"), bytes).await.unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(store);
    let head = store.head(&key("from")).await.unwrap();
    let upload = upload(&store);
    assert!(upload.copy(&whole(&store, &head)));
    let newer = Bytes::from(vec![8; LEN]);
    store.put_bytes(&key("from"), newer).await.unwrap();
    let error = upload.finish(&PutOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    upload.abort().await;
    assert_eq!(server.object("inbox", "to"), None);
    assert_eq!(server.uploads("inbox"), []);
}
