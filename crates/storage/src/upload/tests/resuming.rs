//! Uploads that are set aside and gone on with, here or elsewhere, and what that costs.

use super::*;

/// Goes on with `progress` as another node would: with memory of its own, from its JSON.
async fn resume(store: &MemoryStore, plan: PartPlan, progress: &Progress) -> Result<Upload> {
    resume_with(store, settings(store, plan), None, progress).await
}

async fn resume_with(
    store: &MemoryStore,
    settings: UploadSettings,
    base: Option<Base>,
    progress: &Progress,
) -> Result<Upload> {
    let progress = Progress::from_json(&progress.to_json()).unwrap();
    let store = Arc::new(store.clone());
    Upload::resume(store, key("a"), settings, base, &progress).await
}

/// A hook that keeps what it was told last.
fn recorder() -> (Began, Arc<std::sync::Mutex<Option<Progress>>>) {
    let last = Arc::new(std::sync::Mutex::new(None));
    let told = last.clone();
    let began: Began = Arc::new(move |progress: Progress| {
        *told.lock().unwrap() = Some(progress);
        async { Ok(()) }.boxed()
    });
    (began, last)
}

async fn staged_objects(store: &MemoryStore) -> usize {
    let list = crate::ListRequest {
        prefix: ".staging/".into(),
        ..Default::default()
    };
    store.list(&list).await.unwrap().entries.len()
}

#[tokio::test]
async fn a_detached_upload_goes_on_on_another_node() {
    let store = store();
    let bytes = pattern(95);
    let upload = start(&store, settings(&store, tiny(100)), None);
    upload.write(0, &bytes[..57]).unwrap();
    let progress = upload.detach().await.unwrap();
    assert_eq!((progress.safe(), progress.is_exact()), (57, true));
    assert_eq!(upload.detach().await.unwrap(), progress, "the same again");
    let error = upload.write(57, b"x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let memory = upload.engine.buffers.clone();
    assert_eq!(
        (memory.chunks.buffered(), memory.unsent.in_flight()),
        (0, 0)
    );
    drop(upload);
    assert!(progress.to_json().len() < 500, "{}", progress.to_json());

    store.reset_requests();
    let upload = resume(&store, tiny(100), &progress).await.unwrap();
    assert_eq!((upload.len(), upload.safe()), (57, 57));
    let requests = store.requests();
    assert_eq!(
        (
            requests.count(Operation::ListParts),
            requests.count(Operation::Head),
            requests.total()
        ),
        (1, 1, 2)
    );
    upload.write(57, &bytes[57..]).unwrap();
    finish(&upload).await.unwrap();
    assert_eq!(store.requests().count(Operation::Get), 1, "the tail");
    assert_eq!(store.requests().count(Operation::PutPart), 5);
    assert_eq!(content(&store).await, bytes);
    nothing_left(&store).await;
}

#[tokio::test]
async fn what_is_smaller_than_a_part_is_one_put() {
    let store = store();
    let upload = start(&store, settings(&store, tiny(100)), None);
    upload.write(0, b"abc").unwrap();
    let progress = upload.detach().await.unwrap();
    assert_eq!(progress.safe(), 3);
    assert_eq!(
        (
            store.requests().count(Operation::Put),
            store.requests().total()
        ),
        (1, 1)
    );
    let upload = resume(&store, tiny(100), &progress).await.unwrap();
    upload.write(3, b"def").unwrap();
    assert_eq!(upload.read(1, 4).await.unwrap().concat(), b"bcde");
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, b"abcdef");
    assert_eq!(store.requests().count(Operation::CreateUpload), 0);
    nothing_left(&store).await;
}

#[tokio::test]
async fn nothing_written_is_nothing_sent() {
    let store = store();
    let upload = start(&store, settings(&store, tiny(100)), None);
    assert_eq!(upload.detach().await.unwrap().safe(), 0);
    assert_eq!(store.requests().total(), 0);

    let old = base(&store, &pattern(35)).await;
    let upload = start(&store, settings(&store, tiny(100)), Some(old.clone()));
    let progress = upload.detach().await.unwrap();
    assert_eq!((progress.safe(), store.requests().total()), (35, 0));
    assert_eq!(progress.base(), Some((&old.pin, 35)));
    let set = settings(&store, tiny(100));
    let upload = resume_with(&store, set, Some(old), &progress)
        .await
        .unwrap();
    assert!(upload.is_untouched());
}

#[tokio::test]
async fn bytes_behind_a_hole_are_not_safe() {
    let store = store();
    let bytes = pattern(60);
    let upload = start(&store, settings(&store, tiny(100)), None);
    upload.write(0, &bytes[..14]).unwrap();
    upload.write(17, &bytes[17..40]).unwrap();
    let progress = upload.detach().await.unwrap();
    assert_eq!(progress.safe(), 14);
    let upload = resume(&store, tiny(100), &progress).await.unwrap();
    assert_eq!(upload.len(), 14);
    upload.write(14, &bytes[14..]).unwrap();
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, bytes);
}

#[tokio::test]
async fn after_a_crash_the_parts_are_the_progress() {
    let store = store();
    let bytes = pattern(95);
    let (began, last) = recorder();
    let set = UploadSettings {
        began: Some(began),
        ..settings(&store, tiny(100))
    };
    let upload = start(&store, set, None);
    upload.write(0, &bytes[..57]).unwrap();
    upload.settle().await.unwrap();
    drop(upload);
    let progress = last.lock().unwrap().clone().unwrap();
    assert_eq!(progress.safe(), 0);
    assert!(!progress.is_exact() && progress.multipart().is_some());
    store.reset_requests();
    let upload = resume(&store, tiny(100), &progress).await.unwrap();
    assert_eq!(upload.len(), 50);
    assert_eq!(store.requests().total(), 1);
    upload.write(50, &bytes[50..]).unwrap();
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, bytes);
}

#[tokio::test]
async fn a_part_behind_a_hole_does_not_count_later_either() {
    let store = store();
    let (began, last) = recorder();
    let set = |began| UploadSettings {
        began,
        ..settings(&store, tiny(100))
    };
    let upload = start(&store, set(Some(began.clone())), None);
    upload.write(20, &[9; 10]).unwrap();
    upload.write(0, &pattern(12)).unwrap();
    upload.settle().await.unwrap();
    drop(upload);
    let told = |last: &std::sync::Mutex<Option<Progress>>| last.lock().unwrap().clone().unwrap();
    let progress = told(&last);
    let upload = resume_with(&store, set(Some(began)), None, &progress)
        .await
        .unwrap();
    assert_eq!(upload.len(), 10);
    let other: Vec<u8> = (0..25).collect();
    upload.write(10, &other[10..]).unwrap();
    upload.settle().await.unwrap();
    drop(upload);
    let upload = resume(&store, tiny(100), &told(&last)).await.unwrap();
    assert_eq!(upload.len(), 20, "the old third part is not the new one");
}

#[tokio::test]
async fn what_the_store_has_given_up_is_told() {
    let store = store();
    let upload = start(&store, settings(&store, tiny(100)), None);
    upload.write(0, &pattern(57)).unwrap();
    let progress = upload.detach().await.unwrap();
    let abort = progress.multipart().unwrap();
    store.abort_upload(&abort).await.unwrap();
    let error = resume(&store, tiny(100), &progress).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("send the file again"), "{error}");
}

#[tokio::test]
async fn a_tail_that_is_gone_shortens_what_is_safe() {
    let store = store();
    let bytes = pattern(57);
    let upload = start(&store, settings(&store, tiny(100)), None);
    upload.write(0, &bytes).unwrap();
    let progress = upload.detach().await.unwrap();
    discard::clear(&Staging {
        store: Arc::new(store.clone()),
        prefix: ".staging/".into(),
    })
    .await
    .unwrap();
    let upload = resume(&store, tiny(100), &progress).await.unwrap();
    assert_eq!(upload.len(), 50);
    upload.write(50, &bytes[50..]).unwrap();
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, bytes);
}

#[tokio::test]
async fn replaced_parts_are_a_conflict() {
    let store = store();
    let upload = start(&store, settings(&store, tiny(100)), None);
    upload.write(0, &pattern(57)).unwrap();
    let progress = upload.detach().await.unwrap();
    let other = Bytes::from_static(b"0123456789").into();
    let id = progress.multipart().unwrap();
    let number = PartNumber::new(2).unwrap();
    store.put_part(number, other, &id).await.unwrap();
    let error = resume(&store, tiny(100), &progress).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_tail_that_fails_loses_nothing() {
    let store = store();
    let bytes = pattern(57);
    let upload = start(&store, settings(&store, tiny(100)), None);
    upload.write(0, &bytes).unwrap();
    upload.settle().await.unwrap();
    store.on_request(|request| match request.operation {
        Operation::Put => Fault::Refuse(ErrorKind::Unavailable),
        _ => Fault::None,
    });
    let error = upload.detach().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!((upload.safe(), upload.safe_progress().safe()), (50, 50));
    let short = upload.safe_progress();
    store.clear_faults();
    assert_eq!(upload.detach().await.unwrap().safe(), 57);
    let upload = resume(&store, tiny(100), &short).await.unwrap();
    assert_eq!(upload.len(), 50);
    upload.abort().await;
    nothing_left(&store).await;
}

#[tokio::test]
async fn a_tail_whose_reply_is_lost_is_put_again() {
    let store = store();
    let upload = start(&store, settings(&store, tiny(100)), None);
    upload.write(0, b"abc").unwrap();
    let count = AtomicU32::new(0);
    store.on_request(move |_| match count.fetch_add(1, SeqCst) {
        0 => Fault::LoseReply,
        _ => Fault::None,
    });
    let progress = upload.detach().await.unwrap();
    assert_eq!((progress.safe(), staged_objects(&store).await), (3, 1));
}

#[tokio::test]
async fn parts_that_failed_are_in_the_tail() {
    let store = store();
    let bytes = pattern(57);
    let upload = start(&store, settings(&store, tiny(100)), None);
    store.on_request(|request| match request.operation {
        Operation::PutPart if request.part.is_some_and(|part| part.get() > 2) => {
            Fault::Refuse(ErrorKind::Unavailable)
        }
        _ => Fault::None,
    });
    upload.write(0, &bytes).unwrap();
    upload.settle().await.unwrap_err();
    let progress = upload.detach().await.unwrap();
    assert_eq!(progress.safe(), 57);
    store.clear_faults();
    let upload = resume(&store, tiny(100), &progress).await.unwrap();
    assert_eq!(upload.len(), 57);
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, bytes);
    nothing_left(&store).await;
}

#[tokio::test]
async fn an_end_that_failed_can_be_gone_on_with() {
    for len in [7, 57] {
        let store = store();
        let bytes = pattern(len);
        let upload = start(&store, settings(&store, tiny(100)), None);
        upload.write(0, &bytes).unwrap();
        store.on_request(|request| match request.operation {
            Operation::CompleteUpload | Operation::Put if request.key == "a" => {
                Fault::Refuse(ErrorKind::Unavailable)
            }
            _ => Fault::None,
        });
        finish(&upload).await.unwrap_err();
        let progress = upload.detach().await.unwrap();
        assert_eq!(progress.safe(), len as u64);
        store.clear_faults();
        let upload = resume(&store, tiny(100), &progress).await.unwrap();
        finish(&upload).await.unwrap();
        assert_eq!(content(&store).await, bytes);
        nothing_left(&store).await;
    }
}

#[tokio::test]
async fn many_times_detached_it_keeps_one_tail() {
    let store = store();
    let bytes = pattern(95);
    let mut upload = start(&store, settings(&store, tiny(100)), None);
    for (index, piece) in bytes.chunks(7).enumerate() {
        upload.write(index as u64 * 7, piece).unwrap();
        let progress = upload.detach().await.unwrap();
        assert_eq!(progress.safe(), (index * 7 + piece.len()) as u64);
        upload.forget_superseded().await;
        assert!(progress.tails.len() <= 2);
        upload = resume(&store, tiny(100), &progress).await.unwrap();
        upload.settle().await.unwrap();
    }
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, bytes);
    nothing_left(&store).await;
}

#[tokio::test]
async fn an_append_survives_a_crash_with_its_base() {
    let store = store();
    let old = base(&store, &pattern(25)).await;
    let (began, last) = recorder();
    let set = UploadSettings {
        began: Some(began),
        ..settings(&store, tiny(100))
    };
    let upload = start(&store, set, Some(old.clone()));
    upload.write(25, &[7; 30]).unwrap();
    upload.settle().await.unwrap();
    drop(upload);
    let progress = last.lock().unwrap().clone().unwrap();
    let set = settings(&store, tiny(100));
    let upload = resume_with(&store, set, Some(old), &progress)
        .await
        .unwrap();
    // The part that begins in the base was not full: of the others none counts.
    assert_eq!(upload.len(), 25);
    upload.write(25, &[8; 5]).unwrap();
    finish(&upload).await.unwrap();
    assert_eq!(content(&store).await, [pattern(25), vec![8; 5]].concat());
}

#[tokio::test]
async fn a_discarded_upload_leaves_nothing() {
    for plan in [tiny(100), composed()] {
        let store = store();
        let upload = start(&store, settings(&store, plan), None);
        upload.write(0, &pattern(107)).unwrap();
        let progress = upload.detach().await.unwrap();
        let staging = Staging {
            store: Arc::new(store.clone()),
            prefix: ".staging/".into(),
        };
        for _ in 0..2 {
            progress.discard(&store, Some(&staging)).await.unwrap();
        }
        nothing_left(&store).await;
    }
}

#[tokio::test]
async fn an_upload_that_cannot_be_recorded_sends_no_part() {
    let store = store();
    let began: Began = Arc::new(|_| {
        let failed = Error::new(ErrorKind::Unavailable, "record", "a", "no database");
        async { Err(failed) }.boxed()
    });
    let set = UploadSettings {
        began: Some(began),
        ..settings(&store, tiny(100))
    };
    let upload = start(&store, set, None);
    upload.write(0, &pattern(25)).unwrap();
    let error = finish(&upload).await.unwrap_err();
    assert_eq!(error.to_string(), "record a: no database");
    assert_eq!(store.requests().count(Operation::PutPart), 0);
    nothing_left(&store).await;
}

#[tokio::test]
async fn composed_and_staged_uploads_go_on() {
    for (plan, placement) in [
        (composed(), Placement::Direct),
        (tiny(100), Placement::Staged),
    ] {
        for cut in [15, 45, 57, 80, 110] {
            let store = store();
            let mut bytes = pattern(163);
            let set = |placement| UploadSettings {
                placement,
                ..settings(&store, plan.clone())
            };
            let upload = start(&store, set(placement), None);
            upload.write(0, &bytes[..cut]).unwrap();
            let progress = upload.detach().await.unwrap();
            assert_eq!(progress.safe(), cut as u64);
            let upload = resume_with(&store, set(placement), None, &progress)
                .await
                .unwrap();
            upload.write(cut as u64, &bytes[cut..]).unwrap();
            upload.settle().await.unwrap();
            if placement == Placement::Staged {
                assert_eq!(upload.read(3, 100).await.unwrap().concat(), bytes[3..103]);
                upload.write(3, b"patch").unwrap();
                bytes[3..8].copy_from_slice(b"patch");
            }
            finish(&upload).await.unwrap();
            assert_eq!(content(&store).await, bytes);
            nothing_left(&store).await;
        }
    }
}
