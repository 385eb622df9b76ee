//! Who is kept out, as nodes tell each other.

use std::time::Duration;

use database::{Ban, EarnedBan, NewServer, Sightings, SightingsTable, Telling};
use ipnet::IpNet;
use model::{EventKind, NodeId, ServerId, Timestamp};

use crate::fixture::{Fixture, NOW, on_both_engines};

on_both_engines!(
    a_ban_holds_until_its_end_and_is_seen_to_be_lifted,
    an_earned_ban_takes_nothing_from_a_longer_one,
    scores_of_all_nodes_add_up_and_fade,
    what_is_told_again_counts_once,
    familiar_sources_are_remembered_for_the_longest_time_told,
    what_says_nothing_any_more_is_forgotten,
    servers_have_bans_of_their_own,
    every_change_of_a_ban_is_on_record_and_told,
    a_ban_that_cannot_be_told_or_recorded_is_not_made,
);

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn network(text: &str) -> IpNet {
    text.parse().expect("a network")
}

fn ban(text: &str, until: Timestamp) -> Ban {
    Ban {
        network: network(text),
        reason: "it guessed".to_owned(),
        since: NOW,
        until,
        by: Some("ann".to_owned()),
        repeated: 2,
    }
}

fn earned(text: &str, until: Timestamp) -> Sightings {
    let ban = Ban {
        by: None,
        ..ban(text, until)
    };
    let address = ban.network.addr();
    Sightings {
        bans: vec![EarnedBan { ban, address }],
        ..Sightings::default()
    }
}

async fn server(fixture: &Fixture, name: &str) -> ServerId {
    let server = NewServer::named(name);
    let servers = fixture.database.servers();
    servers.create(&server, NOW).await.expect("created").id
}

async fn holding(fixture: &Fixture, server: &ServerId, now: Timestamp) -> Vec<Ban> {
    let rows = fixture.database.bans().ending_after(server, now).await;
    let rows = rows.expect("listed");
    rows.into_iter().map(|row| row.ban).collect()
}

async fn a_ban_holds_until_its_end_and_is_seen_to_be_lifted(fixture: Fixture) {
    let (server, bans) = (server(&fixture, "s").await, fixture.database.bans());
    let (one, two) = (
        ban("192.0.2.1/32", after(60)),
        ban("2001:db8::/64", after(90)),
    );
    for ban in [&one, &two] {
        bans.put(&server, ban, NOW).await.expect("banned");
    }
    assert_eq!(
        holding(&fixture, &server, NOW).await,
        [one.clone(), two.clone()]
    );
    let left = holding(&fixture, &server, after(60)).await;
    assert_eq!(left, std::slice::from_ref(&two));
    assert!(
        bans.lift(&server, two.network, "ann", after(10))
            .await
            .expect("lifted")
    );
    assert!(
        !bans
            .lift(&server, two.network, "ann", after(11))
            .await
            .expect("asked")
    );
    let left = holding(&fixture, &server, after(10)).await;
    assert_eq!(left, std::slice::from_ref(&one));
    let news = bans.changed_since(&server, after(5)).await.expect("listed");
    let [row] = &news[..] else {
        panic!("{news:?}");
    };
    assert_eq!((row.ban.network, row.ban.until), (two.network, after(10)));
    assert_eq!(row.changed, after(10));
    let longer = ban("192.0.2.1/32", after(3600));
    bans.put(&server, &longer, after(20))
        .await
        .expect("extended");
    assert_eq!(holding(&fixture, &server, after(60)).await, [longer]);
}

async fn an_earned_ban_takes_nothing_from_a_longer_one(fixture: Fixture) {
    let server = server(&fixture, "s").await;
    let (bans, sightings) = (fixture.database.bans(), fixture.database.sightings());
    let text = "192.0.2.1/32";
    let short = earned(text, after(60));
    tell(&sightings, &server, short.clone(), NOW)
        .await
        .expect("told");
    assert_eq!(
        holding(&fixture, &server, NOW).await,
        [short.bans[0].ban.clone()]
    );
    let long = ban(text, after(600));
    bans.put(&server, &long, NOW).await.expect("banned");
    let told = tell(&sightings, &server, earned(text, after(300)), NOW);
    told.await.expect("told");
    assert_eq!(holding(&fixture, &server, NOW).await, [long]);
    bans.lift(&server, network(text), "ann", after(1))
        .await
        .expect("lifted");
    let again = earned(text, after(300));
    tell(&sightings, &server, again.clone(), after(2))
        .await
        .expect("told");
    assert_eq!(
        holding(&fixture, &server, after(2)).await,
        [again.bans[0].ban.clone()]
    );
}

/// Tells what nobody has told before.
async fn tell(
    sightings: &SightingsTable<'_>,
    server: &ServerId,
    seen: Sightings,
    now: Timestamp,
) -> database::Result<()> {
    let teller = NodeId::generate().to_string();
    let telling = Telling {
        teller: &teller,
        number: 0,
    };
    sightings.tell(server, telling, seen, now).await
}

fn scored(text: &str, seconds: i64) -> Sightings {
    Sightings {
        scores: vec![(network(text), seconds * 1_000_000)],
        ..Sightings::default()
    }
}

async fn scores_of_all_nodes_add_up_and_fade(fixture: Fixture) {
    let (server, sightings) = (server(&fixture, "s").await, fixture.database.sightings());
    let count = |seconds, now| tell(&sightings, &server, scored("192.0.2.1/32", seconds), now);
    count(60, NOW).await.expect("told");
    count(120, after(30)).await.expect("told");
    let clean = async |now: Timestamp| {
        let scores = sightings.scores(&server, NOW, now, 10).await;
        let scores = scores.expect("listed");
        scores.first().map(|score| score.clean)
    };
    assert_eq!(clean(after(30)).await, Some(after(180)));
    assert_eq!(clean(after(180)).await, None, "it is zero");
    count(60, after(1000)).await.expect("told");
    assert_eq!(clean(after(1000)).await, Some(after(1060)), "from zero on");
    count(-20, after(1010)).await.expect("told");
    assert_eq!(clean(after(1010)).await, Some(after(1040)), "forgiven");
    let told = tell(
        &sightings,
        &server,
        earned("192.0.2.1/32", after(2000)),
        after(1011),
    );
    told.await.expect("told");
    assert_eq!(clean(after(1011)).await, None, "a ban pays for it");
}

async fn what_is_told_again_counts_once(fixture: Fixture) {
    let (server, sightings) = (server(&fixture, "s").await, fixture.database.sightings());
    let clean = async || {
        let scores = sightings.scores(&server, NOW, NOW, 10).await;
        scores.expect("listed").first().map(|score| score.clean)
    };
    let again = async |teller: &str, number, seconds| {
        let telling = Telling { teller, number };
        for _ in 0..2 {
            let seen = scored("192.0.2.1/32", seconds);
            let told = sightings.tell(&server, telling, seen, NOW).await;
            told.expect("told");
        }
    };
    again("one", 0, 60).await;
    assert_eq!(clean().await, Some(after(60)));
    again("other", 0, 60).await;
    again("one", 1, 30).await;
    again("one", 2, 30).await;
    assert_eq!(clean().await, Some(after(180)), "each once");
    let day = after(24 * 60 * 60);
    sightings.forget(&server, day).await.expect("tidied");
    let left = fixture
        .text("SELECT CAST(COUNT(*) AS TEXT) FROM leases")
        .await;
    assert_eq!(left, "0", "tellers of yesterday are forgotten");
}

async fn familiar_sources_are_remembered_for_the_longest_time_told(fixture: Fixture) {
    let (server, sightings) = (server(&fixture, "s").await, fixture.database.sightings());
    let source = network("192.0.2.1/32");
    for (until, now) in [(60, 0), (90, 1), (30, 2)] {
        let seen = Sightings {
            familiar: vec![(source, "acme".to_owned(), after(until))],
            ..Sightings::default()
        };
        tell(&sightings, &server, seen, after(now))
            .await
            .expect("told");
    }
    let familiar = sightings.familiar(&server, NOW, after(3), 10).await;
    let wanted = (source, "acme".to_owned(), after(90));
    assert_eq!(familiar.expect("listed"), [wanted]);
    let later = sightings.familiar(&server, NOW, after(90), 10).await;
    assert_eq!(later.expect("listed"), []);
}

async fn what_says_nothing_any_more_is_forgotten(fixture: Fixture) {
    let server = server(&fixture, "s").await;
    let (bans, sightings) = (fixture.database.bans(), fixture.database.sightings());
    for text in ["192.0.2.1/32", "192.0.2.2/32"] {
        let end = if text.ends_with("1/32") { 60 } else { 600 };
        let mut seen = earned(text, after(end));
        seen.scores = vec![(network("198.51.100.1/32"), 1_000_000)];
        tell(&sightings, &server, seen, NOW).await.expect("told");
    }
    assert_eq!(bans.forget(&server, after(100)).await.expect("tidied"), 1);
    assert_eq!(bans.forget(&server, after(100)).await.expect("tidied"), 0);
    assert_eq!(holding(&fixture, &server, NOW).await.len(), 1);
    sightings.forget(&server, after(100)).await.expect("tidied");
    let scores = sightings.scores(&server, NOW, NOW, 10).await;
    assert_eq!(scores.expect("listed"), []);
}

async fn servers_have_bans_of_their_own(fixture: Fixture) {
    let (here, there) = (server(&fixture, "a").await, server(&fixture, "b").await);
    let bans = fixture.database.bans();
    let ban = ban("192.0.2.0/24", after(60));
    bans.put(&here, &ban, NOW).await.expect("banned");
    assert_eq!(holding(&fixture, &there, NOW).await, []);
    assert!(
        !bans
            .lift(&there, ban.network, "ann", NOW)
            .await
            .expect("asked")
    );
    fixture
        .database
        .servers()
        .remove(&here)
        .await
        .expect("removed");
    assert_eq!(holding(&fixture, &here, NOW).await, []);
}

/// What the audit log and the outbox say of bans, in their order.
async fn said(fixture: &Fixture) -> (Vec<String>, Vec<EventKind>) {
    let rows = fixture.database.audit().since(NOW, 100).await;
    let rows = rows.expect("read").into_iter();
    let events = fixture.database.events().since(NOW, 100).await;
    let events = events.expect("read").into_iter();
    (
        rows.map(|row| format!("{} {}", row.action, row.detail["network"]))
            .collect(),
        events.map(|stored| stored.event.kind).collect(),
    )
}

async fn every_change_of_a_ban_is_on_record_and_told(fixture: Fixture) {
    let (server, bans) = (server(&fixture, "s").await, fixture.database.bans());
    let sightings = fixture.database.sightings();
    let text = "2001:db8::/64";
    let mut seen = earned(text, after(60));
    seen.bans[0].address = "2001:db8::7".parse().expect("an address");
    tell(&sightings, &server, seen.clone(), NOW)
        .await
        .expect("told");
    let rows = fixture.database.audit().since(NOW, 9).await.expect("read");
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(row.address, Some(seen.bans[0].address));
    assert_eq!(row.detail["until"], after(60).as_micros());
    // Another node banned the same address for no longer: nothing changed.
    tell(&sightings, &server, seen, after(1))
        .await
        .expect("told");
    let stated = Ban {
        until: Ban::NEVER,
        ..ban("192.0.2.0/24", NOW)
    };
    bans.put(&server, &stated, after(2)).await.expect("banned");
    let lift = |now| bans.lift(&server, stated.network, "ann", now);
    assert!(lift(after(3)).await.expect("lifted"));
    assert!(!lift(after(4)).await.expect("asked"));
    let (rows, events) = said(&fixture).await;
    let (earned, stated) = (r#""2001:db8::/64""#, r#""192.0.2.0/24""#);
    let wanted = [("ban", earned), ("ban", stated), ("unban", stated)];
    assert_eq!(rows, wanted.map(|(action, of)| format!("{action} {of}")));
    assert_eq!(events, [EventKind::Ban, EventKind::Ban, EventKind::Unban]);
}

async fn a_ban_that_cannot_be_told_or_recorded_is_not_made(fixture: Fixture) {
    let (server, bans) = (server(&fixture, "s").await, fixture.database.bans());
    let sightings = fixture.database.sightings();
    let standing = ban("192.0.2.1/32", after(600));
    bans.put(&server, &standing, NOW).await.expect("banned");
    let before = said(&fixture).await;
    let node = NodeId::generate().to_string();
    let told_again = Telling {
        teller: &node,
        number: 0,
    };
    let seen = earned("192.0.2.2/32", after(60));
    for table in ["events", "audit"] {
        let rename = format!("ALTER TABLE {table} RENAME TO gone");
        fixture.execute(&rename).await;
        let stated = ban("192.0.2.3/32", after(60));
        bans.put(&server, &stated, NOW).await.expect_err("not said");
        let lifted = bans.lift(&server, standing.network, "ann", after(1)).await;
        lifted.expect_err("not said");
        let told = sightings.tell(&server, told_again, seen.clone(), NOW).await;
        told.expect_err("not said");
        let rename = format!("ALTER TABLE gone RENAME TO {table}");
        fixture.execute(&rename).await;
        let holds = holding(&fixture, &server, after(1)).await;
        assert_eq!(holds, std::slice::from_ref(&standing), "{table}");
        assert_eq!(said(&fixture).await, before, "{table}");
    }
    let told = sightings.tell(&server, told_again, seen, NOW).await;
    told.expect("the same telling, which was not heard");
    assert_eq!(said(&fixture).await.1.len(), 2);
}
