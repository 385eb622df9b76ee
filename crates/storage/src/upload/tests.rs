//! Uploads against the memory store: requests, order, failures, and a byte model.

mod model;

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use ::model::BucketName;
use futures::FutureExt as _;
use tokio::sync::Semaphore;

use super::*;
use crate::memory::{Fault, MemoryStore, Operation};
use crate::{BufferLimits, Capabilities, ChunkPool, ObjectStoreExt as _, PartPlan, Precondition};

/// Parts of 10 bytes, in chunks of 4.
fn tiny(parts: u16) -> PartPlan {
    PartPlan::new(vec![Tier {
        parts,
        part_len: 10,
        slot_len: 10,
    }])
    .unwrap()
}

/// Two parts of 10 bytes, then parts of 30 made of three pieces.
fn composed() -> PartPlan {
    let small = Tier {
        parts: 2,
        part_len: 10,
        slot_len: 10,
    };
    PartPlan::new(vec![
        small,
        Tier {
            parts: 50,
            part_len: 30,
            slot_len: 10,
        },
    ])
    .unwrap()
}

fn buffers(kept: u64) -> Buffers {
    let limits = BufferLimits {
        kept,
        ..BufferLimits::default()
    };
    Buffers {
        chunks: ChunkPool::with_chunk_size(4, 1 << 10),
        ..Buffers::new(&limits)
    }
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::parse(name).unwrap()
}

fn store() -> MemoryStore {
    MemoryStore::new(BucketName::parse("b").unwrap())
}

fn settings(store: &MemoryStore, plan: PartPlan) -> UploadSettings {
    UploadSettings {
        plan: Some(plan),
        window: 64,
        staging: Some(Staging {
            store: Arc::new(store.clone()),
            prefix: ".staging/".into(),
        }),
        ..UploadSettings::new(buffers(1 << 10))
    }
}

fn start(store: &MemoryStore, settings: UploadSettings, base: Option<Base>) -> Upload {
    Upload::start(Arc::new(store.clone()), key("a"), settings, base)
}

async fn content(store: &MemoryStore) -> Vec<u8> {
    store.read_whole(&key("a"), 1 << 20).await.unwrap().to_vec()
}

async fn base(store: &MemoryStore, bytes: &[u8]) -> Base {
    store
        .put_bytes(&key("old"), bytes.to_vec().into())
        .await
        .unwrap();
    let head = store.head(&key("old")).await.unwrap();
    store.reset_requests();
    Base::new(Arc::new(store.clone()), key("old"), &head)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 10) as u8).collect()
}

async fn finish(upload: &Upload) -> Result<Written> {
    upload.finish(&PutOptions::default()).await
}

/// Nothing is left of the upload but, perhaps, the object.
async fn nothing_left(store: &MemoryStore) {
    assert_eq!(store.list_uploads("").await.unwrap(), []);
    let list = crate::ListRequest {
        prefix: ".staging/".into(),
        ..Default::default()
    };
    assert_eq!(store.list(&list).await.unwrap().entries, []);
}

#[tokio::test]
async fn a_small_file_is_exactly_one_put() {
    for len in [0, 1, 9, 10] {
        let store = store();
        let upload = start(&store, settings(&store, tiny(100)), None);
        let bytes = pattern(len);
        for (at, byte) in bytes.iter().enumerate() {
            upload.write(at as u64, &[*byte]).unwrap();
        }
        finish(&upload).await.unwrap();
        assert_eq!(store.requests().total(), 1);
        assert_eq!(store.requests().count(Operation::Put), 1);
        assert_eq!(content(&store).await, bytes);
    }
}

#[tokio::test]
async fn a_large_file_is_its_parts_and_no_more() {
    let store = store();
    let upload = start(&store, settings(&store, tiny(100)), None);
    let bytes = pattern(95);
    for (index, piece) in bytes.chunks(7).enumerate() {
        upload.write(index as u64 * 7, piece).unwrap();
    }
    let written = finish(&upload).await.unwrap();
    let requests = store.requests();
    assert_eq!(requests.count(Operation::PutPart), 10);
    assert_eq!(requests.total(), 12, "create and complete besides");
    assert_eq!(content(&store).await, bytes);
    let crc = crate::crc64::to_base64(crate::crc64::of([bytes.as_slice()]));
    assert_eq!(written.crc64nvme, Some(crc));
    assert_eq!(
        upload.buffers.chunks.buffered(),
        24,
        "the first and the latest part are kept"
    );
    let buffers = upload.buffers.clone();
    drop(upload);
    assert_eq!(
        (buffers.chunks.buffered(), buffers.kept.in_flight()),
        (0, 0)
    );
    nothing_left(&store).await;
}

#[tokio::test]
async fn a_part_that_failed_is_told_by_the_next_write_and_by_finish() {
    let store = store();
    let upload = start(&store, settings(&store, tiny(100)), None);
    store.on_request(|request| match request.operation {
        Operation::PutPart => Fault::Refuse(ErrorKind::Unavailable),
        _ => Fault::None,
    });
    upload.write(0, &pattern(25)).unwrap();
    assert_eq!(
        upload.settle().await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(
        upload.write(25, b"x").unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(
        finish(&upload).await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    upload.abort().await;
    upload.abort().await;
    nothing_left(&store).await;
    assert_eq!(
        store.head(&key("a")).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(upload.buffers.in_flight.in_flight(), 0);
}

#[tokio::test]
async fn no_request_is_sent_before_the_intent_is_durable() {
    let store = store();
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let intent = told.map(|told| {
        told.map_err(|_| {
            Error::new(
                ErrorKind::Unavailable,
                "record intent of",
                "a",
                "no database",
            )
        })
    });
    let mut settings = settings(&store, tiny(100));
    settings.intent = Some(intent.boxed());
    let upload = start(&store, settings, None);
    upload.write(0, &pattern(45)).unwrap();
    assert!(upload.settle().now_or_never().is_none());
    assert_eq!(store.requests().total(), 0);
    tell.send(()).unwrap();
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, pattern(45));
}

#[tokio::test]
async fn a_failed_intent_fails_the_upload_without_a_request() {
    let store = store();
    for len in [5, 25] {
        let failed = Error::new(
            ErrorKind::Unavailable,
            "record intent of",
            "a",
            "no database",
        );
        let mut settings = settings(&store, tiny(100));
        settings.intent = Some(async move { Err(failed) }.boxed());
        let upload = start(&store, settings, None);
        upload.write(0, &pattern(len)).unwrap();
        let error = finish(&upload).await.unwrap_err();
        assert_eq!(error.to_string(), "record intent of a: no database");
        upload.abort().await;
        assert_eq!(store.requests().total(), 0);
    }
}

#[tokio::test]
async fn abort_waits_for_an_upload_that_is_just_beginning() {
    let store = store();
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    store.on_request(move |request| match request.operation {
        Operation::CreateUpload => Fault::Hold(held.clone()),
        _ => Fault::None,
    });
    let upload = start(&store, settings(&store, tiny(100)), None);
    upload.write(0, &pattern(25)).unwrap();
    while store.requests().count(Operation::CreateUpload) == 0 {
        tokio::task::yield_now().await;
    }
    let mut abort = pin!(upload.abort());
    assert!(abort.as_mut().now_or_never().is_none());
    gate.add_permits(1);
    abort.await;
    assert_eq!(store.requests().count(Operation::PutPart), 0);
    nothing_left(&store).await;
}

#[tokio::test]
async fn parts_in_flight_are_bounded_and_counted() {
    let store = store();
    let gate = Arc::new(Semaphore::new(0));
    let (held, begun) = (gate.clone(), Arc::new(AtomicU32::new(0)));
    let count = begun.clone();
    store.on_request(move |request| match request.operation {
        Operation::PutPart => {
            count.fetch_add(1, SeqCst);
            Fault::Hold(held.clone())
        }
        _ => Fault::None,
    });
    let upload = start(&store, settings(&store, tiny(100)), None);
    upload.write(0, &pattern(100)).unwrap();
    assert!(upload.settle().now_or_never().is_none());
    while begun.load(SeqCst) < 4 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(begun.load(SeqCst), 4, "as many as are allowed at once");
    assert_eq!(upload.buffers.in_flight.in_flight(), 100);
    gate.add_permits(100);
    upload.settle().await.unwrap();
    assert_eq!(upload.buffers.in_flight.in_flight(), 0);
}

#[tokio::test]
async fn a_dropped_upload_leaves_no_task_behind() {
    let store = store();
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    store.on_request(move |request| match request.operation {
        Operation::PutPart => Fault::Hold(held.clone()),
        _ => Fault::None,
    });
    let upload = start(&store, settings(&store, tiny(100)), None);
    let buffers = upload.buffers.clone();
    upload.write(0, &pattern(100)).unwrap();
    while store.requests().count(Operation::PutPart) < 4 {
        tokio::task::yield_now().await;
    }
    drop(upload);
    while buffers.in_flight.in_flight() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(buffers.chunks.buffered(), 0);
}

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
    settings.window = 1 << 10;
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

#[tokio::test]
async fn the_precondition_holds_for_the_publication() {
    for len in [5, 25] {
        let store = store();
        store.put_bytes(&key("a"), "old".into()).await.unwrap();
        let upload = start(&store, settings(&store, tiny(100)), None);
        upload.write(0, &pattern(len)).unwrap();
        let options = PutOptions {
            precondition: Some(Precondition::Absent),
            ..PutOptions::default()
        };
        assert_eq!(
            upload.finish(&options).await.unwrap_err().kind(),
            ErrorKind::Conflict
        );
        upload.abort().await;
        assert_eq!(content(&store).await, b"old");
        nothing_left(&store).await;
    }
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

#[tokio::test]
async fn after_the_end_nothing_is_taken() {
    let store = store();
    let upload = start(&store, settings(&store, tiny(100)), None);
    upload.write(0, b"abc").unwrap();
    finish(&upload).await.unwrap();
    assert_eq!(
        upload.write(3, b"d").unwrap_err().kind(),
        ErrorKind::Invalid
    );
    assert_eq!(
        finish(&upload).await.unwrap_err().kind(),
        ErrorKind::Invalid
    );
    upload.abort().await;
    assert_eq!(content(&store).await, b"abc", "a finished object stays");

    let upload = start(&store, settings(&store, tiny(100)), None);
    upload.abort().await;
    assert_eq!(
        upload.write(0, b"d").unwrap_err().kind(),
        ErrorKind::Conflict
    );
}
