//! What taking a WRITE costs: bytes into pooled chunks, in order and not, without a store.

use std::sync::Arc;

use divan::Bencher;
use divan::counter::BytesCount;
use model::{BucketName, ObjectKey};
use storage::memory::MemoryStore;
use storage::{Buffers, Upload, UploadSettings};

/// Just below one part, so that nothing is sent.
const LEN: usize = (8 << 20) - 32768;

fn main() {
    divan::main();
}

fn upload(buffers: &Buffers) -> Upload {
    let bucket = BucketName::parse("bench").expect("a bucket's name");
    let key = ObjectKey::parse("file").expect("a key");
    let store = Arc::new(MemoryStore::new(bucket));
    Upload::start(store, key, UploadSettings::new(buffers.clone()), None)
}

fn take(bencher: Bencher<'_, '_>, piece: usize, order: impl Fn(usize) -> usize) {
    let buffers = Buffers::default();
    let bytes = vec![7u8; piece];
    let pieces = LEN / piece;
    bencher
        .counter(BytesCount::new(pieces * piece))
        .with_inputs(|| upload(&buffers))
        .bench_local_refs(|upload| {
            for index in 0..pieces {
                let offset = order(index) * piece;
                upload.write(offset as u64, &bytes).expect("room for it");
            }
        });
}

#[divan::bench(args = [4096, 32768, 261_120])]
fn in_order(bencher: Bencher<'_, '_>, piece: usize) {
    take(bencher, piece, |index| index);
}

#[divan::bench(args = [4096, 32768])]
fn swapped_in_groups_of_eight(bencher: Bencher<'_, '_>, piece: usize) {
    take(bencher, piece, |index| index / 8 * 8 + (7 - index % 8));
}

#[divan::bench]
fn memcpy_alone(bencher: Bencher<'_, '_>) {
    let (from, mut to) = (vec![7u8; 32768], vec![0u8; LEN]);
    bencher.counter(BytesCount::new(LEN)).bench_local(|| {
        for chunk in to.chunks_mut(32768) {
            chunk.copy_from_slice(&from[..chunk.len()]);
        }
        divan::black_box(&to);
    });
}
