//! Bytes in any order, from any number of handles.

use super::*;

#[tokio::test]
async fn a_hole_is_named_and_nothing_published() {
    let store = store();
    let upload = start(&store, settings(&store, tiny(100)), None);
    upload.write(0, &pattern(12)).unwrap();
    upload.write(17, &pattern(12)).unwrap();
    let error = finish(&upload).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(
        error.to_string().contains("bytes 12 to 16 of 29"),
        "{error}"
    );
    upload.abort().await;
    assert!(!store.exists(&key("a")).await.unwrap());
    nothing_left(&store).await;
}

#[tokio::test]
async fn writes_too_far_ahead_are_refused_and_may_come_again() {
    let store = store();
    let mut settings = settings(&store, tiny(100));
    settings.window = 12;
    let upload = start(&store, settings, None);
    for slot in 1..=5 {
        upload.write(slot * 10 + 1, b"x").unwrap();
    }
    let error = upload.write(61, b"x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    upload.write(0, &pattern(60)).unwrap();
    upload.write(60, b"xy").unwrap();
    assert_eq!(upload.len(), 62);
    finish(&upload).await.unwrap();
}

#[tokio::test]
async fn two_handles_fill_two_halves() {
    let store = store();
    let mut settings = settings(&store, tiny(1000));
    settings.window = 12;
    let upload = start(&store, settings, None);
    let bytes = pattern(2000);
    for at in (0..1000).step_by(5) {
        for at in [at, at + 1000] {
            upload.write(at as u64, &bytes[at..at + 5]).unwrap();
        }
    }
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn handles_on_several_threads_share_one_upload() {
    let store = store();
    let mut settings = settings(&store, tiny(1000));
    // Room for everything: nothing keeps one writer from running far ahead of another.
    settings.window = 1 << 13;
    let upload = Arc::new(start(&store, settings, None));
    let bytes = Arc::new(pattern(4000));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let (upload, bytes) = (upload.clone(), bytes.clone());
        writers.spawn(async move {
            for at in (writer * 5..4000).step_by(20) {
                upload.write(at as u64, &bytes[at..at + 5]).unwrap();
                tokio::task::yield_now().await;
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, *bytes);
}

#[tokio::test]
async fn beyond_the_plan_is_an_honest_error() {
    let store = store();
    let upload = start(&store, settings(&store, tiny(3)), None);
    let error = upload.write(25, b"123456").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    assert!(
        error.to_string().contains("largest object of 30 bytes"),
        "{error}"
    );
    assert_eq!(
        upload.write(u64::MAX, b"1").unwrap_err().kind(),
        ErrorKind::Exhausted
    );
}

#[tokio::test]
async fn what_exceeds_memory_is_composed_in_staging() {
    let store = store();
    let upload = start(&store, settings(&store, composed()), None);
    let bytes = pattern(163);
    upload.write(0, &bytes).unwrap();
    upload.settle().await.unwrap();
    assert_eq!(
        store.requests().count(Operation::CopyPart),
        4,
        "joined as they fill"
    );
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, bytes);
    nothing_left(&store).await;
}

#[tokio::test]
async fn bytes_are_read_back_while_they_are_at_hand() {
    let store = store();
    let base = base(&store, &pattern(60)).await;
    let mut settings = settings(&store, tiny(100));
    settings.buffers = buffers(0);
    let upload = start(&store, settings, Some(base));
    upload.write(13, b"new").unwrap();
    upload.write(63, b"x").unwrap();
    let mut expected = pattern(60);
    expected[13..16].copy_from_slice(b"new");
    expected.extend(b"\0\0\0x");
    assert_eq!(upload.read(0, 100).await.unwrap().concat(), expected);
    assert_eq!(upload.read(12, 5).await.unwrap().concat(), expected[12..17]);
    assert_eq!(upload.read(64, 5).await.unwrap().concat(), b"");

    upload.write(20, &[1; 10]).unwrap();
    assert_eq!(
        upload.read(25, 2).await.unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}
