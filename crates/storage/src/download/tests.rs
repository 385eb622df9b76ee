//! Downloads from the memory store: requests, order, latency, memory, replaced objects.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use model::{BucketName, ErrorKind};
use proptest::prelude::*;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;
use crate::memory::{Fault, MemoryStore, Operation};
use crate::{Budget, Buffers, ObjectStoreExt as _};

fn key() -> ObjectKey {
    ObjectKey::parse("a").unwrap()
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 251) as u8).collect()
}

async fn store_of(bytes: &[u8]) -> MemoryStore {
    let store = MemoryStore::new(BucketName::parse("b").unwrap());
    store
        .put_bytes(&key(), bytes.to_vec().into())
        .await
        .unwrap();
    store.reset_requests();
    store
}

/// Everything a thousand times smaller.
fn tiny() -> DownloadSettings {
    DownloadSettings {
        read_ahead: Budget::new(1 << 20),
        initial_window: 512,
        max_window: 16 << 10,
        min_fetch: 1 << 10,
        max_fetch: 4 << 10,
        attempts: 3,
    }
}

async fn open(store: &MemoryStore, settings: DownloadSettings) -> Download {
    Download::open(Arc::new(store.clone()), key(), None, settings)
        .await
        .unwrap()
}

async fn read(download: &Download, offset: u64, len: usize) -> Vec<u8> {
    download.read(offset, len).await.unwrap().concat()
}

#[tokio::test]
async fn a_small_file_is_exactly_one_get() {
    let content = bytes(300);
    let store = store_of(&content).await;
    let head = store.head(&key()).await.unwrap();
    for head in [None, Some(head)] {
        store.reset_requests();
        let shared: Arc<dyn ObjectStore> = Arc::new(store.clone());
        let download = Download::open(shared, key(), head, tiny()).await.unwrap();
        assert_eq!(download.head().size, 300);
        for at in (0..400).step_by(32) {
            let end = (at + 32).min(300).max(at.min(300));
            assert_eq!(
                read(&download, at as u64, 32).await,
                content[at.min(300)..end]
            );
        }
        assert_eq!(read(&download, u64::MAX, 32).await, b"");
        assert_eq!(store.requests().count(Operation::Get), 1);
        assert_eq!(store.requests().total(), 1);
    }
}

#[tokio::test]
async fn an_empty_file_ends_at_once_and_a_missing_one_is_not_found() {
    let store = store_of(b"").await;
    let download = open(&store, tiny()).await;
    assert_eq!(read(&download, 0, 32).await, b"");
    assert_eq!(store.requests().total(), 1);
    let missing = ObjectKey::parse("missing").unwrap();
    let opened = Download::open(Arc::new(store), missing, None, tiny()).await;
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn sequential_reads_ride_on_few_large_gets_and_leave_nothing_held() {
    let content = bytes(200_000);
    let store = store_of(&content).await;
    let download = open(&store, tiny()).await;
    for at in (0..content.len()).step_by(100) {
        assert_eq!(read(&download, at as u64, 100).await, content[at..at + 100]);
        let held = download.settings.read_ahead.in_flight();
        assert!(held <= (16 << 10) + (4 << 10), "{held} bytes held");
    }
    let gets = store.requests().count(Operation::Get);
    assert!(gets <= 60, "{gets} GETs of at most 4 KiB for 200 KB");
    assert_eq!(download.settings.read_ahead.in_flight(), 0);
}

#[tokio::test]
async fn pipelined_reads_out_of_order_stay_one_stream() {
    let content = bytes(200_000);
    let store = store_of(&content).await;
    let download = open(&store, tiny()).await;
    // 64 at a time, swapped in pairs, as pipelined reads on several threads would arrive.
    for burst in (0..content.len()).step_by(6400) {
        let reads = (0..64).map(|index: usize| burst + (index ^ 3) * 100);
        let reads = reads.filter(|at| at + 100 <= content.len());
        let results = join_all(reads.map(|at| {
            let download = &download;
            async move { (at, read(download, at as u64, 100).await) }
        }));
        for (at, found) in results.await {
            assert_eq!(found, content[at..at + 100]);
        }
    }
    let gets = store.requests().count(Operation::Get);
    assert!(gets <= 80, "{gets} GETs");
}

#[tokio::test]
async fn random_reads_get_what_they_ask_for_and_end_the_read_ahead() {
    let content = bytes(2_000_000);
    let store = store_of(&content).await;
    let asked = Arc::new(AtomicU64::new(0));
    let download = open(&store, tiny()).await;
    for at in (0..10_000).step_by(100) {
        read(&download, at, 100).await;
    }
    assert!(download.settings.read_ahead.in_flight() > 0);
    let count = asked.clone();
    store.on_request(move |_| {
        count.fetch_add(1, SeqCst);
        Fault::None
    });
    for step in 1..=50u64 {
        let at = step * 777_777 % 1_900_000 + 50_000;
        assert_eq!(
            read(&download, at, 64).await,
            content[at as usize..at as usize + 64]
        );
    }
    assert_eq!(asked.load(SeqCst), 50, "one GET each");
    assert_eq!(download.settings.read_ahead.in_flight(), 0);
}

/// Lets every GET wait this long before it is served.
fn delay(store: &MemoryStore, latency: Duration) -> Arc<AtomicU32> {
    let timers = Mutex::new(JoinSet::new());
    let (flying, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let peak = most.clone();
    store.on_request(move |_| {
        let gate = Arc::new(Semaphore::new(0));
        let (open, flying) = (gate.clone(), flying.clone());
        peak.fetch_max(flying.fetch_add(1, SeqCst) + 1, SeqCst);
        timers.lock().unwrap().spawn(async move {
            tokio::time::sleep(latency).await;
            flying.fetch_sub(1, SeqCst);
            open.add_permits(1);
        });
        Fault::Hold(gate)
    });
    most
}

#[tokio::test(start_paused = true)]
async fn several_gets_are_in_flight_so_that_latency_does_not_add_up() {
    let content = bytes(1 << 20);
    let store = store_of(&content).await;
    let latency = Duration::from_millis(50);
    let most = delay(&store, latency);
    let download = open(&store, tiny()).await;
    let begun = Instant::now();
    for at in (0..content.len()).step_by(256) {
        assert_eq!(read(&download, at as u64, 256).await, content[at..at + 256]);
    }
    let gets = store.requests().count(Operation::Get) as u32;
    assert!(most.load(SeqCst) >= 4, "{most:?} in flight at most");
    assert!(
        gets > 250,
        "the object has 256 times the largest fetch, got {gets}"
    );
    let (took, in_turn) = (begun.elapsed(), latency * gets);
    assert!(
        took * 3 < in_turn,
        "{took:?}; one after the other: {in_turn:?}"
    );
}

#[tokio::test]
async fn a_replaced_object_is_a_conflict_and_never_a_mix() {
    let content = bytes(100_000);
    let store = store_of(&content).await;
    let download = open(&store, tiny()).await;
    assert_eq!(read(&download, 0, 100).await, content[..100]);
    store
        .put_bytes(&key(), vec![0; 100_000].into())
        .await
        .unwrap();
    let mut at = 100;
    let error = loop {
        match download.read(at as u64, 100).await {
            Ok(found) => assert_eq!(found.concat(), content[at..at + 100]),
            Err(error) => break error,
        }
        at += 100;
    };
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(
        error.to_string().contains("changed while being read"),
        "{error}"
    );
    let far = download.read(90_000, 10).await.unwrap_err();
    assert_eq!(far.kind(), ErrorKind::Conflict);
    store.delete(&key(), None).await.unwrap();
    let gone = download.read(80_000, 10).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn bodies_that_break_off_are_taken_up_again() {
    let content = bytes(20_000);
    let store = store_of(&content).await;
    store.on_request(|_| Fault::CutBody(300));
    let download = open(&store, tiny()).await;
    for at in (0..content.len()).step_by(1000) {
        assert_eq!(
            read(&download, at as u64, 1000).await,
            content[at..at + 1000]
        );
    }
    store.on_request(|_| Fault::CutBody(0));
    let error = download.read(0, 1000).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    store.clear_faults();
    assert_eq!(read(&download, 0, 1000).await, content[..1000]);
}

#[tokio::test]
async fn a_fetch_ahead_that_failed_is_tried_again_by_the_next_read() {
    let content = bytes(20_000);
    let store = store_of(&content).await;
    let download = open(&store, tiny()).await;
    store.on_request(|_| Fault::Refuse(ErrorKind::Unavailable));
    for at in (0..500).step_by(100) {
        read(&download, at, 100).await;
    }
    assert_eq!(
        download.read(500, 100).await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    store.clear_faults();
    for at in (500..20_000).step_by(100) {
        assert_eq!(read(&download, at as u64, 100).await, content[at..at + 100]);
    }
}

#[tokio::test]
async fn an_exhausted_budget_stops_the_read_ahead_but_no_read() {
    let content = bytes(20_000);
    let store = store_of(&content).await;
    let settings = tiny();
    let _all = settings.read_ahead.take(1 << 20);
    let download = open(&store, settings.clone()).await;
    for at in (0..20_000).step_by(100) {
        assert_eq!(read(&download, at as u64, 100).await, content[at..at + 100]);
        assert!(settings.read_ahead.in_flight() <= (1 << 20) + 512);
    }
}

#[tokio::test]
async fn dropping_it_cancels_its_fetches() {
    let store = store_of(&bytes(20_000)).await;
    let settings = tiny();
    let download = open(&store, settings.clone()).await;
    read(&download, 0, 300).await;
    let gate = Arc::new(Semaphore::new(0));
    store.on_request(move |_| Fault::Hold(gate.clone()));
    assert!(download.read(300, 10_000).now_or_never().is_none());
    let tasks = download.tasks.clone();
    tasks.close();
    drop(download);
    tasks.wait().await;
    assert_eq!(settings.read_ahead.in_flight(), 0);
}

#[derive(Debug, Clone)]
struct Case {
    size: usize,
    with_head: bool,
    cut: Option<u64>,
    /// Reads that are under way together: (offset, length).
    bursts: Vec<Vec<(u64, usize)>>,
}

fn cases() -> impl Strategy<Value = Case> {
    let anywhere = proptest::collection::vec((0u64..40_000, 0usize..3000), 1..8);
    let stream = (0u64..30_000, 1usize..700, 1u64..40).prop_map(|(start, len, count)| {
        (0..count)
            .map(|index| (start + index * len as u64, len))
            .collect()
    });
    let bursts = proptest::collection::vec(prop_oneof![anywhere, stream], 1..6);
    let cut = proptest::option::weighted(0.3, 1u64..2000);
    (0usize..40_000, any::<bool>(), cut, bursts).prop_map(|(size, with_head, cut, bursts)| Case {
        size,
        with_head,
        cut,
        bursts,
    })
}

async fn check(case: &Case) {
    let content = bytes(case.size);
    let store = store_of(&content).await;
    let head = store.head(&key()).await.unwrap();
    let head = case.with_head.then_some(head);
    if let Some(cut) = case.cut {
        store.on_request(move |_| Fault::CutBody(cut));
    }
    let settings = tiny();
    let shared: Arc<dyn ObjectStore> = Arc::new(store);
    let download = Download::open(shared, key(), head, settings.clone())
        .await
        .unwrap();
    for burst in &case.bursts {
        let reads = burst.iter().map(|(at, len)| read(&download, *at, *len));
        for ((at, len), found) in burst.iter().zip(join_all(reads).await) {
            let start = (*at as usize).min(content.len());
            assert_eq!(found, content[start..(start + len).min(content.len())]);
        }
        assert!(settings.read_ahead.in_flight() <= 40 << 10);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_reads_give_the_bytes_of_the_object(case in cases()) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(check(&case));
    }
}

#[test]
fn the_defaults_hold_together() {
    let settings = DownloadSettings::new(&Buffers::default());
    assert!(settings.min_fetch <= settings.max_fetch);
    assert!(settings.max_fetch * 4 <= settings.max_window);
}
