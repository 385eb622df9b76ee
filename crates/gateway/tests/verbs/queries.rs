//! How often each verb asks the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use database::{Group, NewRole};
use gateway::AttributeChanges;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

use model::{Clock, Timestamp};

use crate::world::{SessionExt, World, flags, path};

/// What was counted so far on this thread: the tests' runtimes have no other.
#[derive(Debug, Default, Clone)]
struct Counted {
    queries: Arc<Count>,
    commits: Arc<Count>,
}

#[derive(Debug, Default)]
struct Count(AtomicU64);

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, SeqCst);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, SeqCst);
    }
}

impl Recorder for Counted {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match key.name() {
            "pierhead_database_queries_total" => Counter::from_arc(Arc::clone(&self.queries)),
            "pierhead_database_commits_total" => Counter::from_arc(Arc::clone(&self.commits)),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

impl Counted {
    /// Queries and transactions since the last time this was asked.
    fn taken(&self) -> (u64, u64) {
        let take = |count: &Count| count.0.swap(0, SeqCst);
        (take(&self.queries), take(&self.commits))
    }
}

/// Who he is with his keys, and what holds for him: his server, his group, his role, its policies.
#[tokio::test]
async fn a_login_costs_two_queries() {
    let counted = Counted::default();
    let _counting = metrics::set_default_local_recorder(&counted);
    let world = World::new().await;
    let group = Group::new(world.server.clone(), "partners", world.clock.now());
    world.database.groups().create(&group).await.expect("made");
    let document =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    let (policies, now) = (world.database.policies(), world.clock.now());
    for name in ["one", "two"] {
        let made = policies.create(name, document, now).await;
        made.expect("made");
    }
    let role = NewRole {
        name: "partners".to_owned(),
        policies: vec!["one".to_owned(), "two".to_owned()],
        ..NewRole::default()
    };
    let made = world.database.roles().create(&role, now).await;
    made.expect("made");
    let name = world.user("/b/home", |user| {
        user.group = Some(group.id);
        user.role = Some("partners".to_owned());
    });
    let name = name.await;
    counted.taken();
    let authenticated = Box::pin(world.authenticate(&name)).await;
    assert_eq!(counted.taken().0, 1, "who he is");
    let session = Box::pin(world.open(authenticated))
        .await
        .expect("a session");
    assert_eq!(counted.taken().0, 1, "what holds for him");
    session.put("/f", "bytes").await.expect("stored");
}

#[tokio::test]
async fn a_small_file_costs_one_query_and_two_transactions() {
    let counted = Counted::default();
    let _counting = metrics::set_default_local_recorder(&counted);
    let world = World::new().await;
    let session = world.session("/b/home").await;
    counted.taken();
    for at in ["/f", "/f", "/g.part"] {
        loop {
            let begun = Instant::now();
            let handle = session.open(&path(at), &flags("WCT")).await.expect("open");
            assert_eq!(counted.taken().0, 1, "OPEN of {at}");
            session.write(handle, 0, b"small").expect("taken");
            session.close(handle).await.expect("stored");
            let taken = counted.taken();
            // An intent that waited too long for its CLOSE was written alone: the machine is busy.
            if begun.elapsed() < Duration::from_millis(200) {
                assert_eq!(taken, (0, 2), "CLOSE of {at}");
                break;
            }
        }
    }
    session.text("/f").await.expect("read");
    let (_, commits) = counted.taken();
    assert_eq!(commits, 0, "reading changes nothing");
}

/// What clients set is looked up for a page of the store's at once, however many files of it they
/// set something of.
#[tokio::test]
async fn a_listing_costs_one_query_a_page_and_two_more() {
    let counted = Counted::default();
    let _counting = metrics::set_default_local_recorder(&counted);
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let mtime = Timestamp::from_seconds(1_500_000_000);
    let times = AttributeChanges {
        mtime: Some(mtime),
        ..AttributeChanges::default()
    };
    for (directory, files, pages) in [("one", 900, 1), ("three", 2900, 3)] {
        for number in 0..files {
            world
                .seed(&format!("home/{directory}/{number:04}"), "x")
                .await;
        }
        // A hundred files of each page.
        let set: Vec<String> = (0..files)
            .filter(|number| number % 1000 < 100)
            .map(|number| format!("{number:04}"))
            .collect();
        for name in &set {
            let at = path(&format!("/{directory}/{name}"));
            session.set_attributes(&at, &times).await.expect("set");
        }
        counted.taken();
        let at = format!("/{directory}");
        let (listed, requests) = world.count(session.list(&at)).await;
        let (queries, commits) = counted.taken();
        let listed: BTreeMap<_, _> = listed.expect("listed");
        assert_eq!(listed.len(), files);
        assert_eq!(requests, format!("List {pages}"));
        assert_eq!(
            (queries, commits),
            (pages + 2, 0),
            "renames in progress, private files, and what was set in {pages} pages"
        );
        let shown = listed.values();
        let shown = shown.filter(|entry| entry.attributes.mtime == mtime);
        let shown: Vec<&String> = shown.map(|entry| &entry.name).collect();
        assert_eq!(shown, set.iter().collect::<Vec<_>>());
    }
}
