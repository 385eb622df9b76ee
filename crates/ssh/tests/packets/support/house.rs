//! The whole gateway in this process: a bucket in memory, SQLite in a folder of its own, one user.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use database::{Database, DatabaseUrl, NewServer, NewUser};
use futures::TryStreamExt as _;
use gateway::Gateway;
use identity::defence::{Guard, GuardSettings};
use identity::{HashCost, Identity};
use model::{BucketName, Clock, ErrorKind, ObjectKey, Secret, SystemClock, UserName};
use ssh::{Floors, HostKey, HostKeyAlgorithm, HostKeys, Server};
use storage::memory::MemoryStore;
use storage::{Buffers, Entry, ListRequest, ObjectStore as _, ObjectStoreExt as _, Stores};
use testkit::client::{Client, Credential, Session, Stop};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use transfer::Transfers;

use super::Partner;

/// The second one is there to see nothing of the first.
pub(crate) const USERS: [&str; 2] = [USER, "neighbour"];
const USER: &str = "partner";
const PASSWORD: &str = "correct horse";
/// Where the user's tree lies in the bucket.
const HOME: &str = "partner/";

/// A running gateway. Everything ends with this value.
pub(crate) struct House {
    pub(crate) store: MemoryStore,
    pub(crate) transfers: Transfers,
    pub(crate) max_handles: usize,
    gateway: Arc<Gateway>,
    address: SocketAddr,
    _tasks: JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl House {
    pub(crate) async fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let folder = tempfile::tempdir().expect("a folder");
        let url = DatabaseUrl::Sqlite(folder.path().join("pierhead.db"));
        let database = Database::open(&url, database::Settings::default())
            .await
            .expect("SQLite");
        let identity = identity(&database, &clock);
        let server = add_users(&database, &identity, &clock).await;

        let store = MemoryStore::new(BucketName::parse("bucket").expect("a name"));
        let stores = Arc::new(Stores::in_memory(store.clone()));
        let buffers = Buffers::default();
        let uploads = Arc::clone(&buffers.in_flight);
        let settings = transfer::Settings::default();
        enter(settings.node, &database).await;
        let transfers = Transfers::new(database.clone(), buffers, Arc::clone(&clock), settings);
        let settings = gateway::Settings::default();
        let max_handles = settings.max_handles;
        let guard = Guard::new(
            server.clone(),
            GuardSettings::default(),
            database.clone(),
            Arc::clone(&clock),
        );
        let gateway = Arc::new(Gateway::new(
            database,
            stores,
            transfers.clone(),
            Arc::clone(&clock),
            settings,
        ));
        let floors = Floors {
            server,
            identity,
            guard,
            gateway: Arc::clone(&gateway),
            uploads,
            clock,
        };
        let (address, tasks) = listen(floors).await;
        Self {
            store,
            transfers,
            max_handles,
            gateway,
            address,
            _tasks: tasks,
            _folder: folder,
        }
    }

    /// A connection that has logged in.
    pub(crate) async fn client(&self) -> Client {
        let credential = Credential::password(PASSWORD);
        Client::connect(self.address, USER, &credential)
            .await
            .expect("the login succeeds")
    }

    /// A session of one of the users.
    pub(crate) async fn session_of(&self, user: &str) -> Result<Session, Stop> {
        Session::open(self.address, user, &Credential::password(PASSWORD)).await
    }

    /// A connection with an SFTP channel.
    pub(crate) async fn partner(&self) -> Partner {
        Partner::new(self.client().await).await
    }

    /// What stands at a key of the user's tree; none where there is nothing.
    pub(crate) async fn object(&self, key: &str) -> Option<Vec<u8>> {
        self.outside(&format!("{HOME}{key}")).await
    }

    /// What stands at a key of the bucket.
    pub(crate) async fn outside(&self, key: &str) -> Option<Vec<u8>> {
        match self.store.read_whole(&self::key(key), 1 << 30).await {
            Ok(content) => Some(content.to_vec()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => panic!("get {key}: {error}"),
        }
    }

    /// Puts an object into the user's tree without passing the gateway.
    pub(crate) async fn plant(&self, key: &str, content: &[u8]) {
        self.plant_outside(&format!("{HOME}{key}"), content).await;
    }

    /// Puts an object anywhere into the bucket.
    pub(crate) async fn plant_outside(&self, key: &str, content: &[u8]) {
        let content = Bytes::copy_from_slice(content);
        self.store
            .put_bytes(&self::key(key), content)
            .await
            .expect("stored");
    }

    /// Every key of the user's tree, in byte order.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let request = ListRequest {
            prefix: HOME.to_owned(),
            ..ListRequest::default()
        };
        let entries: Vec<Entry> = self
            .store
            .entries(request)
            .try_collect()
            .await
            .expect("listed");
        let key = |entry: Entry| match entry {
            Entry::Object { key, .. } => key.strip_prefix(HOME).expect("asked for").to_owned(),
            entry => panic!("no delimiter was asked for: {entry:?}"),
        };
        entries.into_iter().map(key).collect()
    }

    /// Waits until the gateway has just so many sessions.
    pub(crate) async fn until_sessions(&self, count: usize) {
        until("sessions", async || self.gateway.sessions() == count).await;
    }

    /// Waits until no multipart upload is left in the store.
    pub(crate) async fn until_no_uploads(&self) {
        let none = async || {
            self.store
                .list_uploads("")
                .await
                .expect("listed")
                .is_empty()
        };
        until("no uploads", none).await;
    }
}

fn key(key: &str) -> ObjectKey {
    ObjectKey::parse(key).expect("a key")
}

/// Passwords cost next to nothing here: a test logs in often.
fn identity(database: &Database, clock: &Arc<dyn Clock>) -> Identity {
    let hash_cost = HashCost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };
    let settings = identity::Settings {
        hash_cost,
        hashes_at_once: 2,
    };
    Identity::new(database.clone(), settings, Arc::clone(clock)).expect("a valid cost")
}

async fn add_users(
    database: &Database,
    identity: &Identity,
    clock: &Arc<dyn Clock>,
) -> model::ServerId {
    let server = NewServer::named("tests");
    let server = database
        .servers()
        .create(&server, clock.now())
        .await
        .expect("created");
    for name in USERS {
        let user = UserName::parse(name).expect("a name");
        let user = NewUser::new(server.id.clone(), user, format!("/bucket/{name}"));
        let user = database
            .users()
            .create(user, clock.now())
            .await
            .expect("created");
        let password = Secret::new(PASSWORD.to_owned());
        identity
            .set_password(user.id, &user.name, &password)
            .await
            .expect("set");
    }
    server.id
}

/// The node lives, so that nobody takes its uploads for those of a dead one.
async fn enter(id: model::NodeId, database: &Database) {
    let node = database::Node {
        id,
        name: "node-1".to_owned(),
        address: String::new(),
        started: model::Timestamp::from_seconds(0),
        expires: model::Timestamp::from_seconds(1 << 40),
        draining: false,
    };
    database.nodes().register(&node).await.expect("entered");
}

async fn listen(floors: Floors) -> (SocketAddr, JoinSet<()>) {
    let key = HostKey::generate(HostKeyAlgorithm::Ed25519).expect("a key");
    let keys = HostKeys::new(vec![key]).expect("one key");
    let settings = ssh::Settings {
        refusal_delay: Duration::ZERO,
        ..ssh::Settings::default()
    };
    let server = Server::new(floors, settings, &keys).expect("valid settings");
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a loopback port");
    let address = listener.local_addr().expect("bound above");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { server.serve(listener, CancellationToken::new()).await });
    (address, tasks)
}

/// Looks again and again; the deadline only tells a failure from a hang.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    let look = async {
        while !holds().await {
            looks.tick().await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(20), look).await;
    assert!(found.is_ok(), "{what}: not within 20 s");
}
