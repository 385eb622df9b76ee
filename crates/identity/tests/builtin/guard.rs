//! What a guard tells the other nodes where the database's answers are lost, and whom he holds back.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use database::{Database, DatabaseUrl, NewServer, Settings};
use identity::defence::{Guard, GuardSettings};
use model::{Clock as _, ManualClock, Timestamp};
use testkit::postgres::{Proxy, TestDatabase};

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// The answer to COMMIT is lost although the commit is done; the guard tells it again, and it counts
/// once.
#[tokio::test]
async fn a_score_whose_commit_was_not_answered_counts_once_postgres() {
    let place = TestDatabase::new();
    let proxy = Proxy::start(place.socket_folder());
    let url = DatabaseUrl::parse(&place.url_through(proxy.folder())).expect("a URL");
    let database = Database::open(&url, Settings::default()).await;
    let database = database.expect("it opens");
    let clock = Arc::new(ManualClock::new(START));
    let server = NewServer::named("s");
    let server = database.servers().create(&server, START).await;
    let server = server.expect("made").id;
    let settings = GuardSettings::default();
    let weight = settings.defence.scores.forgiven_every * settings.defence.scores.refused;
    let guard = Guard::new(server.clone(), settings, database.clone(), clock.clone());
    let stranger = IpAddr::from([192, 0, 2, 1]);
    let guess = || guard.defence().refused(stranger, "acme", None);

    assert!(guess().is_none());
    proxy.lose_commit_answers(1);
    let unknown = guard.share().await;
    unknown.expect_err("nobody said whether it was heard");
    assert_eq!(proxy.lost(), 1);
    // What comes meanwhile counts besides.
    assert!(guess().is_none());
    for _ in 0..2 {
        guard.share().await.expect("told");
    }
    let sightings = database.sightings();
    let scores = sightings.scores(&server, START, clock.now(), 10).await;
    let scores = scores.expect("read");
    let clean: Vec<Duration> = scores
        .iter()
        .map(|score| score.clean.since(START))
        .collect();
    assert_eq!(clean, [weight * 2]);
    database.close().await;
}

/// Whoever guesses waits for his refusals, the longer the nearer he is to a ban; as many at a time as
/// there are places, and nobody else.
#[tokio::test]
async fn refusals_are_held_back_the_longer_the_more_were_earned() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = DatabaseUrl::Sqlite(folder.path().join("p.db"));
    let database = Database::open(&url, Settings::default()).await;
    let database = database.expect("it opens");
    let server = NewServer::named("s");
    let server = database.servers().create(&server, START).await;
    let clock = Arc::new(ManualClock::new(START));
    let settings = GuardSettings {
        held: 1,
        ..GuardSettings::default()
    };
    let longest = settings.defence.scores.tarpit;
    let guard = Guard::new(server.expect("made").id, settings, database, clock.clone());
    let visit = |last| guard.visit(Some(IpAddr::from([192, 0, 2, last])));
    let (guesser, partner) = (visit(1).expect("let in"), visit(2).expect("let in"));
    let guess = |from, count| {
        for _ in 0..count {
            let stranger = IpAddr::from([192, 0, 2, from]);
            assert!(guard.defence().refused(stranger, "acme", None).is_none());
        }
    };
    assert!(guesser.hold().is_none(), "he has done nothing yet");
    guess(1, 5);
    let quarter = guesser.hold().expect("a place");
    assert_eq!(quarter.time, longest / 4, "5 of 20");
    assert!(partner.hold().is_none(), "who behaves waits for nothing");
    guess(2, 1);
    assert!(partner.hold().is_none(), "the place is taken");
    drop(quarter);
    guess(1, 5);
    let half = guesser.hold().expect("the place is free again");
    assert_eq!(half.time, longest / 2, "10 of 20");
    drop(half);
    clock.advance(Duration::from_secs(24 * 60 * 60));
    assert!(guesser.hold().is_none(), "it is forgotten");
}
