//! Uploads against the memory store: requests, order, failures, and a byte model.

mod model;
mod order;
mod resuming;
mod rewriting;
mod sending;
mod spilling;

use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use ::model::{BucketName, ErrorKind};
use futures::FutureExt as _;
use tokio::sync::Semaphore;

use super::*;
use crate::memory::{Fault, MemoryStore, Operation};
use crate::{
    BufferLimits, Buffers, Capabilities, ChunkPool, Error, ObjectStoreExt as _, PartPlan,
    Precondition,
};

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
