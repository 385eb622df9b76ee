//! Whatever is done to both, the local store and the memory store tell the same afterwards.

use std::fmt::Debug;

use bytes::Bytes;
use futures::TryStreamExt as _;
use model::{Clock as _, ErrorKind, SystemClock};
use proptest::prelude::*;
use proptest::sample::select;
use storage::memory::MemoryStore;
use storage::{
    CopyOptions, Entry, ListRequest, Metadata, ObjectStore, Part, PartNumber, Precondition,
    PutOptions, Result, Source,
};

use crate::words::{bucket, key, open, root};

/// Keys that a file system can hold all at once.
const FILES: [&str; 7] = ["f", "d.txt", "d/x", "d/y", "d/e/z", "d0", "m/n/o"];
const MARKERS: [&str; 4] = ["d/", "d/e/", "m/", "empty/"];
/// Keys where nothing ever stands.
const NOTHING: [&str; 4] = ["d", "f/", "d/e", "nope/x"];

#[derive(Debug, Clone)]
enum When {
    Always,
    Absent,
    Current,
    Stale,
}

#[derive(Debug, Clone)]
enum Step {
    Put {
        at: &'static str,
        len: usize,
        when: When,
    },
    Mark {
        at: &'static str,
        when: When,
    },
    Get {
        at: &'static str,
        range: Option<(u64, u64)>,
    },
    Delete {
        at: &'static str,
        when: When,
    },
    Copy {
        from: &'static str,
        to: &'static str,
        when: When,
    },
    Upload {
        at: &'static str,
        sizes: Vec<usize>,
        order: usize,
        when: When,
    },
    List {
        prefix: &'static str,
        folds: bool,
        after: Option<&'static str>,
        page: u16,
    },
}

fn any_key() -> impl Strategy<Value = &'static str> {
    select([FILES.as_slice(), &MARKERS, &NOTHING].concat())
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        4 => Just(When::Always),
        1 => Just(When::Absent),
        1 => Just(When::Current),
        1 => Just(When::Stale),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let file = || select(FILES.as_slice());
    let prefix = select(["", "d", "d/", "d/e", "d/e/", "m/", "f", "x/"].as_slice());
    let after = proptest::option::of(select(["d/", "d.txt", "d/e/z", "f", "zz"].as_slice()));
    prop_oneof![
        4 => (file(), 0..40_usize, when()).prop_map(|(at, len, when)| Step::Put { at, len, when }),
        2 => (select(MARKERS.as_slice()), when()).prop_map(|(at, when)| Step::Mark { at, when }),
        2 => (any_key(), proptest::option::of((0..50_u64, 0..50_u64)))
            .prop_map(|(at, range)| Step::Get { at, range }),
        4 => (any_key(), when()).prop_map(|(at, when)| Step::Delete { at, when }),
        2 => (any_key(), file(), when()).prop_map(|(from, to, when)| Step::Copy { from, to, when }),
        2 => (file(), proptest::collection::vec(0..30_usize, 1..5), 0..24_usize, when())
            .prop_map(|(at, sizes, order, when)| Step::Upload { at, sizes, order, when }),
        4 => (prefix, any::<bool>(), after, 1..5_u16).prop_map(|(prefix, folds, after, page)| {
            // What a start inside a folded prefix gives differs from store to store.
            Step::List { prefix, folds, after: after.filter(|_| !folds), page }
        }),
    ]
}

/// One of the two stores.
struct Side<'s>(&'s dyn ObjectStore);

impl Side<'_> {
    /// What comes of a step, in words that both stores must agree on.
    async fn take(&self, step: &Step, index: usize) -> String {
        match step {
            Step::Put { at, len, when } => told(self.put(at, *len, when, index).await),
            Step::Mark { at, when } => told(self.put(at, 0, when, index).await),
            Step::Get { at, range } => told(self.get(at, *range).await),
            Step::Delete { at, when } => {
                let when = self.condition(at, when).await;
                told(self.0.delete(&key(at), when.as_ref()).await)
            }
            Step::Copy { from, to, when } => told(self.copy(from, to, when).await),
            Step::Upload {
                at,
                sizes,
                order,
                when,
            } => told(self.upload(at, sizes, *order, when).await),
            Step::List {
                prefix,
                folds,
                after,
                page,
            } => {
                let request = ListRequest {
                    prefix: (*prefix).to_owned(),
                    delimiter: folds.then_some('/'),
                    start_after: after.map(str::to_owned),
                    continuation: None,
                    max_entries: Some(*page),
                };
                told(self.list(request).await)
            }
        }
    }

    async fn condition(&self, at: &str, when: &When) -> Option<Precondition> {
        match when {
            When::Always => None,
            When::Absent => Some(Precondition::Absent),
            When::Stale => Some(Precondition::Matches("stale".to_owned())),
            When::Current => {
                let etag = self.0.head(&key(at)).await.map(|head| head.etag);
                Some(Precondition::Matches(
                    etag.unwrap_or_else(|_| "none".to_owned()),
                ))
            }
        }
    }

    async fn put(&self, at: &str, len: usize, when: &When, index: usize) -> Result<()> {
        let options = PutOptions {
            metadata: Metadata::from([("step".to_owned(), index.to_string())]),
            content_type: None,
            precondition: self.condition(at, when).await,
        };
        let body = Bytes::from(vec![b'a' + u8::try_from(index % 26).unwrap(); len]);
        self.0
            .put(&key(at), body.into(), &options)
            .await
            .map(|_| ())
    }

    async fn get(&self, at: &str, range: Option<(u64, u64)>) -> Result<(u64, Metadata, Vec<u8>)> {
        let range = range.map(|(start, len)| start..start + len);
        let fetched = self.0.get(&key(at), range, None).await?;
        let bytes: Vec<Bytes> = fetched.body.try_collect().await?;
        Ok((fetched.head.size, fetched.head.metadata, bytes.concat()))
    }

    async fn copy(&self, from: &str, to: &str, when: &When) -> Result<()> {
        let source = Source {
            bucket: self.0.bucket().clone(),
            key: key(from),
            pin: None,
        };
        let options = CopyOptions {
            metadata: None,
            precondition: self.condition(to, when).await,
        };
        self.0.copy(&source, &key(to), &options).await.map(|_| ())
    }

    /// Parts of these sizes, sent in one of their orders, each checksum compared.
    async fn upload(
        &self,
        at: &str,
        sizes: &[usize],
        order: usize,
        when: &When,
    ) -> Result<Option<String>> {
        let upload = self
            .0
            .create_upload(&key(at), &PutOptions::default())
            .await?;
        let mut waiting: Vec<usize> = (0..sizes.len()).collect();
        let mut parts: Vec<Part> = Vec::new();
        while !waiting.is_empty() {
            let index = waiting.remove(order % waiting.len());
            let body = Bytes::from(vec![b'A' + u8::try_from(index).unwrap(); sizes[index]]);
            let number = PartNumber::new(u16::try_from(index).unwrap() + 1).unwrap();
            parts.push(self.0.put_part(number, body.into(), &upload).await?);
        }
        parts.sort_by_key(|part| part.number);
        let when = self.condition(at, when).await;
        let done = self.0.complete_upload(&upload, &parts, when.as_ref()).await;
        if done.is_err() {
            self.0.abort_upload(&upload).await?;
        }
        assert_eq!(self.0.list_uploads("").await?, []);
        done.map(|written| written.crc64nvme)
    }

    async fn list(&self, mut request: ListRequest) -> Result<Vec<Vec<(String, Option<u64>)>>> {
        let mut pages = Vec::new();
        loop {
            let page = self.0.list(&request).await?;
            pages.push(page.entries.into_iter().map(plain).collect());
            request.continuation = page.continuation;
            if request.continuation.is_none() {
                return Ok(pages);
            }
        }
    }
}

fn plain(entry: Entry) -> (String, Option<u64>) {
    match entry {
        Entry::Object { key, size, .. } => (key, Some(size)),
        Entry::CommonPrefix(prefix) => (prefix, None),
    }
}

fn told<T: Debug>(result: Result<T>) -> String {
    let kind: Result<T, ErrorKind> = result.map_err(|error| error.kind());
    format!("{kind:?}")
}

async fn agree(steps: Vec<Step>) {
    let root = root();
    let local = open(root.path()).await;
    let memory = MemoryStore::new(bucket("inbox"));
    let (local, memory) = (Side(&local), Side(&memory));
    for (index, step) in steps.iter().enumerate() {
        let expected = memory.take(step, index).await;
        assert_eq!(
            local.take(step, index).await,
            expected,
            "step {index}: {step:?}"
        );
        let whole = told(memory.list(ListRequest::default()).await);
        assert_eq!(
            told(local.list(ListRequest::default()).await),
            whole,
            "after {index}: {step:?}"
        );
    }
    for head in [FILES.as_slice(), &MARKERS].concat() {
        if let Ok(head) = local.0.head(&key(head)).await {
            assert!(head.last_modified <= SystemClock.now());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn local_and_memory_agree(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(agree(steps));
    }
}
