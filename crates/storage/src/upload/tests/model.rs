//! Any writes and truncates, over any base, plan, placement and store, against a vector of bytes
//! that behaves as a POSIX file: the object equals it, or there is a clear error and no object.

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Write(usize, Vec<u8>),
    /// Writes all of a range in pieces of some length, every so manieth first.
    Fill(usize, usize, usize, usize),
    Truncate(usize),
    Read(usize, usize),
    Settle,
    /// Lets tasks run, not to their end.
    Yield,
}

#[derive(Debug, Clone)]
struct Case {
    base: Option<usize>,
    plan: u8,
    staged: bool,
    part_copy: bool,
    min_part: u64,
    kept: u64,
    steps: Vec<Step>,
    /// The so manieth request to the store fails.
    failure: Option<u32>,
}

/// A file: `None` where nobody has written.
#[derive(Default)]
struct File(Vec<Option<u8>>);

impl File {
    fn write(&mut self, at: usize, piece: &[u8]) {
        let end = at + piece.len();
        if self.0.len() < end {
            self.0.resize(end, None);
        }
        self.0[at..end]
            .iter_mut()
            .zip(piece)
            .for_each(|(old, new)| *old = Some(*new));
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let piece = proptest::collection::vec(any::<u8>(), 1..25);
    let step = prop_oneof![
        3 => (0usize..130, piece).prop_map(|(at, piece)| Step::Write(at, piece)),
        4 => (0usize..60, 1usize..120, 1usize..20, 1usize..6)
            .prop_map(|(at, len, piece, stride)| Step::Fill(at, len, piece, stride)),
        1 => (0usize..150).prop_map(Step::Truncate),
        1 => (0usize..150, 0usize..80).prop_map(|(at, len)| Step::Read(at, len)),
        1 => Just(Step::Settle),
        1 => Just(Step::Yield),
    ];
    let start = (20usize..160, 1usize..20, 1usize..6)
        .prop_map(|(len, piece, stride)| Step::Fill(0, len, piece, stride));
    (
        proptest::option::weighted(0.8, start),
        proptest::collection::vec(step, 0..6),
    )
        .prop_map(|(start, steps)| start.into_iter().chain(steps).collect())
}

fn cases() -> impl Strategy<Value = Case> {
    let base = proptest::option::of(0usize..140);
    let failure = proptest::option::weighted(0.2, 0u32..20);
    let kept = prop_oneof![Just(0), Just(1 << 10)];
    (
        base,
        0u8..4,
        any::<bool>(),
        any::<bool>(),
        1u64..10,
        kept,
        steps(),
        failure,
    )
        .prop_map(
            |(base, plan, staged, part_copy, min_part, kept, steps, failure)| Case {
                base,
                plan,
                staged,
                part_copy,
                min_part,
                kept,
                steps,
                failure,
            },
        )
}

fn plan(which: u8) -> PartPlan {
    match which {
        0 => PartPlan::uniform(10),
        1 => composed(),
        2 => {
            let tier = |part_len| Tier {
                parts: 3,
                part_len,
                slot_len: part_len,
            };
            PartPlan::new(vec![tier(10), tier(20), tier(40)]).unwrap()
        }
        _ => PartPlan::new(vec![Tier {
            parts: 20,
            part_len: 20,
            slot_len: 10,
        }])
        .unwrap(),
    }
}

async fn play(case: &Case, upload: &Upload, file: &mut File) -> Result<()> {
    for step in &case.steps {
        match step {
            Step::Write(at, piece) => {
                file.write(*at, piece);
                upload.write(*at as u64, piece)?;
            }
            Step::Fill(at, len, piece, stride) => {
                let bytes: Vec<u8> = (0..*len).map(|byte| (byte * 31 + at + len) as u8).collect();
                let pieces: Vec<_> = bytes.chunks(*piece).enumerate().collect();
                for first in 0..*stride {
                    for (index, bytes) in pieces.iter().skip(first).step_by(*stride) {
                        let at = at + index * piece;
                        file.write(at, bytes);
                        upload.write(at as u64, bytes)?;
                    }
                }
            }
            Step::Truncate(len) => {
                file.0.resize(*len, Some(0));
                upload.truncate(*len as u64)?;
            }
            Step::Read(at, len) => match upload.read(*at as u64, *len).await {
                Ok(found) => {
                    let (size, end) = (file.0.len(), at + len);
                    let expected = file.0[(*at).min(size)..end.min(size)].iter();
                    let expected: Vec<u8> = expected.map(|byte| byte.unwrap_or(0)).collect();
                    assert_eq!(found.concat(), expected);
                }
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    assert!(!(case.staged && case.part_copy), "{error}");
                }
                Err(error) => return Err(error),
            },
            Step::Settle => upload.settle().await?,
            Step::Yield => tokio::task::yield_now().await,
        }
        assert_eq!(upload.len(), file.0.len() as u64);
    }
    Ok(())
}

async fn check(case: &Case) {
    let capabilities = |can: &mut Capabilities| {
        can.part_copy = case.part_copy;
        can.min_part_size = case.min_part;
        can.uniform_parts = case.plan == 0;
    };
    let store = store().with_capabilities(capabilities);
    let mut file = File::default();
    let mut old = None;
    if let Some(len) = case.base {
        let bytes: Vec<u8> = (0..len).map(|at| (at * 3 + 1) as u8).collect();
        file.write(0, &bytes);
        old = Some(base(&store, &bytes).await);
    }
    let settings = UploadSettings {
        window: 1 << 10,
        placement: if case.staged {
            Placement::Staged
        } else {
            Placement::Direct
        },
        buffers: buffers(case.kept),
        ..settings(&store, plan(case.plan))
    };
    let buffers = settings.buffers.clone();
    if let Some(failure) = case.failure {
        let count = AtomicU32::new(0);
        store.on_request(move |_| match count.fetch_add(1, SeqCst) {
            number if number == failure => Fault::Refuse(ErrorKind::Unavailable),
            _ => Fault::None,
        });
    }
    let upload = start(&store, settings, old);
    let played = play(case, &upload, &mut file).await;
    let outcome = match played {
        Ok(()) => finish(&upload).await,
        Err(error) => Err(error),
    };
    let failed = case
        .failure
        .is_some_and(|at| store.requests().total() > u64::from(at));
    store.clear_faults();
    match outcome {
        Ok(written) => {
            let expected: Option<Vec<u8>> = file.0.iter().copied().collect();
            let found = content(&store).await;
            assert_eq!(Some(&found), expected.as_ref());
            let crc = crate::crc64::to_base64(crate::crc64::of([found.as_slice()]));
            assert_eq!(written.crc64nvme, Some(crc));
        }
        Err(error) => {
            let holes = file.0.contains(&None);
            let detour = case.staged && case.part_copy;
            match error.kind() {
                ErrorKind::Invalid => assert!(holes, "{error}"),
                ErrorKind::Unsupported => assert!(!detour, "{error}"),
                ErrorKind::Unavailable => assert!(failed, "{error}"),
                kind => panic!("{kind}: {error}"),
            }
            upload.abort().await;
            assert!(!store.exists(&key("a")).await.unwrap());
        }
    }
    if !failed {
        nothing_left(&store).await;
    }
    drop(upload);
    assert_eq!(buffers.chunks.buffered(), 0);
    assert_eq!(
        (buffers.in_flight.in_flight(), buffers.kept.in_flight()),
        (0, 0)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_object_is_what_a_file_would_be(case in cases()) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(check(&case));
    }
}
