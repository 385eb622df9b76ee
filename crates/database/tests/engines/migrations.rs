//! The schema: made once, by whoever comes first, and never by a program that is too old.

use std::sync::atomic::{AtomicBool, Ordering};

use std::time::Duration;

use database::{Database, NextMigration, Node, Settings, schema_version};
use model::{ErrorKind, NodeId, Timestamp};

use crate::fixture::{self, Fixture, NOW, on_both_engines};

on_both_engines!(
    a_schema_is_made_once,
    a_newer_schema_is_refused_and_left_alone,
    a_database_answers_until_it_is_closed,
    an_old_and_a_new_program_share_a_schema,
    nodes_that_an_upgrade_would_break_are_named_and_left_in_peace,
    an_old_program_does_not_start_behind_the_end_of_its_time,
);

/// What a next version might bring: columns and a table that this one does not know.
fn expansion() -> NextMigration {
    NextMigration {
        script: "ALTER TABLE transfers ADD COLUMN made_up TEXT; \
                 ALTER TABLE users ADD COLUMN made_up BIGINT NOT NULL DEFAULT 7; \
                 CREATE TABLE made_up (id TEXT COLLATE {binary} PRIMARY KEY)"
            .to_owned(),
        compatible_from: Some(schema_version()),
    }
}

fn with(next: Vec<NextMigration>) -> Settings {
    Settings {
        next_migrations: next,
        ..Settings::default()
    }
}

/// One upload from its intent to its commit, read back.
async fn upload(database: &Database, key: &str) {
    let intent = fixture::intent(key);
    let writer = database.writer();
    writer.begin_intent(intent.clone()).await.expect("begun");
    let read = database.transfers().by_id(intent.id).await.expect("read");
    assert_eq!(read.expect("there").intent.path, format!("/{key}"));
    let committed = writer.commit_upload(fixture::commit(&intent)).await;
    committed.expect("committed");
    let server = intent.server;
    database.users().list(&server).await.expect("read");
}

/// The old program has a connection for each upload that runs, each with prepared statements,
/// when the new one migrates.
async fn an_old_and_a_new_program_share_a_schema(fixture: Fixture) {
    let old = fixture.database.clone();
    let migrated = AtomicBool::new(false);
    let load = async {
        let mut behind = 0;
        for round in 0.. {
            let keys: Vec<String> = (0..6).map(|n| format!("old/{round}/{n}")).collect();
            let uploads = keys.iter().map(|key| upload(&old, key));
            futures::future::join_all(uploads).await;
            behind += usize::from(migrated.load(Ordering::Relaxed));
            if behind == 3 {
                break;
            }
        }
    };
    let upgrade = async {
        let new = fixture.open_again(with(vec![expansion()])).await;
        migrated.store(true, Ordering::Relaxed);
        let new = new.expect("migrated beside the old one");
        upload(&new, "new").await;
        new
    };
    let ((), new) = tokio::join!(load, upgrade);
    // A node of the old version that restarts meanwhile.
    let restarted = fixture.open_again(Settings::default()).await;
    upload(&restarted.expect("compatible"), "restarted").await;
    upload(&new, "new again").await;
    let column = "SELECT CAST(COUNT(made_up) AS TEXT) FROM transfers";
    assert_eq!(fixture.text(column).await, "0");
}

async fn an_old_program_does_not_start_behind_the_end_of_its_time(fixture: Fixture) {
    let contraction = NextMigration {
        script: "DROP TABLE made_up".to_owned(),
        compatible_from: None,
    };
    let later = NextMigration {
        script: "CREATE TABLE made_up_later (id BIGINT)".to_owned(),
        compatible_from: Some(schema_version() + 2),
    };
    let next = vec![expansion(), contraction.clone()];
    let new = fixture.open_again(with(next.clone())).await;
    new.expect("migrated");
    let error = fixture.open_again(Settings::default()).await;
    let error = error.expect_err("its time is over");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("newer pierhead"), "{error}");
    // A program of the version between goes by the migrations that it does not know.
    let after = vec![expansion(), contraction, later];
    fixture.open_again(with(after)).await.expect("migrated");
    fixture.open_again(with(next)).await.expect("compatible");
    let error = fixture.open_again(with(vec![expansion()])).await;
    error.expect_err("its time is over too");
}

async fn nodes_that_an_upgrade_would_break_are_named_and_left_in_peace(fixture: Fixture) {
    let breaking = NextMigration {
        compatible_from: None,
        ..expansion()
    };
    let settings = |next| Settings {
        older_nodes: Duration::ZERO,
        ..with(vec![next])
    };
    let node = Node {
        id: NodeId::generate(),
        name: "node-of-old".to_owned(),
        address: String::new(),
        started: NOW,
        expires: Timestamp::from_seconds(4_000_000_000),
        draining: false,
    };
    let nodes = fixture.database.nodes();
    nodes.register(&node).await.expect("entered");
    let versions = "SELECT CAST(COUNT(*) AS TEXT) FROM schema_versions";
    let before = fixture.text(versions).await;
    let refused = fixture.open_again(settings(breaking.clone())).await;
    let refused = refused.expect_err("a node runs");
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.to_string().contains("node-of-old"), "{refused}");
    assert_eq!(fixture.text(versions).await, before, "nothing was changed");
    upload(&fixture.database, "on it goes").await;
    // What goes with it does not wait for it.
    let newer = fixture.open_again(settings(expansion())).await;
    newer.expect("migrated beside it");

    // A start that waits goes on when the last of them has ended.
    let next = NextMigration {
        script: "DROP TABLE made_up".to_owned(),
        compatible_from: None,
    };
    let upgrade = fixture.open_again(with(vec![expansion(), next]));
    let (upgraded, left) = tokio::join!(upgrade, nodes.leave(node.id));
    left.expect("left");
    upgraded.expect("migrated");
}

async fn a_schema_is_made_once(fixture: Fixture) {
    fixture.server().await;
    let again = fixture.open_again(Settings::default()).await.expect("open");
    assert_eq!(again.servers().list().await.expect("list").len(), 1);
}

async fn a_newer_schema_is_refused_and_left_alone(fixture: Fixture) {
    let versions = "SELECT CAST(COUNT(*) AS TEXT) FROM schema_versions";
    let known: u32 = fixture.text(versions).await.parse().expect("a number");
    let insert = "INSERT INTO schema_versions (version) VALUES (999)";
    fixture.execute(insert).await;
    let error = fixture
        .open_again(Settings::default())
        .await
        .expect_err("too new");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("version 999"), "{error}");
    assert_eq!(fixture.text(versions).await, (known + 1).to_string());
}

async fn a_database_answers_until_it_is_closed(fixture: Fixture) {
    fixture.database.check().await.expect("answers");
    fixture.database.close().await;
    let error = fixture.database.check().await.expect_err("closed");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = fixture.database.writer().record(None, None).await;
    assert_eq!(error.expect_err("closed").kind(), ErrorKind::Unavailable);
}

/// Opens the same empty database from many tasks at once.
async fn race(url: &database::DatabaseUrl) {
    let mut nodes = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let url = url.clone();
        nodes.spawn(async move {
            let settings = Settings {
                connections: 2,
                ..Settings::default()
            };
            Database::open(&url, settings).await.expect("open")
        });
    }
    for database in nodes.join_all().await {
        assert_eq!(database.revocation().epoch().await.expect("epoch"), 0);
        database.close().await;
    }
}

mod nodes_that_start_at_once_do_not_race {
    use super::*;

    #[tokio::test]
    async fn sqlite() {
        let folder = tempfile::tempdir().expect("folder");
        race(&database::DatabaseUrl::Sqlite(
            folder.path().join("new/p.db"),
        ))
        .await;
    }

    #[tokio::test]
    async fn postgres() {
        let (_server, url) = Fixture::empty_postgres();
        race(&url).await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_sqlite_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("p.db");
    let url = database::DatabaseUrl::Sqlite(path.clone());
    let database = Database::open(&url, Settings::default())
        .await
        .expect("open");
    for name in ["p.db", "p.db-wal", "p.db-shm"] {
        let metadata = std::fs::metadata(folder.path().join(name)).expect(name);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
    database.close().await;
}
