//! Uploads over a base, and bytes that are written again, cut off or added.

use super::*;

#[tokio::test]
async fn a_base_that_is_overwritten_whole_is_never_touched() {
    let store = store();
    let base = base(&store, &pattern(35)).await;
    let upload = start(&store, settings(&store, tiny(100)), Some(base));
    assert_eq!(upload.len(), 35);
    assert!(upload.is_untouched());
    upload.write(0, &[7; 32]).unwrap();
    upload.truncate(32).unwrap();
    assert!(!upload.is_untouched());
    finish(&upload).await.unwrap();
    assert_eq!(store.requests().count(Operation::Get), 0);
    assert_eq!(store.requests().count(Operation::CopyPart), 0);
    assert_eq!(content(&store).await, [7; 32]);
}

#[tokio::test]
async fn appending_copies_what_was_there() {
    let store = store();
    let old = pattern(1004);
    let base = base(&store, &old).await;
    let upload = start(&store, settings(&store, tiny(1000)), Some(base));
    upload.write(1004, b"more").unwrap();
    finish(&upload).await.unwrap();
    let requests = store.requests();
    assert_eq!(
        requests.count(Operation::CopyPart),
        1,
        "neighbours are copied together"
    );
    assert_eq!(
        (
            requests.count(Operation::Get),
            requests.count(Operation::PutPart)
        ),
        (1, 1)
    );
    assert_eq!(content(&store).await, [old.as_slice(), b"more"].concat());
}

#[tokio::test]
async fn a_small_base_is_fetched_and_put() {
    let store = store();
    let base = base(&store, b"header").await;
    let upload = start(&store, settings(&store, tiny(10)), Some(base));
    upload.write(1, b"EA").unwrap();
    finish(&upload).await.unwrap();
    assert_eq!(store.requests().count(Operation::Put), 1);
    assert_eq!(content(&store).await, b"hEAder");
}

#[tokio::test]
async fn a_replaced_base_is_a_conflict() {
    let store = store();
    let base = base(&store, &pattern(35)).await;
    let upload = start(&store, settings(&store, tiny(100)), Some(base));
    upload.write(35, b"more").unwrap();
    store
        .put_bytes(&key("old"), pattern(36).into())
        .await
        .unwrap();
    assert_eq!(
        finish(&upload).await.unwrap_err().kind(),
        ErrorKind::Conflict
    );
    upload.abort().await;
    assert!(!store.exists(&key("a")).await.unwrap());
}

#[tokio::test]
async fn a_header_patched_at_the_end_needs_no_detour() {
    let store = store();
    let upload = start(&store, settings(&store, tiny(100)), None);
    let mut bytes = pattern(95);
    upload.write(0, &bytes).unwrap();
    upload.settle().await.unwrap();
    upload.write(3, b"HEAD").unwrap();
    bytes[3..7].copy_from_slice(b"HEAD");
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, bytes);
    assert_eq!(store.requests().count(Operation::PutPart), 11);
}

#[tokio::test]
async fn a_part_that_the_store_has_can_be_rewritten_whole_but_not_in_part() {
    for (at, len, fine) in [(20, 10, true), (22, 3, false)] {
        let store = store();
        let upload = start(&store, settings(&store, tiny(100)), None);
        let mut bytes = pattern(95);
        upload.write(0, &bytes).unwrap();
        upload.settle().await.unwrap();
        upload.write(at as u64, &vec![9; len]).unwrap();
        bytes[at..at + len].fill(9);
        match finish(&upload).await {
            Ok(_) => assert!(fine && content(&store).await == bytes),
            Err(error) => {
                assert!(!fine, "{error}");
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert!(error.to_string().contains("bytes 20 to 29"), "{error}");
                upload.abort().await;
                nothing_left(&store).await;
            }
        }
    }
}

#[tokio::test]
async fn a_staged_upload_can_be_rewritten_anywhere() {
    let store = store();
    let staged = UploadSettings {
        placement: Placement::Staged,
        buffers: buffers(0),
        ..settings(&store, tiny(100))
    };
    let upload = start(&store, staged, None);
    let mut bytes = pattern(95);
    upload.write(0, &bytes).unwrap();
    upload.settle().await.unwrap();
    upload.write(42, b"patch").unwrap();
    bytes[42..47].copy_from_slice(b"patch");
    upload.truncate(85).unwrap();
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, bytes[..85]);
    nothing_left(&store).await;
}

#[tokio::test]
async fn a_composed_part_can_be_rewritten_after_it_was_joined() {
    let store = store();
    let upload = start(&store, settings(&store, composed()), None);
    let mut bytes = pattern(163);
    upload.write(0, &bytes).unwrap();
    upload.settle().await.unwrap();
    upload.write(35, b"patch").unwrap();
    bytes[35..40].copy_from_slice(b"patch");
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, bytes);
    nothing_left(&store).await;
}

#[tokio::test]
async fn zeros_are_added_up_to_a_limit() {
    let store = store();
    let mut settings = settings(&store, tiny(100));
    settings.zero_limit = 30;
    let upload = start(&store, settings, None);
    upload.write(0, b"abc").unwrap();
    assert_eq!(
        upload.truncate(34).unwrap_err().kind(),
        ErrorKind::Exhausted
    );
    upload.truncate(33).unwrap();
    assert_eq!(
        upload.truncate(34).unwrap_err().kind(),
        ErrorKind::Exhausted
    );
    upload.truncate(33).unwrap();
    upload.write(20, b"x").unwrap();
    upload.truncate(34).unwrap();
    finish(&upload).await.unwrap();
    let mut expected = vec![0; 34];
    expected[..3].copy_from_slice(b"abc");
    expected[20] = b'x';
    assert_eq!(content(&store).await, expected);
}

#[tokio::test]
async fn everything_truncated_away_leaves_an_empty_object() {
    let store = store();
    let upload = start(&store, settings(&store, tiny(100)), None);
    upload.write(0, &pattern(55)).unwrap();
    upload.settle().await.unwrap();
    upload.truncate(0).unwrap();
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, b"");
    nothing_left(&store).await;
}
