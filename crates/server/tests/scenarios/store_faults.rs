//! A store that fails a fifth of all requests: each upload is acknowledged and right, refused and
//! invisible, or, where its connection was dropped, whole with its event or not there at all.

use std::collections::BTreeMap;

use bytes::Bytes;
use testkit::client::Stop;
use testkit::dice::Dice;
use testkit::node::Node;
use testkit::proxy::Proxy;
use testkit::s3::{Effect, Fault};
use tokio::task::JoinSet;

use crate::world::{BUCKET, World, aside, noise, started};

/// Uploads of each scenario, and sessions that share them.
const UPLOADS: usize = 24;
const SESSIONS: usize = 4;

/// What a client knows of an upload.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Acknowledged,
    Refused,
    Nothing,
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_at_a_fifth_of_requests_lose_nothing_and_show_nothing_half() {
    let world = World::with_s3(false).await;
    let node = started(world.node("")).await;
    // Seen through, so that the bucket is open and probed before anything breaks.
    world
        .session(node.address())
        .await
        .put("first", &Bytes::from_static(b"1"))
        .await
        .expect("put");
    let effects = [
        Effect::Status(500, "InternalError"),
        Effect::Status(503, "ServiceUnavailable"),
        Effect::Status(503, "SlowDown"),
        Effect::CutBefore,
        Effect::LoseReply,
        Effect::StatusAfter(500, "InternalError"),
        Effect::WrongChecksum,
    ];
    let seed = 0x5eed;
    for (number, effect) in (0_u32..).zip(effects.iter()) {
        // Together a fifth.
        let share = 0.2 / effects.len() as f64;
        let fault = Fault::new(effect.clone()).with_probability(share, seed + u64::from(number));
        world.s3().break_with(fault);
    }
    let answers = upload_all(&world, &node, seed).await;
    world.s3().repair();
    judge(&world, node, answers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_cuts_connections_to_the_store_loses_nothing() {
    let world = World::with_s3(false).await;
    let target = world.s3().endpoint().trim_start_matches("http://").parse();
    let proxy = Proxy::start(target.expect("an address"))
        .await
        .expect("a proxy");
    let node = started(world.node_through(&format!("http://{}", proxy.address()))).await;
    world
        .session(node.address())
        .await
        .put("first", &Bytes::from_static(b"1"))
        .await
        .expect("put");
    let seed = 0xcab1e;
    proxy.set_latency(std::time::Duration::from_millis(2));
    proxy.cut_at_random(0.2, 8 << 20, seed);
    proxy.cut_now();
    let answers = upload_all(&world, &node, seed).await;
    assert!(
        proxy.counts().cut > 0,
        "the weather was too fine: {:?}",
        proxy.counts()
    );
    proxy.repair();
    judge(&world, node, answers).await;
}

/// Every path with its content and what its uploader was told.
async fn upload_all(world: &World, node: &Node, seed: u64) -> BTreeMap<String, (Bytes, Answer)> {
    let mut dice = Dice::seeded(seed);
    let mut work = JoinSet::new();
    for session_number in 0..SESSIONS {
        let files = (0..UPLOADS / SESSIONS).map(|number| {
            let size = match number % 4 {
                0 => dice.below(2_000),
                1 => dice.below(1 << 20),
                // Several parts.
                _ => (9 << 20) + dice.below(12 << 20),
            };
            (
                format!("s{session_number}-{number}"),
                noise(&mut dice, size),
            )
        });
        let files: Vec<_> = files.collect();
        let mut session = Some(world.session(node.address()).await);
        let credential = world.credential();
        let address = node.address();
        work.spawn(async move {
            let mut answers = Vec::new();
            for (path, content) in files {
                let mut connected = match session.take() {
                    Some(session) => session,
                    None => credential.session(address).await,
                };
                let answer = match connected.put(&path, &content).await {
                    Ok(()) => Answer::Acknowledged,
                    Err(Stop::Refused(_)) => Answer::Refused,
                    Err(Stop::Cut) => Answer::Nothing,
                    Err(Stop::Wrong(what)) => panic!("{path}: {what}"),
                };
                if answer != Answer::Nothing {
                    session = Some(connected);
                }
                answers.push((path, (content, answer)));
            }
            answers
        });
    }
    work.join_all().await.into_iter().flatten().collect()
}

/// Compares bucket and events with what the clients were told, after a restart that ends whatever
/// was left open.
async fn judge(world: &World, mut node: Node, answers: BTreeMap<String, (Bytes, Answer)>) {
    let node = aside(move || {
        node.kill().expect("it ran until now");
        node.start().expect("it starts");
        node
    })
    .await;
    let told = world.uploads_told().await;
    for (path, (content, answer)) in &answers {
        let object = world.object(path);
        let whole = object.as_ref() == Some(content);
        assert!(
            whole || object.is_none(),
            "{path} ({answer:?}) is neither whole nor absent"
        );
        match answer {
            Answer::Acknowledged => assert!(whole, "{path} was acknowledged and is lost"),
            Answer::Refused => assert!(!whole, "{path} was refused and stands"),
            Answer::Nothing => {}
        }
        let events = told.get(path).copied().unwrap_or_default();
        assert_eq!(events, usize::from(whole), "events of {path} ({answer:?})");
    }
    let left = world.s3().uploads(BUCKET);
    let unfinished = |key: &str| {
        let path = key.strip_prefix("partner/").unwrap_or(key);
        answers
            .get(path)
            .is_some_and(|(_, answer)| *answer == Answer::Nothing)
    };
    // Those whose connections were dropped may be resumed.
    assert!(
        left.iter().all(|(key, _)| unfinished(key)),
        "left over: {left:?}"
    );
    let acknowledged = answers
        .values()
        .filter(|(_, answer)| *answer == Answer::Acknowledged);
    assert!(
        acknowledged.count() > UPLOADS / 2,
        "hardly anything succeeds: {answers:?}",
        answers = answers.values().map(|(_, a)| a).collect::<Vec<_>>()
    );
    drop(node);
}
