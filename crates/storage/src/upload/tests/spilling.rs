//! Memory that is short: half-full parts go to staging, and come back when they are needed.

use super::*;

/// Memory for `unsent` bytes of half-full parts and 16 on their way, in chunks of 4.
fn short(unsent: u64) -> Buffers {
    let limits = BufferLimits {
        unsent,
        in_flight: 16,
        kept: 0,
        ..BufferLimits::default()
    };
    Buffers {
        chunks: ChunkPool::with_chunk_size(4, 1 << 10),
        ..Buffers::new(&limits)
    }
}

fn begin(store: &MemoryStore, memory: &Buffers, number: usize) -> Upload {
    let settings = UploadSettings {
        buffers: memory.clone(),
        staging: Some(Staging {
            store: Arc::new(store.clone()),
            prefix: format!(".staging/{number}/"),
        }),
        ..settings(store, tiny(100))
    };
    Upload::start(
        Arc::new(store.clone()),
        key(&format!("{number:02}")),
        settings,
        None,
    )
}

/// What a socket does before it reads on.
async fn gate(memory: &Buffers) {
    let gate = memory.in_flight.gate();
    std::future::poll_fn(|context| gate.poll_open(context)).await;
}

#[tokio::test]
async fn many_half_full_parts_fit_in_little_memory() {
    let (store, memory) = (store(), short(64));
    let uploads: Vec<Upload> = (0..50)
        .map(|number| begin(&store, &memory, number))
        .collect();
    let bytes = pattern(36);
    let mut most = 0;
    for (index, piece) in bytes.chunks(4).enumerate() {
        for upload in &uploads {
            gate(&memory).await;
            upload.write(index as u64 * 4, piece).unwrap();
            most = most.max(memory.chunks.buffered());
            tokio::task::yield_now().await;
        }
    }
    // Unsent, on its way, and what one writer adds before the gate: of 50 times 8 bytes and more.
    assert!(most <= 64 + 16 + 16, "{most}");
    for (number, upload) in uploads.iter().enumerate() {
        finish(upload).await.unwrap();
        let found = store.read_whole(&key(&format!("{number:02}")), 100).await;
        assert_eq!(found.unwrap(), bytes);
    }
    assert_eq!(memory.unsent.in_flight(), 0);
    nothing_left(&store).await;
}

#[tokio::test]
async fn the_stalest_is_spilled_and_the_others_are_not() {
    let (store, memory) = (store(), short(12));
    let uploads: Vec<Upload> = (0..3)
        .map(|number| begin(&store, &memory, number))
        .collect();
    for upload in [&uploads[1], &uploads[0], &uploads[2]] {
        upload.write(0, b"abcd").unwrap();
    }
    assert_eq!(memory.unsent.in_flight(), 12);
    uploads[2].write(4, b"ef").unwrap();
    uploads[1].engine.spilled().await;
    let requests = store.requests();
    assert_eq!((requests.count(Operation::Put), requests.total()), (1, 1));
    let safe: Vec<u64> = uploads.iter().map(Upload::safe).collect();
    assert_eq!(safe, [0, 4, 0]);
    assert_eq!(
        (memory.unsent.in_flight(), memory.chunks.buffered()),
        (12, 12)
    );
    // Read back and gone on with, it is whole.
    assert_eq!(uploads[1].read(1, 2).await.unwrap().concat(), b"bc");
    uploads[1].write(2, b"XYZ").unwrap();
    finish(&uploads[1]).await.unwrap();
    assert_eq!(store.read_whole(&key("01"), 9).await.unwrap(), "abXYZ");
}

#[tokio::test]
async fn a_spill_that_fails_loses_nothing_and_is_not_repeated_at_once() {
    let (store, memory) = (store(), short(4));
    let upload = begin(&store, &memory, 0);
    store.on_request(|request| match request.operation {
        Operation::Put => Fault::Refuse(ErrorKind::Unavailable),
        _ => Fault::None,
    });
    let bytes = pattern(28);
    for (index, piece) in bytes.chunks(4).enumerate() {
        upload.write(index as u64 * 4, piece).unwrap();
        upload.engine.spilled().await;
    }
    assert_eq!(store.requests().count(Operation::Put), 1);
    store.clear_faults();
    finish(&upload).await.unwrap();
    assert_eq!(store.read_whole(&key("00"), 99).await.unwrap(), bytes);
}

#[tokio::test]
async fn a_slot_is_spilled_more_than_once_and_sent_whole() {
    let (store, memory) = (store(), short(1 << 10));
    let upload = begin(&store, &memory, 0);
    let bytes = pattern(25);
    for (index, piece) in bytes.chunks(3).enumerate() {
        upload.write(index as u64 * 3, piece).unwrap();
        upload.engine.spill();
        upload.engine.spilled().await;
        assert_eq!(memory.unsent.in_flight(), 0);
    }
    upload.settle().await.unwrap();
    assert_eq!(upload.safe(), 25);
    finish(&upload).await.unwrap();
    assert_eq!(store.read_whole(&key("00"), 99).await.unwrap(), bytes);
    nothing_left(&store).await;
}

#[tokio::test]
async fn a_spill_that_nobody_waits_for_ends_with_its_upload() {
    let (store, memory) = (store(), short(1));
    let held = Arc::new(Semaphore::new(0));
    let hold = held.clone();
    store.on_request(move |_| Fault::Hold(hold.clone()));
    let upload = begin(&store, &memory, 0);
    upload.write(0, b"abcd").unwrap();
    while store.requests().total() == 0 {
        tokio::task::yield_now().await;
    }
    drop(upload);
    while memory.in_flight.in_flight() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        (memory.chunks.buffered(), memory.unsent.in_flight()),
        (0, 0)
    );
}
