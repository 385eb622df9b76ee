//! Promise 5: any order, overlap and number of handles gives the bytes that a POSIX file would.

use std::cell::RefCell;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::*;

/// What one client does to one file, over one or several handles.
#[derive(Debug, Clone)]
enum Step {
    /// Writes `length` bytes of `fill` through handle `by`.
    Write {
        by: usize,
        offset: u64,
        length: usize,
        fill: u8,
    },
    /// Sets the size through handle `by`.
    Resize { by: usize, size: u64 },
}

/// A file's life: what it held, how it is opened, what happens, in which order handles close.
#[derive(Debug, Clone)]
struct Life {
    /// So many bytes of the pattern.
    before: Option<usize>,
    truncate: bool,
    handles: usize,
    steps: Vec<Step>,
    /// Sends everything in one burst, or awaits each reply.
    pipelined: bool,
}

/// How far writes to small files reach: holes and overlaps are both likely.
const NEAR: u64 = 300_000;
/// A file of several parts, so that a rewrite copies some, sends some, and does both in others.
const LARGE: usize = 18 << 20;

fn small() -> impl Strategy<Value = Life> {
    let before = prop_oneof![
        Just(None),
        (0_usize..2000).prop_map(Some),
        (0..NEAR as usize).prop_map(Some),
    ];
    (before, any::<bool>(), steps(NEAR, 40_000, 24)).prop_map(|(before, truncate, steps)| {
        let (handles, steps, pipelined) = steps;
        Life {
            before,
            truncate,
            handles,
            steps,
            pipelined,
        }
    })
}

fn large() -> impl Strategy<Value = Life> {
    let before = Just(Some(LARGE));
    (before, steps(LARGE as u64 + 100_000, 200_000, 9)).prop_map(|(before, steps)| {
        let (handles, steps, pipelined) = steps;
        Life {
            before,
            truncate: false,
            handles,
            steps,
            pipelined,
        }
    })
}

/// How many handles, what is done by them, and whether in one burst.
fn steps(far: u64, longest: usize, most: usize) -> impl Strategy<Value = (usize, Vec<Step>, bool)> {
    let step = (
        any::<prop::sample::Index>(),
        0..far,
        0..longest,
        any::<u8>(),
        0..8_u8,
    );
    (1_usize..4, vec(step, 0..most), any::<bool>()).prop_map(|(handles, steps, pipelined)| {
        let step = |(by, offset, length, fill, kind): (prop::sample::Index, _, _, _, _)| {
            let by = by.index(handles);
            match kind {
                0 => Step::Resize { by, size: offset },
                // Near the front, where they overlap.
                1..4 => Step::Write {
                    by,
                    offset: offset % 5000,
                    length: length % 3000,
                    fill,
                },
                _ => Step::Write {
                    by,
                    offset,
                    length,
                    fill,
                },
            }
        };
        (handles, steps.into_iter().map(step).collect(), pipelined)
    })
}

/// A POSIX file that remembers which of its bytes were ever given.
#[derive(Debug, Default)]
struct Model {
    bytes: Vec<u8>,
    given: Vec<bool>,
}

impl Model {
    fn resize(&mut self, size: usize, given: bool) {
        self.bytes.resize(size, 0);
        self.given.resize(size, given);
    }

    fn write(&mut self, offset: usize, length: usize, fill: u8) {
        if length == 0 {
            return;
        }
        let end = offset + length;
        if self.bytes.len() < end {
            self.resize(end, false);
        }
        self.bytes[offset..end].fill(fill);
        self.given[offset..end].fill(true);
    }

    /// Whether bytes are missing that a file system would fill with zeros. Here CLOSE refuses: a
    /// block that got lost looks the same.
    fn has_hole(&self) -> bool {
        self.given.contains(&false)
    }
}

impl Life {
    fn model(&self) -> Model {
        let mut file = Model::default();
        if let Some(before) = self.before.filter(|_| !self.truncate) {
            file.bytes = pattern(before);
            file.given = vec![true; before];
        }
        for step in &self.steps {
            match *step {
                Step::Write {
                    offset,
                    length,
                    fill,
                    ..
                } => {
                    file.write(offset as usize, length, fill);
                }
                Step::Resize { size, .. } => file.resize(size as usize, true),
            }
        }
        file
    }

    /// Lives it through the protocol; whether the last CLOSE was OK.
    async fn live(&self, partner: &mut Partner, path: &str) -> bool {
        if let Some(before) = self.before {
            partner.put(path, &pattern(before)).await;
        }
        let flags = if self.truncate { W | C | T } else { W | C };
        let mut handles = vec![partner.open(path, flags).await];
        while handles.len() < self.handles {
            handles.push(partner.open(path, W | C).await);
        }
        let mut burst = Burst::new();
        for step in &self.steps {
            match *step {
                Step::Write {
                    by,
                    offset,
                    length,
                    fill,
                } => {
                    burst.write(&handles[by], offset, &vec![fill; length]);
                }
                Step::Resize { by, size: to } => burst.add(&fsetstat(&handles[by], size(to))),
            }
            if !self.pipelined {
                let replies = partner
                    .exchange(std::mem::replace(&mut burst, Burst::new()))
                    .await;
                assert!(replies.iter().all(is_ok), "{step:?}: {replies:?}");
            }
        }
        handles
            .iter()
            .for_each(|handle: &Bytes| burst.add(&close(handle)));
        let replies = partner.exchange(burst).await;
        let (last, others) = replies.split_last().expect("a handle was closed");
        let mut acknowledged = others.iter();
        assert!(acknowledged.all(is_ok), "{others:?}");
        is_ok(last)
    }
}

#[test]
fn writes_in_any_order_give_the_bytes_of_a_posix_file() {
    check(64, &small());
}

#[test]
fn rewrites_of_large_files_give_the_bytes_of_a_posix_file() {
    check(4, &large());
}

fn check(cases: u32, lives: &impl Strategy<Value = Life>) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (house, partner) = runtime.block_on(async {
        let house = House::new().await;
        let partner = house.partner().await;
        (house, partner)
    });
    let partner = RefCell::new((partner, 0));
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(lives, |life| {
        let (partner, number) = &mut *partner.borrow_mut();
        *number += 1;
        runtime.block_on(compare(&house, partner, &format!("file-{number}"), &life))
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

async fn compare(
    house: &House,
    partner: &mut Partner,
    path: &str,
    life: &Life,
) -> Result<(), TestCaseError> {
    let closed = life.live(partner, path).await;
    let stored = house.object(path).await;
    let model = life.model();
    prop_assert_eq!(closed, !model.has_hole(), "CLOSE of {}", path);
    if closed {
        let read = partner.get(path).await;
        prop_assert!(
            read == model.bytes,
            "{path} reads wrong, {} bytes",
            read.len()
        );
        prop_assert!(stored == Some(model.bytes), "the object of {path} differs");
    } else {
        let before = life.before.map(pattern);
        prop_assert!(stored == before, "a refused file replaced {path}");
    }
    Ok(())
}

#[tokio::test]
async fn appends_go_to_the_end_in_the_order_of_the_requests() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"0").await;
    let handle = partner.open("a", W | A).await;
    let mut burst = Burst::new();
    for digit in b"123456789" {
        // Whatever the offset says.
        burst.write(&handle, u64::from(*digit) * 1_000_000, &[*digit]);
    }
    burst.add(&close(&handle));
    assert!(partner.exchange(burst).await.iter().all(is_ok));
    assert_eq!(house.object("a").await, Some(b"0123456789".to_vec()));
}

#[tokio::test]
async fn a_gap_is_refused_by_write_or_by_close_and_what_stood_there_stays() {
    let house = House::new().await;
    house.plant("old", b"before").await;
    let mut partner = house.partner().await;
    for (path, mut before) in [("new", None), ("old", Some(b"before".to_vec()))] {
        for offset in [1, 1 << 20, 1 << 42, u64::MAX - 3] {
            let handle = partner.open(path, W | C | T).await;
            let written = partner.write(&handle, offset, b"far").await;
            let closed = partner.call(close(&handle)).await;
            let refused = !is_ok(&written) || !is_ok(&closed);
            assert!(refused, "{offset}: {written:?}, {closed:?}");
            // After a WRITE that was refused CLOSE may store what was taken, which is nothing.
            if is_ok(&closed) {
                before = Some(Vec::new());
            }
            assert_eq!(house.object(path).await, before, "{offset}");
        }
    }
}
