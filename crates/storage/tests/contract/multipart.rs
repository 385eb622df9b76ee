//! Multipart uploads that go well.

use futures::future::join_all;
use model::ErrorKind;
use storage::{ObjectStoreExt as _, Part, PutOptions};

use crate::fixture::{Fixture, fails, fails_without_upload, key, metadata};

pub(crate) async fn parts_make_the_object_in_order(f: &Fixture) {
    let upload = f.begin("big/file").await;
    let (a, b) = (f.filling('a'), f.filling('b'));
    let parts = [
        f.part(1, &a, &upload).await,
        f.part(2, &b, &upload).await,
        f.part(3, "the end", &upload).await,
    ];
    let written = f
        .store
        .complete_upload(&upload, &parts, None)
        .await
        .unwrap();
    let whole = format!("{a}{b}the end");
    assert!(f.read("big/file").await.unwrap() == whole);
    let head = f.store.head(&key("big/file")).await.unwrap();
    assert_eq!((head.size, head.etag), (whole.len() as u64, written.etag));
    if let Some(crc) = written.crc64nvme {
        // The checksum of the whole, as one PUT of the same bytes gives it.
        let same = f.put("same", &whole).await;
        assert_eq!(Some(crc), same.crc64nvme);
    }
    assert_eq!(
        f.store.list_parts(&upload).await.map_err(|e| e.kind()),
        Err(ErrorKind::NotFound)
    );
}

pub(crate) async fn parts_may_arrive_in_any_order(f: &Fixture) {
    let upload = &f.begin("a").await;
    let texts: Vec<String> = ('a'..='f').map(|letter| f.filling(letter)).collect();
    let numbered: Vec<(u16, &String)> = (1..).zip(&texts).collect();
    let put = |(number, text): (u16, &String)| {
        let text = text.clone();
        async move { f.part(number, &text, upload).await }
    };
    // The later half first, each half at once.
    let (early, late) = numbered.split_at(3);
    let mut parts: Vec<Part> = join_all(late.iter().copied().map(put)).await;
    parts.extend(join_all(early.iter().copied().map(put)).await);
    parts.sort_by_key(|part| part.number);
    f.store.complete_upload(upload, &parts, None).await.unwrap();
    assert!(f.read("a").await.unwrap() == texts.concat());
}

pub(crate) async fn parts_may_have_gaps_in_their_numbers(f: &Fixture) {
    if f.quirks.wants_contiguous_parts {
        return;
    }
    let upload = f.begin("a").await;
    let (a, b) = (f.filling('a'), f.filling('b'));
    let parts = [
        f.part(2, &a, &upload).await,
        f.part(700, &b, &upload).await,
        f.part(10_000, "end", &upload).await,
    ];
    f.store
        .complete_upload(&upload, &parts, None)
        .await
        .unwrap();
    assert!(f.read("a").await.unwrap() == format!("{a}{b}end"));
}

pub(crate) async fn parts_may_grow(f: &Fixture) {
    if f.store.capabilities().uniform_parts {
        return;
    }
    let upload = f.begin("a").await;
    let small = f.filling('a');
    let texts = [
        small.clone(),
        small.replace('a', "bb"),
        small.replace('a', "cccc"),
        "d".to_owned(),
    ];
    let mut parts = Vec::new();
    for (number, text) in (1..).zip(&texts) {
        parts.push(f.part(number, text, &upload).await);
    }
    f.store
        .complete_upload(&upload, &parts, None)
        .await
        .unwrap();
    assert!(f.read("a").await.unwrap() == texts.concat());
}

pub(crate) async fn one_part_is_enough(f: &Fixture) {
    let upload = f.begin("a").await;
    let part = f.part(1, "short", &upload).await;
    f.store
        .complete_upload(&upload, &[part], None)
        .await
        .unwrap();
    assert_eq!(f.read("a").await.unwrap(), "short");
}

pub(crate) async fn the_last_of_one_number_counts(f: &Fixture) {
    let upload = f.begin("a").await;
    let (a, b, c) = (f.filling('a'), f.filling('b'), f.filling('c'));
    f.part(1, &a, &upload).await;
    let last = f.part(2, "the end", &upload).await;
    f.part(1, &b, &upload).await;
    let first = f.part(1, &c, &upload).await;
    f.store
        .complete_upload(&upload, &[first, last], None)
        .await
        .unwrap();
    assert!(f.read("a").await.unwrap() == format!("{c}the end"));
}

pub(crate) async fn parts_that_are_not_named_are_left_out(f: &Fixture) {
    let upload = f.begin("a").await;
    let (a, b, c) = (f.filling('a'), f.filling('b'), f.filling('c'));
    let first = f.part(1, &a, &upload).await;
    let second = f.part(2, &b, &upload).await;
    f.part(3, &c, &upload).await;
    f.store
        .complete_upload(&upload, &[first, second], None)
        .await
        .unwrap();
    assert!(f.read("a").await.unwrap() == format!("{a}{b}"));
}

pub(crate) async fn nothing_shows_before_completion(f: &Fixture) {
    let fresh = f.begin("new/file").await;
    f.put("old", "as it was").await;
    let over = f.begin("old").await;
    let parts = [
        f.part(1, "fresh", &fresh).await,
        f.part(1, "over", &over).await,
    ];
    assert_eq!(f.read("new/file").await, Err(ErrorKind::NotFound));
    assert_eq!(f.read("old").await.unwrap(), "as it was");
    assert_eq!(f.all().await, ["old"]);
    f.store
        .complete_upload(&fresh, &parts[..1], None)
        .await
        .unwrap();
    f.store
        .complete_upload(&over, &parts[1..], None)
        .await
        .unwrap();
    assert_eq!(f.read("new/file").await.unwrap(), "fresh");
    assert_eq!(f.read("old").await.unwrap(), "over");
}

pub(crate) async fn metadata_of_an_upload_comes_back(f: &Fixture) {
    if f.quirks.drops_metadata {
        return;
    }
    let options = PutOptions {
        metadata: metadata("transfer", "t-1"),
        content_type: Some("text/csv".to_owned()),
        precondition: None,
    };
    let upload = f.store.create_upload(&key("a"), &options).await.unwrap();
    let part = f.part(1, "x", &upload).await;
    f.store
        .complete_upload(&upload, &[part], None)
        .await
        .unwrap();
    assert_eq!(
        f.store.head(&key("a")).await.unwrap().metadata,
        metadata("transfer", "t-1")
    );
}

pub(crate) async fn an_upload_is_aborted_with_its_parts(f: &Fixture) {
    f.put("a", "stays").await;
    let upload = f.begin("a").await;
    let part = f.part(1, "gone", &upload).await;
    f.store.abort_upload(&upload).await.unwrap();
    fails(f.store.list_parts(&upload).await, ErrorKind::NotFound);
    let more = f
        .store
        .put_part(part.number, crate::fixture::body("x"), &upload)
        .await;
    fails_without_upload(f, more);
    fails_without_upload(f, f.store.complete_upload(&upload, &[part], None).await);
    f.store.abort_upload(&upload).await.unwrap();
    if !f.quirks.hides_uploads {
        assert_eq!(f.store.list_uploads("").await.unwrap(), []);
    }
    assert_eq!(f.read("a").await.unwrap(), "stays");
}

pub(crate) async fn completing_twice_changes_nothing(f: &Fixture) {
    let upload = f.begin("a").await;
    let parts = [f.part(1, "whole", &upload).await];
    let first = f
        .store
        .complete_upload(&upload, &parts, None)
        .await
        .unwrap();
    // S3 remembers for a while what it completed; others do not.
    match f.store.complete_upload(&upload, &parts, None).await {
        Ok(second) => assert_eq!(second.etag, first.etag),
        Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
    }
    assert_eq!(f.store.head(&key("a")).await.unwrap().etag, first.etag);
    assert_eq!(f.read("a").await.unwrap(), "whole");
}

pub(crate) async fn uploads_in_progress_are_listed(f: &Fixture) {
    if f.quirks.hides_uploads {
        return;
    }
    let first = f.begin("in/a").await;
    let second = f.begin("in/b").await;
    let again = f.begin("in/b").await;
    let other = f.begin("other").await;
    let listed = f.store.list_uploads("in/").await.unwrap();
    let mut uploads: Vec<_> = listed.into_iter().map(|pending| pending.upload).collect();
    assert_eq!(uploads.len(), 3);
    assert_eq!(uploads.remove(0), first);
    assert!(uploads.contains(&second) && uploads.contains(&again));
    assert_eq!(f.store.list_uploads("").await.unwrap().len(), 4);
    f.store.abort_upload(&first).await.unwrap();
    f.store.abort_upload(&other).await.unwrap();
    let part = f.part(1, "x", &second).await;
    f.store
        .complete_upload(&second, &[part], None)
        .await
        .unwrap();
    let listed = f.store.list_uploads("").await.unwrap();
    assert_eq!(
        listed
            .into_iter()
            .map(|pending| pending.upload)
            .collect::<Vec<_>>(),
        [again]
    );
    assert!(f.store.exists(&key("in/b")).await.unwrap());
}

pub(crate) async fn parts_are_listed_in_order(f: &Fixture) {
    let upload = f.begin("a").await;
    assert_eq!(f.store.list_parts(&upload).await.unwrap(), []);
    let text = f.filling('a');
    let third = f.part(3, "end", &upload).await;
    let first = f.part(1, &text, &upload).await;
    let second = f.part(2, &text, &upload).await;
    let listed = f.store.list_parts(&upload).await.unwrap();
    let plain = |part: &Part| (part.number, part.etag.clone(), part.size);
    assert_eq!(
        listed.iter().map(plain).collect::<Vec<_>>(),
        [&first, &second, &third].map(plain)
    );
    // What was listed completes the upload: that is how another node goes on.
    f.store
        .complete_upload(&upload, &listed, None)
        .await
        .unwrap();
    assert!(f.read("a").await.unwrap() == format!("{text}{text}end"));
}
