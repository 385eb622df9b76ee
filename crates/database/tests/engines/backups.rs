//! A backup of either engine becomes the content of either, or of none.

use std::error::Error as _;
use std::time::Duration;

use database::{Database, DatabaseUrl, HostKey, NewUser, Node, Sealer, Settings, restore};
use model::{ErrorKind, KeyId, NodeId, Secret, UserName};

use crate::fixture::{Fixture, NOW, commit, intent, location, on_both_engines};

on_both_engines!(
    a_backup_is_the_whole_content,
    what_is_there_is_not_replaced_by_mistake,
    a_running_node_is_not_pulled_from_under,
    a_backup_that_is_not_whole_changes_nothing,
);

fn sealed() -> Settings {
    let key = Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned());
    Settings {
        sealer: Sealer::with_key(&key).expect("a key"),
        ..Settings::default()
    }
}

/// A server, a user with a strange name, a sealed host key, an upload that ended, and one that did
/// not.
async fn fill(fixture: &Fixture) {
    let server = fixture.server().await;
    let name = UserName::parse("müller").expect("valid");
    let mut user = NewUser::new(server.id.clone(), name, "/bucket/\"quoted\"");
    user.password_hash = Some(Secret::new("$argon2id$x".to_owned()));
    let users = fixture.database.users();
    users.create(user, NOW).await.expect("a user");
    let with_key = fixture.open_again(sealed()).await.expect("open");
    let key = HostKey {
        id: KeyId::generate(),
        server: server.id.clone(),
        algorithm: "ssh-ed25519".to_owned(),
        private_key: Secret::new("PRIVATE".to_owned()),
        fingerprint: "SHA256:x".to_owned(),
        created: NOW,
    };
    with_key.host_keys().add(&key).await.expect("a host key");
    let writer = fixture.database.writer();
    for n in 0..250 {
        let done = intent(&format!("done/{n}"));
        writer.begin_intent(done.clone()).await.expect("begun");
        writer.commit_upload(commit(&done)).await.expect("done");
    }
    writer.begin_intent(intent("open")).await.expect("begun");
}

/// A backup, and its rows without what a restore changes.
async fn taken(database: &Database) -> (Vec<u8>, Vec<String>) {
    let mut bytes = Vec::new();
    database.back_up(&mut bytes, NOW).await.expect("taken");
    let text = String::from_utf8(bytes.clone()).expect("UTF-8");
    let lines = text.lines().filter(|line| line.starts_with('['));
    let mut rows: Vec<String> = lines
        .filter(|line| !line.starts_with("[\"revocation\""))
        .map(str::to_owned)
        .collect();
    rows.sort();
    (bytes, rows)
}

async fn restored(
    url: &DatabaseUrl,
    backup: &[u8],
    replace: bool,
) -> database::Result<database::Restored> {
    restore(url, &mut &backup[..], replace, NOW).await
}

async fn a_backup_is_the_whole_content(fixture: Fixture) {
    fill(&fixture).await;
    let (backup, rows) = taken(&fixture.database).await;
    let text = String::from_utf8_lossy(&backup);
    assert!(!text.contains("PRIVATE"), "sealed");
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = DatabaseUrl::Sqlite(folder.path().join("new/p.db"));
    let (_server, postgres) = Fixture::empty_postgres();
    for url in [sqlite, postgres] {
        let done = restored(&url, &backup, false).await.expect("restored");
        assert_eq!(done.taken, NOW);
        let database = Database::open(&url, sealed()).await.expect("open");
        assert_eq!(taken(&database).await.1, rows, "{url}");
        assert_eq!(database.installation(), fixture.database.installation());
        let server = &database.servers().list().await.expect("read")[0];
        let keys = database
            .host_keys()
            .list(&server.id)
            .await
            .expect("unsealed");
        assert_eq!(keys[0].private_key.expose(), "PRIVATE");
        let before = fixture.database.revocation().epoch().await.expect("read");
        let after = database.revocation().epoch().await.expect("read");
        assert!(after > before, "whoever remembers looks again");
        // It goes on where it stood.
        let more = intent("done/0");
        let writer = database.writer();
        writer.begin_intent(more.clone()).await.expect("begun");
        let sequence = writer.commit_upload(commit(&more)).await;
        assert_eq!(sequence.expect("done"), 2);
        database.close().await;
    }
}

async fn what_is_there_is_not_replaced_by_mistake(fixture: Fixture) {
    fill(&fixture).await;
    let (backup, rows) = taken(&fixture.database).await;
    let late = intent("late");
    let writer = fixture.database.writer();
    writer.begin_intent(late.clone()).await.expect("begun");
    let url = fixture.database.url();
    let error = restored(url, &backup, false).await.expect_err("not empty");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("--force"), "{error}");
    restored(url, &backup, true).await.expect("replaced");
    let again = fixture.open_again(sealed()).await.expect("open");
    assert_eq!(taken(&again).await.1, rows);
    assert!(
        again
            .transfers()
            .by_id(late.id)
            .await
            .expect("read")
            .is_none()
    );
}

async fn a_running_node_is_not_pulled_from_under(fixture: Fixture) {
    let (backup, _) = taken(&fixture.database).await;
    let node = Node {
        id: NodeId::generate(),
        name: "host:/data".to_owned(),
        address: String::new(),
        started: NOW,
        expires: NOW.plus(Duration::from_secs(10)),
        draining: false,
    };
    fixture
        .database
        .nodes()
        .register(&node)
        .await
        .expect("noted");
    let url = fixture.database.url();
    let error = restored(url, &backup, true).await.expect_err("it runs");
    assert!(error.to_string().contains("host:/data"), "{error}");
    let later = NOW.plus(Duration::from_secs(60));
    let done = restore(url, &mut &backup[..], true, later).await;
    done.expect("it is dead");
}

async fn a_backup_that_is_not_whole_changes_nothing(fixture: Fixture) {
    fill(&fixture).await;
    let (backup, rows) = taken(&fixture.database).await;
    let text = String::from_utf8(backup.clone()).expect("UTF-8");
    let without = |number: usize| {
        let lines = text.lines().enumerate();
        let kept = lines.filter(|(n, _)| *n != number).map(|(_, line)| line);
        kept.collect::<Vec<_>>().join("\n") + "\n"
    };
    let last = text.lines().count() - 1;
    let newer = |what: &str| text.replacen(&format!("\"{what}\":"), &format!("\"{what}\":9"), 1);
    let url = fixture.database.url();
    for (damaged, kind) in [
        (String::new(), ErrorKind::Invalid),
        ("not a backup\n".to_owned(), ErrorKind::Invalid),
        (without(last), ErrorKind::Invalid),
        (without(last - 3), ErrorKind::Invalid),
        (text[..text.len() - 1].to_owned(), ErrorKind::Invalid),
        (text.replacen("done/7", "dune/7", 1), ErrorKind::Invalid),
        (newer("schema"), ErrorKind::Unsupported),
        (newer("pierhead_backup"), ErrorKind::Unsupported),
    ] {
        let error = restored(url, damaged.as_bytes(), true).await;
        let error = error.expect_err("refused");
        assert_eq!(error.kind(), kind, "{error}: {:?}", error.source());
    }
    assert_eq!(taken(&fixture.database).await.1, rows);
    let sequence = fixture
        .database
        .events()
        .of_object(&location("done/7"), 9)
        .await;
    assert_eq!(sequence.expect("read").len(), 1);
}
