//! Uploads that are set aside, or left by a process that died, and gone on with by another.

use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use storage::{
    Began, Buffers, ListRequest, PartPlan, Progress, PutOptions, Staging, Tier, Upload,
    UploadSettings,
};

use crate::fixture::{Fixture, key};

fn staging(f: &Fixture) -> Staging {
    Staging {
        store: f.store.clone(),
        prefix: ".staging/1/".to_owned(),
    }
}

/// Settings of a process that has just started, with the smallest parts that the store takes.
fn settings(f: &Fixture, began: Option<Began>) -> UploadSettings {
    let part_len = f.filling('a').len() as u64;
    UploadSettings {
        began,
        staging: Some(staging(f)),
        plan: PartPlan::new(vec![Tier {
            parts: 100,
            part_len,
            slot_len: part_len,
        }]),
        ..UploadSettings::new(Buffers::default())
    }
}

/// What another process makes of it.
async fn resume(f: &Fixture, progress: &Progress) -> Upload {
    let progress = Progress::from_json(&progress.to_json()).unwrap();
    let settings = settings(f, None);
    let resumed = Upload::resume(f.store.clone(), key("big/file"), settings, None, &progress).await;
    resumed.unwrap()
}

/// Two parts and a half.
fn text(f: &Fixture) -> String {
    let (a, b, mut c) = (f.filling('a'), f.filling('b'), f.filling('c'));
    c.truncate(c.len() / 2);
    format!("{a}{b}{c}")
}

async fn end(f: &Fixture, upload: &Upload, expected: &str) {
    upload.finish(&PutOptions::default()).await.unwrap();
    assert!(f.read("big/file").await.unwrap() == expected);
    nothing_left(f).await;
}

async fn nothing_left(f: &Fixture) {
    assert_eq!(f.store.list_uploads("").await.unwrap(), []);
    let request = ListRequest {
        prefix: ".staging/".to_owned(),
        ..ListRequest::default()
    };
    assert_eq!(f.list(request).await, [""; 0]);
}

pub(crate) async fn a_detached_upload_goes_on_elsewhere(f: &Fixture) {
    let text = text(f);
    let upload = Upload::start(f.store.clone(), key("big/file"), settings(f, None), None);
    upload.write(0, text.as_bytes()).unwrap();
    let progress = upload.detach().await.unwrap();
    assert_eq!(progress.safe(), text.len() as u64);
    drop(upload);
    let upload = resume(f, &progress).await;
    assert_eq!(upload.len(), progress.safe());
    upload.write(progress.safe(), b"the end").unwrap();
    end(f, &upload, &format!("{text}the end")).await;
}

pub(crate) async fn an_upload_goes_on_after_a_crash(f: &Fixture) {
    let text = text(f);
    let last = Arc::new(Mutex::new(None));
    let told = last.clone();
    let began: Began = Arc::new(move |progress: Progress| {
        *told.lock().unwrap() = Some(progress);
        async { Ok(()) }.boxed()
    });
    let upload = Upload::start(
        f.store.clone(),
        key("big/file"),
        settings(f, Some(began)),
        None,
    );
    upload.write(0, text.as_bytes()).unwrap();
    upload.settle().await.unwrap();
    drop(upload);
    let progress = last.lock().unwrap().clone().unwrap();
    let upload = resume(f, &progress).await;
    let safe = f.filling('a').len() * 2;
    assert_eq!(upload.len(), safe as u64);
    upload.write(safe as u64, &text.as_bytes()[safe..]).unwrap();
    end(f, &upload, &text).await;
}

pub(crate) async fn a_discarded_upload_leaves_nothing(f: &Fixture) {
    let upload = Upload::start(f.store.clone(), key("big/file"), settings(f, None), None);
    upload.write(0, text(f).as_bytes()).unwrap();
    let progress = upload.detach().await.unwrap();
    for _ in 0..2 {
        progress
            .discard(&*f.store, Some(&staging(f)))
            .await
            .unwrap();
    }
    nothing_left(f).await;
}
