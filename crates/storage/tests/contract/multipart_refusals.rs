//! Multipart uploads that are asked for what makes no object: refused, and still completable.

use model::ErrorKind;
use storage::{MultipartUpload, Part, UploadId};

use crate::fixture::{Fixture, body, fails, fails_without_upload, key, number};

/// Asserts that these parts are refused, that nothing shows, and that `good` still completes.
async fn refused(f: &Fixture, upload: &MultipartUpload, parts: &[Part], good: &[Part]) {
    let result = f.store.complete_upload(upload, parts, None).await;
    fails(result, ErrorKind::Invalid);
    assert_eq!(f.read(upload.key.as_str()).await, Err(ErrorKind::NotFound));
    f.store.complete_upload(upload, good, None).await.unwrap();
    let size: u64 = good.iter().map(|part| part.size).sum();
    assert_eq!(f.store.head(&upload.key).await.unwrap().size, size);
}

pub(crate) async fn no_parts_are_no_object(f: &Fixture) {
    let upload = f.begin("a").await;
    let part = f.part(1, "x", &upload).await;
    refused(f, &upload, &[], &[part]).await;
}

pub(crate) async fn a_part_that_was_never_stored_is_refused(f: &Fixture) {
    let upload = f.begin("a").await;
    let part = f.part(1, &f.filling('a'), &upload).await;
    let invented = Part {
        number: number(2),
        ..part.clone()
    };
    refused(f, &upload, &[part.clone(), invented], &[part]).await;
}

pub(crate) async fn a_part_with_another_etag_is_refused(f: &Fixture) {
    let upload = f.begin("a").await;
    let old = f.part(1, "old", &upload).await;
    let new = f.part(1, "new", &upload).await;
    refused(f, &upload, &[old], &[new]).await;
}

pub(crate) async fn parts_in_the_wrong_order_are_refused(f: &Fixture) {
    if f.quirks.accepts_any_part_order {
        return;
    }
    let upload = f.begin("a").await;
    let text = f.filling('a');
    let parts = [
        f.part(1, &text, &upload).await,
        f.part(2, &text, &upload).await,
    ];
    let [first, second] = parts.clone();
    refused(f, &upload, &[second, first], &parts).await;
}

pub(crate) async fn small_parts_are_refused_where_there_is_a_least_size(f: &Fixture) {
    if f.store.capabilities().min_part_size <= 1 || f.quirks.accepts_small_parts {
        return;
    }
    let upload = f.begin("a").await;
    let parts = [
        f.part(1, "small", &upload).await,
        f.part(2, "last", &upload).await,
    ];
    refused(f, &upload, &parts, &parts[..1]).await;
}

pub(crate) async fn an_unknown_upload_is_not_found(f: &Fixture) {
    let upload = f.begin("a").await;
    let part = f.part(1, "x", &upload).await;
    let twisted: String = upload.id.0.chars().rev().collect();
    for id in [
        twisted,
        "../uploads".to_owned(),
        "no-such-upload".to_owned(),
    ] {
        let unknown = MultipartUpload {
            key: key("a"),
            id: UploadId(id),
        };
        let stored = f.store.put_part(number(1), body("x"), &unknown).await;
        fails_without_upload(f, stored);
        fails(f.store.list_parts(&unknown).await, ErrorKind::NotFound);
        let done = f
            .store
            .complete_upload(&unknown, std::slice::from_ref(&part), None)
            .await;
        fails_without_upload(f, done);
        f.store.abort_upload(&unknown).await.unwrap();
    }
    f.store
        .complete_upload(&upload, &[part], None)
        .await
        .unwrap();
}
