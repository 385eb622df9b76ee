//! The schema: made once, by whoever comes first, and never by a program that is too old.

use database::{Database, Settings};
use model::ErrorKind;

use crate::fixture::{Fixture, on_both_engines};

on_both_engines!(
    a_schema_is_made_once,
    a_newer_schema_is_refused_and_left_alone,
    a_database_answers_until_it_is_closed,
);

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
