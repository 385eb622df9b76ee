//! A store that fails a fifth of all requests: each upload is acknowledged and right, refused and
//! invisible, or, where its connection was dropped, whole with its event or not there at all.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use sftp::Status;
use testkit::client::Stop;
use testkit::dice::Dice;
use testkit::node::Node;
use testkit::proxy::Proxy;
use testkit::s3::{Effect, Fault};
use tokio::task::JoinSet;

use crate::world::{World, aside, noise, started};

/// Uploads of each scenario, and sessions that share them.
const UPLOADS: usize = 24;
const SESSIONS: usize = 4;
/// The longest wait for an answer: the gateway's own patience with a store, and with the proof of
/// a lost answer, is a minute each.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a client knows of an upload.
enum Answer {
    Acknowledged,
    Refused(Status),
    Nothing,
}

/// Every path with its content and what its uploader was told.
type Answers = BTreeMap<String, (Bytes, Answer)>;

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
        Effect::Latency(Duration::from_millis(300)),
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
    judge(&world, node, seed, &answers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_cuts_connections_to_the_store_loses_nothing() {
    let world = World::with_s3(false).await;
    let target = world.s3().endpoint().trim_start_matches("http://").parse();
    let proxy = Proxy::start(target.expect("an address"))
        .await
        .expect("a proxy");
    let node = started(world.node_through(&format!("http://{}", proxy.address()), "")).await;
    world
        .session(node.address())
        .await
        .put("first", &Bytes::from_static(b"1"))
        .await
        .expect("put");
    let seed = 0xcab1e;
    proxy.set_latency(Duration::from_millis(2));
    proxy.set_bandwidth(Some(16 << 20));
    proxy.cut_at_random(0.2, 8 << 20, seed);
    proxy.cut_now();
    let answers = upload_all(&world, &node, seed).await;
    assert!(
        proxy.counts().cut > 0,
        "the weather was too fine: {:?}",
        proxy.counts()
    );
    proxy.repair();
    judge(&world, node, seed, &answers).await;
}

/// Uploads them all; whoever loses his connection comes back for his next file.
async fn upload_all(world: &World, node: &Node, seed: u64) -> Answers {
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
        let credential = world.credential();
        let address = node.address();
        work.spawn(async move {
            let (mut session, mut answers) = (None, Vec::new());
            for (path, content) in files {
                let mut connected = match session.take() {
                    Some(session) => session,
                    None => credential.session(address).await,
                };
                connected.sftp().set_deadline(PATIENCE);
                let answer = match connected.put(&path, &content).await {
                    Ok(()) => Answer::Acknowledged,
                    Err(Stop::Refused(status)) => Answer::Refused(status),
                    Err(Stop::Cut) => Answer::Nothing,
                    Err(Stop::Wrong(what)) => panic!("seed {seed:#x}: {path}: {what}"),
                };
                if !matches!(answer, Answer::Nothing) {
                    session = Some(connected);
                }
                answers.push((path, (content, answer)));
            }
            answers
        });
    }
    work.join_all().await.into_iter().flatten().collect()
}

/// Compares bucket, rows and events with what the clients were told, after a restart that ends
/// whatever was left open, and a sweep.
async fn judge(world: &World, mut node: Node, seed: u64, answers: &Answers) {
    let (node, swept) = aside(move || {
        node.kill().expect("it ran until now");
        node.start().expect("it starts");
        // What may still take effect is left for later; a row accounts for it.
        let swept = match node.command(&["sweep"]) {
            Ok(report) => report,
            Err(error) => error.to_string(),
        };
        (node, swept)
    })
    .await;
    let told = world.uploads_told().await;
    let mut wrong = Vec::new();
    for (path, (content, answer)) in answers {
        let events = told.get(path).copied().unwrap_or_default();
        wrong.extend(fault_of(world, path, content, answer, events));
    }
    let mut left = world.left_over().await;
    wrong.append(&mut left.unexplained);
    let acknowledged = |path: &&String| {
        let answer = answers.get(*path).map(|(_, answer)| answer);
        matches!(answer, Some(Answer::Acknowledged))
    };
    let kept = left.unfinished.iter().filter(acknowledged);
    wrong.extend(kept.map(|path| format!("{path} was acknowledged and is unfinished")));
    if answers.keys().filter(acknowledged).count() <= UPLOADS / 2 {
        wrong.push("hardly anything succeeds".to_owned());
    }
    assert!(
        wrong.is_empty(),
        "seed {seed:#x}: {wrong:#?}\nthe clients were told {}\nthe sweep said\n{swept}\n\
         requests {:?}\nthe node's log ends with\n{}",
        answers_told(answers, &told),
        world.s3().requests(),
        last_lines(&node.log().unwrap_or_default(), 200),
    );
}

/// What is wrong with one upload, if anything is.
fn fault_of(
    world: &World,
    path: &str,
    content: &Bytes,
    answer: &Answer,
    events: usize,
) -> Option<String> {
    let object = world.object(path);
    let whole = object.as_ref() == Some(content);
    let what = match answer {
        _ if !whole && object.is_some() => "is neither whole nor absent",
        Answer::Acknowledged if !whole => "was acknowledged and is lost",
        Answer::Refused(_) if whole => "was refused and stands",
        _ if events != usize::from(whole) => "has not the events that it should have",
        _ => return None,
    };
    let size = object.map(|object| object.len());
    Some(format!("{path} {what}: {size:?} bytes, {events} events"))
}

fn answers_told(answers: &Answers, told: &BTreeMap<String, usize>) -> String {
    let lines = answers.iter().map(|(path, (content, answer))| {
        let (size, events) = (content.len(), told.get(path).copied().unwrap_or_default());
        let answer = match answer {
            Answer::Acknowledged => "acknowledged".to_owned(),
            Answer::Refused(status) => format!("refused: {status:?}"),
            Answer::Nothing => "nothing".to_owned(),
        };
        format!("\n  {path} ({size} bytes, {events} events): {answer}")
    });
    lines.collect()
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
