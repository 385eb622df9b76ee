//! What is sent, when, and what becomes of it when something fails.

use super::*;

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
    upload.settle().await.unwrap();
    assert_eq!(
        upload.engine.buffers.chunks.buffered(),
        24 + 8,
        "the first and the latest part are kept, besides the one that is being filled"
    );
    let written = finish(&upload).await.unwrap();
    let requests = store.requests();
    assert_eq!(requests.count(Operation::PutPart), 10);
    assert_eq!(requests.total(), 12, "create and complete besides");
    assert_eq!(content(&store).await, bytes);
    let crc = crate::crc64::to_base64(crate::crc64::of([bytes.as_slice()]));
    assert_eq!(written.crc64nvme, Some(crc));
    let buffers = upload.engine.buffers.clone();
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
    assert_eq!(upload.engine.buffers.in_flight.in_flight(), 0);
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
    assert_eq!(upload.engine.buffers.in_flight.in_flight(), 100);
    gate.add_permits(100);
    upload.settle().await.unwrap();
    assert_eq!(upload.engine.buffers.in_flight.in_flight(), 0);
}

/// The `n` of the first write of a byte whose receipt is not due.
fn first_unacknowledged(upload: &Upload, from: usize) -> usize {
    let late = |at: &usize| {
        upload.write(*at as u64, &[7]).unwrap();
        upload.receipt().answer().is_none()
    };
    (from..1000).find(late).unwrap()
}

#[tokio::test]
async fn no_more_is_acknowledged_than_may_be_lost() {
    let store = store();
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    store.on_request(move |request| match (request.operation, request.part) {
        (Operation::PutPart, Some(part)) if part.get() > 2 => Fault::Hold(held.clone()),
        _ => Fault::None,
    });
    let mut settings = settings(&store, tiny(100));
    (settings.unsaved, settings.parallel_parts) = (25, 100);
    let upload = start(&store, settings, None);
    upload.write(0, &pattern(20)).unwrap();
    upload.settle().await.unwrap();
    assert_eq!(first_unacknowledged(&upload, 20), 45, "20 are safe");
    let receipt = upload.receipt();
    let mut due = pin!(receipt.due());
    assert!(due.as_mut().now_or_never().is_none());
    gate.add_permits(100);
    due.await.unwrap();
    upload.settle().await.unwrap();
    assert_eq!(upload.safe(), 40);
}

#[tokio::test]
async fn what_is_no_part_yet_is_acknowledged_whatever_the_bound() {
    let store = store();
    let mut settings = settings(&store, tiny(100));
    settings.unsaved = 0;
    let upload = start(&store, settings, None);
    for at in 0..95 {
        upload.write(at, &[7]).unwrap();
        // The store is fast, and nobody but the store is waited for.
        upload.receipt().due().await.unwrap();
    }
    upload.write(120, &[7]).unwrap();
    upload.receipt().due().await.unwrap();
}

#[tokio::test]
async fn a_part_that_failed_is_told_by_receipts() {
    let store = store();
    store.on_request(|request| match request.operation {
        Operation::PutPart => Fault::Refuse(ErrorKind::Unavailable),
        _ => Fault::None,
    });
    let mut settings = settings(&store, tiny(100));
    settings.unsaved = 10;
    let upload = start(&store, settings, None);
    upload.write(0, &pattern(25)).unwrap();
    let error = upload.receipt().due().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    upload.abort().await;
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
    let buffers = upload.engine.buffers.clone();
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
