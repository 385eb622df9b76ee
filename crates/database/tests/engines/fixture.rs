//! A database of either engine for one test.

use std::time::Duration;

use database::{
    AuditEntry, ClaimingTransfer, CompletedUpload, Database, DatabaseUrl, NewServer, NewTransfer,
    Node, Opening, Outcome, PublicationRequest, Server, Settings, UploadCommit,
};
use model::{
    BucketName, Event, EventKind, Location, NodeId, ObjectKey, ServerId, SessionId, Timestamp,
    TransferId, UserId,
};
use sqlx::{AssertSqlSafe, Connection};
use testkit::postgres::TestDatabase;

/// Runs each test on both engines: `test_name::sqlite` and `test_name::postgres`.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => { $(
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name(crate::fixture::Fixture::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name(crate::fixture::Fixture::postgres().await).await;
            }
        }
    )* };
}
pub(crate) use on_both_engines;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

enum Place {
    Sqlite(tempfile::TempDir),
    Postgres(TestDatabase),
}

pub(crate) struct Fixture {
    pub(crate) database: Database,
    place: Place,
}

impl Fixture {
    pub(crate) async fn sqlite() -> Self {
        Self::at(Place::Sqlite(tempfile::tempdir().expect("folder"))).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::at(Place::Postgres(TestDatabase::new())).await
    }

    async fn at(place: Place) -> Self {
        let url = place.url();
        let database = Database::open(&url, Settings::default()).await;
        Self {
            database: database.expect("open"),
            place,
        }
    }

    /// The same database, opened once more, as another node would.
    pub(crate) async fn open_again(&self, settings: Settings) -> database::Result<Database> {
        Database::open(&self.place.url(), settings).await
    }

    /// A PostgreSQL without a schema, and its URL.
    pub(crate) fn empty_postgres() -> (TestDatabase, DatabaseUrl) {
        let database = TestDatabase::new();
        let url = DatabaseUrl::parse(database.url()).expect("url");
        (database, url)
    }

    /// Enters [`node_1`], alive for an hour.
    pub(crate) async fn start_node_1(&self) {
        let node = Node {
            id: node_1(),
            name: "node-1".to_owned(),
            address: String::new(),
            started: NOW,
            expires: NOW.plus(Duration::from_secs(3600)),
            draining: false,
        };
        self.database.nodes().register(&node).await.expect("enter");
    }

    /// Runs a statement behind the crate's back.
    pub(crate) async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.place {
            Place::Sqlite(folder) => {
                let url = format!("sqlite:{}", folder.path().join("p.db").display());
                let mut raw = sqlx::SqliteConnection::connect(&url)
                    .await
                    .expect("connect");
                sqlx::raw_sql(sql).execute(&mut raw).await.expect("execute");
            }
            Place::Postgres(database) => {
                let mut raw = sqlx::PgConnection::connect(database.url())
                    .await
                    .expect("connect");
                sqlx::raw_sql(sql).execute(&mut raw).await.expect("execute");
            }
        }
    }

    /// A connection to the SQLite file, as another process has one.
    pub(crate) async fn raw_sqlite(&self) -> sqlx::SqliteConnection {
        let Place::Sqlite(folder) = &self.place else {
            panic!("this is PostgreSQL");
        };
        let url = format!("sqlite:{}", folder.path().join("p.db").display());
        sqlx::SqliteConnection::connect(&url)
            .await
            .expect("connect")
    }

    /// A connection to the PostgreSQL database, as another node has one.
    pub(crate) async fn raw_postgres(&self) -> sqlx::PgConnection {
        let Place::Postgres(database) = &self.place else {
            panic!("this is SQLite");
        };
        sqlx::PgConnection::connect(database.url())
            .await
            .expect("connect")
    }

    /// Reads a text behind the crate's back.
    pub(crate) async fn text(&self, sql: &str) -> String {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.place {
            Place::Sqlite(folder) => {
                let url = format!("sqlite:{}", folder.path().join("p.db").display());
                let mut raw = sqlx::SqliteConnection::connect(&url)
                    .await
                    .expect("connect");
                sqlx::query_scalar(sql)
                    .fetch_one(&mut raw)
                    .await
                    .expect("read")
            }
            Place::Postgres(database) => {
                let mut raw = sqlx::PgConnection::connect(database.url())
                    .await
                    .expect("connect");
                sqlx::query_scalar(sql)
                    .fetch_one(&mut raw)
                    .await
                    .expect("read")
            }
        }
    }

    pub(crate) async fn server(&self) -> Server {
        let servers = self.database.servers();
        servers
            .create(&NewServer::named("main"), NOW)
            .await
            .expect("server")
    }
}

impl Place {
    fn url(&self) -> DatabaseUrl {
        match self {
            Self::Sqlite(folder) => DatabaseUrl::Sqlite(folder.path().join("p.db")),
            Self::Postgres(database) => DatabaseUrl::parse(database.url()).expect("url"),
        }
    }
}

/// The node that tests run on.
pub(crate) fn node_1() -> NodeId {
    "01981111-0000-7000-8000-000000000001"
        .parse()
        .expect("an id")
}

pub(crate) fn location(key: &str) -> Location {
    Location {
        bucket: BucketName::parse("bucket").expect("valid"),
        key: ObjectKey::parse(key).expect("valid"),
    }
}

pub(crate) fn intent(key: &str) -> NewTransfer {
    NewTransfer {
        id: TransferId::generate(),
        location: location(key),
        path: format!("/{key}"),
        owner: UserId::generate(),
        server: ServerId::generate(),
        session: SessionId::generate(),
        node: node_1(),
        base_etag: None,
        started: NOW,
        opening: Opening::default(),
    }
}

/// Asks to change the object at a key, as [`node_1`].
pub(crate) fn request(key: &str, holder: TransferId) -> PublicationRequest {
    PublicationRequest {
        location: location(key),
        holder,
        node: node_1(),
        now: NOW,
        stale_before: NOW,
        transfer: None,
    }
}

/// Asks to publish a transfer whose intent is on record.
pub(crate) fn request_of(intent: &NewTransfer) -> PublicationRequest {
    let transfer = ClaimingTransfer {
        epoch: 0,
        intent: None,
        demand: None,
    };
    PublicationRequest {
        location: intent.location.clone(),
        node: intent.node,
        transfer: Some(transfer),
        ..request("any", intent.id)
    }
}

pub(crate) fn commit(intent: &NewTransfer) -> UploadCommit {
    UploadCommit {
        transfer: intent.id,
        epoch: 0,
        location: intent.location.clone(),
        publication: None,
        completed: CompletedUpload {
            size: 3,
            etag: "e1".to_owned(),
            version: None,
            crc64nvme: Some("AAAAAAAAAAA=".to_owned()),
            finished: NOW.plus(Duration::from_secs(2)),
        },
        attributes: None,
        audit: AuditEntry::new("upload", Outcome::Success, NOW),
        event: upload_event(&intent.location),
        silent: false,
    }
}

pub(crate) fn upload_event(location: &Location) -> Event {
    let mut event = Event::new(EventKind::Upload, NOW, ServerId::generate());
    event.bucket = Some(location.bucket.as_str().to_owned());
    event.key = Some(location.key.as_str().to_owned());
    event
}
