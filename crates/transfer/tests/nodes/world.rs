//! Nodes on one database and one store, and a clock that tests move.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use database::{Database, DatabaseUrl, NewServer, NewUser, TransferState};
use model::{
    BucketName, Clock, EventKind, Location, ManualClock, NodeId, ObjectKey, Protocol, ServerId,
    SessionId, Timestamp, TransferId, UserId, UserName, VirtualPath,
};
use sqlx::Connection;
use storage::memory::{Fault, MemoryStore, Operation};
use storage::{Buffers, DEFAULT_STORE, ObjectStore, ObjectStoreExt, Stores};
use testkit::postgres::TestDatabase;
use tokio::sync::Semaphore;
use transfer::{
    Attributes, Beginning, Condition, Intent, Leaving, Publication, Published, Settings,
    SweepError, Sweeper, Transfer, Transfers, transfer_of,
};

/// Runs each test on both engines.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => { $(
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name(crate::world::World::sqlite()).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name(crate::world::World::postgres()).await;
            }
        }
    )* };
}
pub(crate) use on_both_engines;

pub(crate) const START: Timestamp = Timestamp::from_seconds(1_790_000_000);
/// How long a node lives without a word.
pub(crate) const LIFE: Duration = Duration::from_secs(10);
/// Longer than any claim stays fresh.
pub(crate) const LONG: Duration = Duration::from_secs(121);

enum Place {
    Sqlite(tempfile::TempDir),
    Postgres(TestDatabase),
}

pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) clock: ManualClock,
    owner: UserId,
    /// The bucket that nodes stage in, where it is one of its own.
    staging: Option<BucketName>,
    place: Place,
}

/// A node: its own connections, its own memory, the same database and store.
pub(crate) struct Node {
    pub(crate) database: Database,
    pub(crate) transfers: Transfers,
    pub(crate) sweeper: Sweeper,
    stores: Arc<Stores>,
    row: database::Node,
    owner: UserId,
    store: MemoryStore,
}

impl World {
    pub(crate) fn sqlite() -> Self {
        Self::at(Place::Sqlite(tempfile::tempdir().expect("folder")))
    }

    pub(crate) fn postgres() -> Self {
        Self::at(Place::Postgres(TestDatabase::new()))
    }

    fn at(place: Place) -> Self {
        let clock = ManualClock::new(START);
        Self {
            store: MemoryStore::with_clock(bucket(), Arc::new(clock.clone())),
            clock,
            owner: UserId::generate(),
            staging: None,
            place,
        }
    }

    /// Nodes stage in a bucket of its own from now on, which is returned.
    pub(crate) fn stage_apart(&mut self) -> MemoryStore {
        let name = BucketName::parse("waiting").expect("valid");
        self.staging = Some(name.clone());
        self.store.sibling(name)
    }

    pub(crate) async fn node(&self, name: &str) -> Node {
        self.node_with(name, |_| {}).await
    }

    pub(crate) async fn node_with(&self, name: &str, change: impl FnOnce(&mut Settings)) -> Node {
        let url = match &self.place {
            Place::Sqlite(folder) => DatabaseUrl::Sqlite(folder.path().join("p.db")),
            Place::Postgres(database) => DatabaseUrl::parse(database.url()).expect("url"),
        };
        let database = Database::open(&url, database::Settings::default()).await;
        let database = database.expect("a database");
        let row = database::Node {
            id: NodeId::generate(),
            name: name.to_owned(),
            address: String::new(),
            started: self.clock.now(),
            expires: self.clock.now().plus(LIFE),
            draining: false,
        };
        database.nodes().register(&row).await.expect("a new node");
        let mut settings = Settings {
            node: row.id,
            proof_deadline: Duration::from_millis(20),
            proof_pause: Duration::from_millis(1),
            claim_deadline: Duration::from_secs(20),
            ..Settings::default()
        };
        change(&mut settings);
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let transfers = Transfers::new(database.clone(), Buffers::default(), clock, settings);
        let mut stores = Stores::in_memory(self.store.clone());
        if let Some(staging) = &self.staging {
            let apart = stores.with_staging(DEFAULT_STORE, staging.clone());
            stores = apart.expect("nobody else's");
        }
        let stores = Arc::new(stores);
        Node {
            sweeper: Sweeper::new(transfers.clone(), Arc::clone(&stores)),
            stores,
            database,
            transfers,
            row,
            owner: self.owner,
            store: self.store.clone(),
        }
    }

    /// Runs a statement behind everybody's back.
    pub(crate) async fn execute(&self, sql: &str) {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
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

    /// Moves the clock; the nodes named live on, the others are dead when that is long enough.
    pub(crate) async fn later(&self, by: Duration, alive: &[&Node]) {
        let mut left = by;
        while !left.is_zero() {
            let step = left.min(LIFE / 2);
            left -= step;
            self.clock.advance(step);
            for node in alive {
                let nodes = node.database.nodes();
                let renewed = nodes.renew(&node.row, LIFE, self.clock.now()).await;
                assert!(renewed.expect("a healthy database"));
            }
        }
    }

    /// The next request of this kind waits for the gate. Returns the gate, and what tells that
    /// the request is there.
    pub(crate) fn hold_next(&self, operation: Operation) -> (Arc<Semaphore>, Arc<Semaphore>) {
        let gate = Arc::new(Semaphore::new(0));
        let arrived = Arc::new(Semaphore::new(0));
        let (hold, told) = (Arc::clone(&gate), Arc::clone(&arrived));
        let once = std::sync::atomic::AtomicBool::new(true);
        self.store.on_request(move |request| {
            let is_it = request.operation == operation;
            if !is_it || !once.swap(false, std::sync::atomic::Ordering::SeqCst) {
                return Fault::None;
            }
            told.add_permits(1);
            Fault::Hold(Arc::clone(&hold))
        });
        (gate, arrived)
    }

    pub(crate) async fn object(&self, at: &str) -> Option<String> {
        let read = self.store.read_whole(&key(at), 1 << 30).await.ok()?;
        Some(String::from_utf8(read.to_vec()).expect("text"))
    }

    /// The upload that made what stands there.
    pub(crate) async fn maker(&self, at: &str) -> Option<TransferId> {
        let head = self.store.head(&key(at)).await.ok()?;
        transfer_of(&head.metadata)
    }
}

impl Node {
    pub(crate) fn id(&self) -> NodeId {
        self.row.id
    }

    pub(crate) fn intent(&self, at: &str) -> Intent {
        let path = format!("/{at}");
        Intent {
            owner: self.owner,
            user: UserName::parse("acme").expect("valid"),
            server: ServerId::generate(),
            session: SessionId::generate(),
            protocol: Some(Protocol::Sftp),
            address: Some("192.0.2.7".parse().expect("valid")),
            path: VirtualPath::parse(path.as_bytes(), &VirtualPath::root()).expect("valid"),
            location: location(at),
            quota: database::Quota::default(),
        }
    }

    /// An upload that has its bytes and waits for CLOSE.
    pub(crate) fn open(&self, at: &str, bytes: impl AsRef<[u8]>) -> Transfer {
        let store: Arc<dyn ObjectStore> = Arc::new(self.store.clone());
        let beginning = Beginning::default();
        let transfer = self.transfers.begin(self.intent(at), beginning, store);
        transfer.write(0, bytes.as_ref()).expect("taken");
        transfer
    }

    /// A temporary file that is closed: it stands whole in staging.
    pub(crate) async fn stage(&self, at: &str, bytes: &str) -> Transfer {
        let store: Arc<dyn ObjectStore> = Arc::new(self.store.clone());
        let staging = self.stores.staging(self.store.bucket()).await;
        let beginning = Beginning {
            staging: Some(staging.expect("a bucket")),
            temporary: true,
            ..Beginning::default()
        };
        let transfer = self.transfers.begin(self.intent(at), beginning, store);
        transfer.write(0, bytes.as_bytes()).expect("taken");
        close(&transfer, Condition::Any).await.expect("staged");
        transfer
    }

    /// Makes the user who uploads, so that the database knows him.
    pub(crate) async fn enter_owner(&mut self) {
        let server = NewServer::named("main");
        let servers = self.database.servers();
        servers.create(&server, START).await.expect("a new server");
        let name = UserName::parse("acme").expect("valid");
        let user = NewUser::new(server.id, name, "/b");
        let user = self.database.users().create(user, START).await;
        self.owner = user.expect("a new user").id;
    }

    pub(crate) fn owner(&self) -> UserId {
        self.owner
    }

    pub(crate) async fn put(&self, at: &str, bytes: &str) -> transfer::Result<Published> {
        close(&self.open(at, bytes), Condition::Any).await
    }

    pub(crate) async fn state(&self, id: TransferId) -> TransferState {
        self.row_of(id).await.expect("its row").state
    }

    /// Uploads that were told of at a key, with their numbers, in order of those.
    pub(crate) async fn told(&self, at: &str) -> Vec<(u64, TransferId)> {
        let events = self.database.events().of_object(&location(at), 1000).await;
        let mut told: Vec<_> = events
            .expect("a healthy database")
            .into_iter()
            .filter(|stored| stored.event.kind == EventKind::Upload)
            .map(|stored| (stored.sequence, stored.event.transfer.expect("an upload's")))
            .collect();
        told.sort();
        told
    }

    /// What one whole pass did.
    pub(crate) async fn sweep(&self) -> String {
        match self.sweeper.sweep().await {
            Ok(report) => report.summary(),
            Err(SweepError::Taken) => "taken".to_owned(),
            Err(error) => panic!("{error}"),
        }
    }

    /// What one whole pass would do.
    pub(crate) async fn dry_run(&self) -> String {
        let report = self.sweeper.dry_run().await;
        report.expect("a healthy database").summary()
    }

    /// Waits until an upload's intent is on record.
    pub(crate) async fn on_record(&self, id: TransferId) {
        while self.row_of(id).await.is_none() {
            tokio::task::yield_now().await;
        }
    }

    async fn row_of(&self, id: TransferId) -> Option<database::Transfer> {
        let row = self.database.transfers().by_id(id).await;
        row.expect("a healthy database")
    }
}

pub(crate) async fn close(
    transfer: &Transfer,
    condition: Condition,
) -> transfer::Result<Published> {
    let publication = Publication {
        condition,
        attributes: Attributes::default(),
        path: transfer.intent().path.clone(),
    };
    transfer.finish(publication).await
}

/// As after a connection that was lost.
pub(crate) fn leaving(transfer: &Transfer) -> Leaving {
    Leaving {
        reason: "the connection was lost".to_owned(),
        attributes: Attributes::default(),
        path: transfer.intent().path.clone(),
    }
}

pub(crate) fn bucket() -> BucketName {
    BucketName::parse("b").expect("valid")
}

pub(crate) fn key(at: &str) -> ObjectKey {
    ObjectKey::parse(at).expect("valid")
}

pub(crate) fn location(at: &str) -> Location {
    Location {
        bucket: bucket(),
        key: key(at),
    }
}

pub(crate) fn body(text: &str) -> storage::Body {
    Bytes::from(text.to_owned()).into()
}
