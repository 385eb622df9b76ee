//! Two nodes, and answers of the store that never came: whoever looks later finds out by the
//! transfer's id, and by nothing else.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::EventKind;
use sftp::OpenFlags;
use testkit::client::{Session, Stop};
use testkit::dice::Dice;
use testkit::node::Node;
use testkit::s3::{Effect, Fault};
use tokio::task::JoinSet;

use crate::world::{BUCKET, SETTLED, USER, World, aside, noise, started, until};

/// Several parts.
const LARGE: u64 = 20 << 20;

/// A world of two nodes, and what a partner uploads there.
struct Pair {
    world: World,
    first: Node,
    second: Node,
    content: Bytes,
}

impl Pair {
    async fn new(size: u64) -> Self {
        let world = World::with_s3(true).await;
        let first = started(world.node("")).await;
        let second = started(world.node("")).await;
        let pair = Self {
            first,
            second,
            content: noise(&mut Dice::seeded(size), size),
            world,
        };
        // Seen through, so that each has probed the bucket before anything breaks.
        pair.put(&pair.first, "seen/1").await;
        pair.put(&pair.second, "seen/2").await;
        pair
    }

    /// What is written at an offset.
    fn block(&self, offset: u64) -> Bytes {
        let begin = usize::try_from(offset).expect("it fits into memory");
        let end = self.content.len().min(begin + (32 << 10));
        self.content.slice(begin..end)
    }

    async fn put(&self, node: &Node, path: &str) {
        let mut session = self.world.session(node.address()).await;
        let put = session.put(path, &self.content).await;
        put.expect("acknowledged");
    }

    /// Waits until the store was asked for this once more than `before`.
    async fn until_asked(&self, operation: &str, before: u64) {
        let asked = || self.asked(operation) > before;
        until(operation, async || asked()).await;
    }

    fn asked(&self, operation: &str) -> u64 {
        let requests = self.world.s3().requests();
        requests.get(operation).copied().unwrap_or_default()
    }

    fn metadata(&self, path: &str) -> Option<BTreeMap<String, String>> {
        self.world.s3().metadata(BUCKET, &format!("{USER}/{path}"))
    }

    async fn told(&self, kind: EventKind, path: &str) -> usize {
        let told = self.world.told(kind).await;
        told.get(path).copied().unwrap_or_default()
    }

    /// Has the second node sweep until everything of the dead one is settled.
    async fn swept(self, settled: impl AsyncFn(&Self) -> bool) -> Self {
        let mut pair = self;
        let deadline = tokio::time::Instant::now() + SETTLED;
        loop {
            let second = pair.second;
            let (second, swept) = aside(move || {
                let swept = second.command(&["sweep"]);
                (second, swept)
            })
            .await;
            pair.second = second;
            if settled(&pair).await {
                return pair;
            }
            let late = tokio::time::Instant::now() > deadline;
            assert!(!late, "not settled within {SETTLED:?}: {swept:?}");
        }
    }
}

/// The node dies while it waits for the answer to a completion. An object of the same bytes, and
/// so of the same ETag, stood there before: only the id tells whose it is.
async fn completion_dies_with_its_node(took_effect: bool) {
    let pair = Pair::new(LARGE).await;
    pair.put(&pair.second, "f").await;
    let (before, asked) = (pair.metadata("f"), pair.asked("CompleteMultipartUpload"));
    let effect = match took_effect {
        true => Effect::HangAfter,
        false => Effect::Hang,
    };
    let fault = Fault::new(effect).on("CompleteMultipartUpload");
    pair.world.s3().break_with(fault);
    let mut client = JoinSet::new();
    let mut session = pair.world.session(pair.first.address()).await;
    let content = pair.content.clone();
    client.spawn(async move { session.put("f", &content).await });
    pair.until_asked("CompleteMultipartUpload", asked).await;
    if took_effect {
        until("another object", async || pair.metadata("f") != before).await;
    }
    let mut pair = pair;
    pair.first.kill().expect("it runs");
    let answer = client.join_next().await.expect("one").expect("no panic");
    assert!(matches!(answer, Err(Stop::Cut)), "{answer:?}");
    pair.world.s3().repair();
    if took_effect {
        let pair = pair.swept(async |pair| pair.told(EventKind::Upload, "f").await == 2);
        let pair = pair.await;
        assert_ne!(pair.metadata("f"), before);
        assert_eq!(pair.world.left_over().await.unfinished.len(), 0);
    } else {
        let pair = pair.swept(async |pair| pair.told(EventKind::Partial, "f").await == 1);
        let pair = pair.await;
        assert_eq!(pair.told(EventKind::Upload, "f").await, 1, "not again");
        assert_eq!(pair.metadata("f"), before);
        // Its owner goes on with it on the other node.
        let mut session = pair.world.session(pair.second.address()).await;
        let handle = session.create("f", false).await.expect("continued");
        let stat = session.stat("f").await.expect("answered");
        let safe = stat.and_then(|shown| shown.size).expect("a size");
        let written = session.write(&handle, safe, LARGE, |offset| pair.block(offset));
        written.await.expect("taken");
        session.close(&handle).await.expect("acknowledged");
        assert_ne!(pair.metadata("f"), before);
        assert_eq!(pair.told(EventKind::Upload, "f").await, 2);
        assert_eq!(pair.world.left_over().await.unfinished.len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_whose_answer_died_with_its_node_is_committed_by_the_other() {
    Box::pin(completion_dies_with_its_node(true)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_that_never_took_effect_is_resumed_on_the_other_node() {
    Box::pin(completion_dies_with_its_node(false)).await;
}

/// The node dies while it waits for the answer to the copy of a rename, over an object of the
/// same bytes.
async fn copy_dies_with_its_node(effect: Effect) {
    let pair = Pair::new(100_000).await;
    pair.put(&pair.second, "old").await;
    pair.put(&pair.second, "new").await;
    let (moved, asked) = (pair.metadata("old"), pair.asked("CopyObject"));
    let fault = Fault::new(effect).on("CopyObject");
    pair.world.s3().break_with(fault);
    let mut client = JoinSet::new();
    let mut session = pair.world.session(pair.first.address()).await;
    client.spawn(async move { session.rename("old", "new", true).await });
    pair.until_asked("CopyObject", asked).await;
    let mut pair = pair;
    pair.first.kill().expect("it runs");
    let answer = client.join_next().await.expect("one").expect("no panic");
    assert!(matches!(answer, Err(Stop::Cut)), "{answer:?}");
    pair.world.s3().repair();
    let renamed = async |pair: &Pair| pair.told(EventKind::Rename, "new").await == 1;
    let pair = pair.swept(renamed).await;
    assert_eq!(pair.world.object("old"), None);
    assert_eq!(pair.world.object("new"), Some(pair.content.clone()));
    assert_ne!(
        pair.metadata("new"),
        moved,
        "each copy has an id of its own"
    );
    let mut session = pair.world.session(pair.second.address()).await;
    let names = session.names("/").await.expect("listed");
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["new", "seen"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_whose_answer_died_with_its_node_is_finished_by_the_other() {
    Box::pin(copy_dies_with_its_node(Effect::HangAfter)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_that_never_took_effect_is_done_by_the_other_node() {
    Box::pin(copy_dies_with_its_node(Effect::Hang)).await;
}

async fn create_exclusively(session: &mut Session, path: &str) -> Result<Bytes, Stop> {
    let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    session.open_file(path, flags).await
}

/// A creation under EXCL whose answer is lost meets its own object when it is sent again, or asks
/// who made it: it is no refusal. The other node's later one is refused.
#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_creation_is_not_refused_because_of_itself() {
    for size in [1_000, LARGE] {
        let pair = Pair::new(size).await;
        let operation = match size < LARGE {
            true => "PutObject",
            false => "CompleteMultipartUpload",
        };
        let effects = [
            Effect::LoseReply,
            Effect::StatusAfter(500, "InternalError"),
            // A front that turns away what it has passed on.
            Effect::StatusAfter(503, "SlowDown"),
        ];
        for (number, effect) in effects.into_iter().enumerate() {
            let path = format!("f{number}");
            let fault = Fault::new(effect.clone()).on(operation).keys_with(&path);
            pair.world.s3().break_with(fault.times(1));
            let mut session = pair.world.session(pair.first.address()).await;
            let handle = create_exclusively(&mut session, &path).await;
            let handle = handle.expect("nothing stands there");
            let written = session.write(&handle, 0, size, |offset| pair.block(offset));
            written.await.expect("taken");
            let closed = session.close(&handle).await;
            assert!(
                closed.is_ok(),
                "{path} of {size} bytes, {effect:?}: {closed:?}"
            );
            assert_eq!(pair.world.object(&path), Some(pair.content.clone()));
            assert_eq!(pair.told(EventKind::Upload, &path).await, 1);
            let mut other = pair.world.session(pair.second.address()).await;
            let refused = create_exclusively(&mut other, &path).await;
            assert!(matches!(refused, Err(Stop::Refused(_))), "{refused:?}");
        }
    }
}
