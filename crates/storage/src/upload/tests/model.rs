//! Any writes and truncates, over any base, plan, placement and store, set aside, killed, spilled
//! and gone on with at any time, against a vector of bytes that behaves as a POSIX file: the
//! object equals it, or there is a clear error and no object.

use std::collections::BTreeSet;
use std::sync::Mutex;

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Write(usize, Vec<u8>),
    /// Writes all of a range in pieces of some length, every so manieth first.
    Fill(usize, usize, usize, usize),
    Truncate(usize),
    /// Copies so many bytes at the first offset of another file to the second one, as far as the store
    /// does that.
    Copy(usize, usize, usize),
    Read(usize, usize),
    Settle,
    /// Lets tasks run, not to their end.
    Yield,
    /// Sets it aside and goes on elsewhere.
    Detach,
    /// The node dies; another goes on with what was recorded.
    Kill,
    /// Memory is short.
    Spill,
    /// It is ended, which fails; then as [`Self::Detach`].
    FailToFinish,
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
    /// The so manieth request to the store fails, or only its reply is lost.
    failure: Option<(u32, bool)>,
    /// After a failure, what is safe is gone on with.
    rescue: bool,
}

/// A file: of each byte the values that it may have, one as a rule, none where nobody has written.
/// What was overwritten, or cut off, may come back after a crash, as on a disk.
#[derive(Default, Clone)]
struct File {
    bytes: Vec<BTreeSet<u8>>,
    past: Vec<BTreeSet<u8>>,
}

impl File {
    fn write(&mut self, at: usize, piece: &[u8]) {
        let end = at + piece.len();
        self.bytes
            .resize_with(self.bytes.len().max(end), BTreeSet::new);
        self.past
            .resize_with(self.past.len().max(end), BTreeSet::new);
        for (index, byte) in (at..).zip(piece) {
            self.bytes[index] = BTreeSet::from([*byte]);
            self.past[index].insert(*byte);
        }
    }

    /// A write that failed: it took effect or not.
    fn perhaps(&mut self, at: usize, piece: &[u8]) {
        let before = self.clone();
        self.write(at, piece);
        for (index, old) in before.bytes.into_iter().enumerate() {
            self.bytes[index].extend(old);
        }
    }

    fn truncate(&mut self, len: usize) {
        self.bytes.resize_with(len, || BTreeSet::from([0]));
    }

    fn reach(&self) -> usize {
        let hole = self.bytes.iter().position(BTreeSet::is_empty);
        hole.unwrap_or(self.bytes.len())
    }

    /// Only the first `len` bytes were safe, and they are as they should be.
    fn detached(&mut self, len: usize) {
        assert!(len <= self.reach(), "{len} of {}", self.reach());
        self.bytes.truncate(len);
        self.past = self.bytes.clone();
    }

    /// Only the first `len` bytes were safe, and older ones may have come back.
    fn killed(&mut self, len: usize) {
        self.past.truncate(len);
        self.past.resize_with(len, BTreeSet::new);
        for (index, now) in self.bytes.iter().take(len).enumerate() {
            self.past[index].extend(now);
        }
        self.bytes = self.past.clone();
        assert_eq!(self.reach(), len, "bytes that nobody wrote count");
    }

    #[track_caller]
    fn check(&self, at: usize, found: &[u8]) {
        for (index, byte) in (at..).zip(found) {
            let may = &self.bytes[index];
            assert!(
                may.contains(byte) || may.is_empty() && *byte == 0,
                "byte {index} is {byte}, not of {may:?}"
            );
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let piece = proptest::collection::vec(any::<u8>(), 1..25);
    let step = prop_oneof![
        3 => (0usize..130, piece).prop_map(|(at, piece)| Step::Write(at, piece)),
        4 => (0usize..60, 1usize..120, 1usize..20, 1usize..6)
            .prop_map(|(at, len, piece, stride)| Step::Fill(at, len, piece, stride)),
        1 => (0usize..150).prop_map(Step::Truncate),
        2 => (0usize..100, 1usize..100, 0usize..130)
            .prop_map(|(from, len, at)| Step::Copy(from, len, at)),
        1 => (0usize..150, 0usize..80).prop_map(|(at, len)| Step::Read(at, len)),
        1 => Just(Step::Settle),
        1 => Just(Step::Yield),
        2 => Just(Step::Detach),
        1 => Just(Step::Kill),
        2 => Just(Step::Spill),
        1 => Just(Step::FailToFinish),
    ];
    let start = prop_oneof![
        4 => (20usize..160, 1usize..20, 1usize..6)
            .prop_map(|(len, piece, stride)| Step::Fill(0, len, piece, stride)),
        1 => (0usize..100, 1usize..100).prop_map(|(from, len)| Step::Copy(from, len, 0)),
    ];
    (
        proptest::option::weighted(0.8, start),
        proptest::collection::vec(step, 0..8),
    )
        .prop_map(|(start, steps)| start.into_iter().chain(steps).collect())
}

fn cases() -> impl Strategy<Value = Case> {
    let base = proptest::option::of(0usize..140);
    let failure = proptest::option::weighted(0.3, (0u32..25, any::<bool>()));
    let kept = prop_oneof![Just(0), Just(1 << 10)];
    let kind = (base, 0u8..4, any::<bool>(), any::<bool>(), 1u64..10);
    (kind, kept, steps(), failure, any::<bool>()).prop_map(
        |((base, plan, staged, part_copy, min_part), kept, steps, failure, rescue)| Case {
            base,
            plan,
            staged,
            part_copy,
            min_part,
            kept,
            steps,
            failure,
            rescue,
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

/// One upload through all its lives.
struct Run<'a> {
    case: &'a Case,
    store: MemoryStore,
    base: Option<Base>,
    old: Vec<u8>,
    /// What is copied from.
    other: Base,
    upload: Upload,
    file: File,
    recorded: Arc<Mutex<Option<Progress>>>,
    memory: Vec<Buffers>,
}

impl<'a> Run<'a> {
    fn begin(
        case: &'a Case,
        store: MemoryStore,
        (base, other): (Option<Base>, Base),
        old: Vec<u8>,
    ) -> Self {
        let recorded = Arc::default();
        let settings = settings_of(case, &store, &recorded);
        let memory = vec![settings.buffers.clone()];
        let mut file = File::default();
        file.write(0, &old);
        Self {
            upload: start(&store, settings, base.clone()),
            case,
            store,
            base,
            old,
            other,
            file,
            recorded,
            memory,
        }
    }

    async fn play(&mut self) -> Result<()> {
        for step in &self.case.steps {
            match self.step(step).await {
                Err(error) if self.case.rescue && error.kind() == ErrorKind::Unavailable => {
                    self.detach().await?;
                }
                other => other?,
            }
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Write(at, piece) => self.write(*at, piece)?,
            Step::Fill(at, len, piece, stride) => {
                let bytes: Vec<u8> = (0..*len).map(|byte| (byte * 31 + at + len) as u8).collect();
                let pieces: Vec<_> = bytes.chunks(*piece).enumerate().collect();
                for first in 0..*stride {
                    for (index, bytes) in pieces.iter().skip(first).step_by(*stride) {
                        self.write(at + index * piece, bytes)?;
                    }
                }
            }
            Step::Truncate(len) => {
                self.upload.truncate(*len as u64)?;
                self.file.truncate(*len);
            }
            Step::Copy(from, len, at) => self.copy(*from, *len, *at),
            Step::Read(at, len) => self.read(*at, *len).await?,
            Step::Settle => self.upload.settle().await?,
            Step::Yield => tokio::task::yield_now().await,
            Step::Detach => self.detach().await?,
            Step::Kill => self.kill().await?,
            Step::Spill => self.upload.engine.spill(),
            Step::FailToFinish => {
                let options = PutOptions {
                    precondition: Some(Precondition::Matches("nothing".into())),
                    ..PutOptions::default()
                };
                let error = self.upload.finish(&options).await.unwrap_err();
                let kinds = [
                    ErrorKind::Conflict,
                    ErrorKind::NotFound,
                    ErrorKind::Invalid,
                    ErrorKind::Unsupported,
                    ErrorKind::Unavailable,
                ];
                assert!(kinds.contains(&error.kind()), "{error}");
                self.detach().await?;
            }
        }
        assert_eq!(self.upload.len(), self.file.bytes.len() as u64);
        assert!(self.upload.safe() <= self.file.reach() as u64);
        Ok(())
    }

    fn write(&mut self, at: usize, piece: &[u8]) -> Result<()> {
        match self.upload.write(at as u64, piece) {
            Ok(()) => self.file.write(at, piece),
            Err(error) => {
                self.file.perhaps(at, piece);
                return Err(error);
            }
        }
        Ok(())
    }

    fn copy(&mut self, from: usize, len: usize, at: usize) {
        let copied = Copied::of(
            &Base {
                store: self.upload.engine.store.clone(),
                ..self.other.clone()
            },
            from as u64..(from + len) as u64,
        );
        let taken = self.upload.copy(&copied, at as u64);
        if !taken.is_empty() {
            let (start, end) = (taken.start as usize, taken.end as usize);
            let bytes = &other()[from + start - at..from + end - at];
            self.file.write(start, bytes);
        }
    }

    async fn read(&mut self, at: usize, len: usize) -> Result<()> {
        let detour = self.case.staged && self.case.part_copy;
        match self.upload.read(at as u64, len).await {
            Ok(found) => {
                let found = found.concat();
                let size = self.file.bytes.len();
                assert_eq!(found.len(), (at + len).min(size) - at.min(size));
                self.file.check(at, &found);
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => assert!(!detour, "{error}"),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn detach(&mut self) -> Result<()> {
        let progress = match self.upload.detach().await {
            Ok(progress) => {
                assert_eq!(self.upload.detach().await?, progress);
                if !self.has_failed() {
                    assert_eq!(progress.safe(), self.file.reach() as u64);
                }
                progress
            }
            Err(error) if error.kind() == ErrorKind::Unavailable => self.upload.safe_progress(),
            Err(error) => return Err(error),
        };
        assert!(progress.is_exact());
        self.upload.forget_superseded().await;
        self.resume(&progress).await?;
        assert!(self.upload.len() <= progress.safe());
        if !self.has_failed() {
            assert_eq!(self.upload.len(), progress.safe());
        }
        self.file.detached(self.upload.len() as usize);
        Ok(())
    }

    async fn kill(&mut self) -> Result<()> {
        self.upload.engine.sender.cancel();
        self.upload.engine.gone.cancel();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let recorded = self.recorded.lock().unwrap().clone();
        if let Some(progress) = recorded {
            self.resume(&progress).await?;
            self.file.killed(self.upload.len() as usize);
            return Ok(());
        }
        let staging = self.upload.engine.staging.place("all").cloned();
        discard::clear(&staging?).await?;
        let memory = self.memory.clone();
        let old = self.old.clone();
        let below = (self.base.clone(), self.other.clone());
        *self = Self::begin(self.case, self.store.clone(), below, old);
        self.memory.extend(memory);
        Ok(())
    }

    async fn resume(&mut self, progress: &Progress) -> Result<()> {
        let progress = Progress::from_json(&progress.to_json()).unwrap();
        let mut tries = 0;
        self.upload = loop {
            let settings = settings_of(self.case, &self.store, &self.recorded);
            self.memory.push(settings.buffers.clone());
            let store = Arc::new(self.store.clone());
            let base = match progress.copied_from() {
                Some(_) => Some(self.other.clone()),
                None => self.base.clone(),
            };
            let resumed = Upload::resume(store, key("a"), settings, base, &progress).await;
            match resumed {
                Err(error) if error.kind() == ErrorKind::Unavailable && tries == 0 => tries += 1,
                other => break other?,
            }
        };
        Ok(())
    }

    fn has_failed(&self) -> bool {
        let total = self.store.requests().total();
        self.case
            .failure
            .is_some_and(|(at, _)| total > u64::from(at))
    }
}

/// The file that is copied from.
fn other() -> Vec<u8> {
    (0..200).map(|at| (at * 5 + 2) as u8).collect()
}

fn settings_of(
    case: &Case,
    store: &MemoryStore,
    recorded: &Arc<Mutex<Option<Progress>>>,
) -> UploadSettings {
    let recorded = recorded.clone();
    let began: Began = Arc::new(move |progress: Progress| {
        *recorded.lock().unwrap() = Some(progress);
        async { Ok(()) }.boxed()
    });
    let placement = if case.staged {
        Placement::Staged
    } else {
        Placement::Direct
    };
    UploadSettings {
        window: 1 << 10,
        placement,
        buffers: buffers(case.kept),
        began: Some(began),
        ..settings(store, plan(case.plan))
    }
}

async fn check(case: &Case) {
    let capabilities = |can: &mut Capabilities| {
        can.part_copy = case.part_copy;
        can.min_part_size = case.min_part;
        can.uniform_parts = case.plan == 0;
    };
    let store = store().with_capabilities(capabilities);
    let old: Vec<u8> = (0..case.base.unwrap_or(0))
        .map(|at| (at * 3 + 1) as u8)
        .collect();
    let from = match case.base {
        Some(_) => Some(base(&store, &old).await),
        None => None,
    };
    store
        .put_bytes(&key("other"), other().into())
        .await
        .unwrap();
    let head = store.head(&key("other")).await.unwrap();
    let another = Base::new(Arc::new(store.clone()), key("other"), &head);
    store.reset_requests();
    if let Some((failure, lost)) = case.failure {
        let count = AtomicU32::new(0);
        store.on_request(move |_| match count.fetch_add(1, SeqCst) {
            number if number == failure && lost => Fault::LoseReply,
            number if number == failure => Fault::Refuse(ErrorKind::Unavailable),
            _ => Fault::None,
        });
    }
    let mut run = Run::begin(case, store.clone(), (from, another), old);
    let mut outcome = run.play().await;
    let mut written = None;
    if outcome.is_ok() {
        let mut finished = finish(&run.upload).await;
        if case.rescue
            && let Err(error) = &finished
            && error.kind() == ErrorKind::Unavailable
            && !error.outcome_unknown()
        {
            finished = match run.detach().await {
                Ok(()) => finish(&run.upload).await,
                Err(error) => Err(error),
            };
        }
        match finished {
            Ok(done) => written = Some(done),
            Err(error) => outcome = Err(error),
        }
    }
    let failed = run.has_failed();
    store.clear_faults();
    if let Some(written) = written {
        let found = content(&store).await;
        assert_eq!(found.len(), run.file.bytes.len());
        assert_eq!(run.file.reach(), found.len(), "there are holes");
        run.file.check(0, &found);
        let crc = crate::crc64::to_base64(crate::crc64::of([found.as_slice()]));
        assert_eq!(written.crc64nvme, Some(crc));
    }
    if let Err(error) = outcome {
        let holes = run.file.reach() < run.file.bytes.len();
        let detour = case.staged && case.part_copy;
        match error.kind() {
            ErrorKind::Invalid => assert!(holes, "{error}"),
            ErrorKind::Unsupported => assert!(!detour, "{error}"),
            // A resume that failed half-way may have made useless what it could not count.
            ErrorKind::Unavailable | ErrorKind::NotFound => assert!(failed, "{error}"),
            kind => panic!("{kind}: {error}"),
        }
        run.upload.abort().await;
        assert!(error.outcome_unknown() || !store.exists(&key("a")).await.unwrap());
    }
    if !failed {
        nothing_left(&store).await;
    }
    let memory = std::mem::take(&mut run.memory);
    drop(run);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    for buffers in memory {
        assert_eq!(buffers.chunks.buffered(), 0);
        assert_eq!(
            (
                buffers.in_flight.in_flight(),
                buffers.kept.in_flight(),
                buffers.unsent.in_flight()
            ),
            (0, 0, 0)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_object_is_what_a_file_would_be(case in cases()) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(check(&case));
    }
}
