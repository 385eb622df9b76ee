//! A gateway with users, a store that can be looked into, and a clock that stands still.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use database::{Database, DatabaseUrl, NewServer, NewUser};
use futures::future::LocalBoxFuture;
use gateway::{
    AttributeChanges, DirectoryEntry, Gateway, HandleId, OpenOptions, Peer, Session, Settings,
};
use identity::{HashCost, Identity};
use model::{
    BucketName, Clock, Event, EventKind, ManualClock, NodeId, ObjectKey, Protocol, Secret,
    ServerId, Timestamp, UserName, VirtualPath,
};
use storage::memory::{MemoryStore, Operation};
use storage::s3::{Credentials, S3Settings};
use storage::{
    Buffers, Capabilities, Connection, Entry, ListRequest, ObjectStore, ObjectStoreExt, Stores,
};
use tempfile::TempDir;
use testkit::s3::{Options, S3Server};
use transfer::{Sweeper, Transfers};

const PASSWORD: &str = "correct horse battery";

pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) database: Database,
    pub(crate) gateway: Gateway,
    pub(crate) clock: ManualClock,
    pub(crate) stores: Arc<Stores>,
    pub(crate) transfers: Transfers,
    node: NodeId,
    settings: Settings,
    pub(crate) server: ServerId,
    pub(crate) identity: Identity,
    users: AtomicU32,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}, Settings::default()).await
    }

    /// A gateway onto folders instead of memory; `store` holds nothing then. Returns the folder
    /// of the buckets.
    pub(crate) async fn local() -> (Self, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("buckets");
        let connection = Connection::Local { root: root.clone() };
        let stores = Stores::new(connection);
        (
            Self::onto(Some(stores), |_| {}, Settings::default(), folder).await,
            root,
        )
    }

    /// A gateway onto these stores; `store` holds nothing then.
    pub(crate) async fn of(stores: Stores, folder: TempDir) -> Self {
        Self::onto(Some(stores), |_| {}, Settings::default(), folder).await
    }

    /// A gateway onto an S3 server with the bucket `inbox`; `store` holds nothing then. What is
    /// larger than 6 MiB is copied by ranges.
    pub(crate) async fn on_s3() -> (Self, S3Server) {
        let server = S3Server::start(Options::default()).await;
        let server = server.expect("an S3 server");
        server.add_bucket("inbox");
        let connection = Connection::S3(Box::new(S3Settings {
            endpoint: Some(server.endpoint()),
            path_style: true,
            credentials: Credentials::Static {
                access_key: server.access_key().to_owned(),
                secret_key: Secret::new(server.secret_key().to_owned()),
                session_token: None,
            },
            ..S3Settings::default()
        }));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let world = Self::of(Stores::new(connection), folder).await;
        (world, server)
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Capabilities), settings: Settings) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::onto(None, change, settings, folder).await
    }

    async fn onto(
        stores: Option<Stores>,
        change: impl FnOnce(&mut Capabilities),
        settings: Settings,
        folder: TempDir,
    ) -> Self {
        let url = format!("sqlite://{}", folder.path().join("db.sqlite").display());
        let url = DatabaseUrl::parse(&url).expect("valid");
        let database = Database::open(&url, database::Settings::default())
            .await
            .expect("a new database");
        let clock = ManualClock::new(Timestamp::from_seconds(1_700_000_000));
        let server = NewServer::named("test");
        database
            .servers()
            .create(&server, clock.now())
            .await
            .expect("a new server");
        let store =
            MemoryStore::with_clock(bucket("b"), Arc::new(clock.clone())).with_capabilities(change);
        let stores = Arc::new(stores.unwrap_or_else(|| Stores::in_memory(store.clone())));
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let node = enter("node-1", &database).await;
        let transfers = transfers(node, &database, &shared);
        let identity = identity::Settings {
            hash_cost: HashCost {
                memory_kib: 8,
                passes: 1,
                lanes: 1,
            },
            hashes_at_once: 4,
        };
        let identity = Identity::new(database.clone(), identity, shared.clone()).expect("valid");
        let gateway = Gateway::new(
            database.clone(),
            Arc::clone(&stores),
            transfers.clone(),
            shared,
            settings.clone(),
        );
        Self {
            node,
            settings,
            store,
            database,
            gateway,
            stores,
            transfers,
            clock,
            server: server.id,
            identity,
            users: AtomicU32::new(0),
            _folder: folder,
        }
    }

    /// A session of a new user with this home shown as `/`, and all rights.
    pub(crate) async fn session(&self, home: &str) -> Arc<Session> {
        self.session_of(home, |_| {}).await
    }

    /// The same of a user with something special about him.
    pub(crate) async fn session_of(
        &self,
        home: &str,
        change: impl FnOnce(&mut NewUser),
    ) -> Arc<Session> {
        let name = self.user(home, change).await;
        self.login(&name).await.expect("a session")
    }

    /// A new user.
    pub(crate) async fn user(&self, home: &str, change: impl FnOnce(&mut NewUser)) -> String {
        let name = format!("user{}", self.users.fetch_add(1, Ordering::Relaxed));
        let parsed = UserName::parse(&name).expect("valid");
        let mut user = NewUser::new(self.server.clone(), parsed, home);
        let secret = Secret::new(PASSWORD.to_owned());
        let hash = self.identity.passwords().hash(&secret).await;
        user.password_hash = Some(hash.expect("long enough"));
        change(&mut user);
        self.database
            .users()
            .create(user, self.clock.now())
            .await
            .expect("a new user");
        name
    }

    /// A session of a user who exists.
    pub(crate) async fn login(&self, name: &str) -> gateway::Result<Arc<Session>> {
        let authenticated = Box::pin(self.authenticate(name)).await;
        Box::pin(self.open(authenticated)).await
    }

    /// A login alone.
    pub(crate) async fn authenticate(&self, name: &str) -> identity::Authenticated {
        let address = "192.0.2.7:4711".parse().expect("an address");
        self.identity
            .authenticate_password(
                &self.server,
                name,
                &Secret::new(PASSWORD.to_owned()),
                &identity::Peer::new(address),
            )
            .await
            .expect("the right password")
    }

    /// A session for who has logged in.
    pub(crate) async fn open(
        &self,
        authenticated: identity::Authenticated,
    ) -> gateway::Result<Arc<Session>> {
        open_at(&self.gateway, authenticated).await
    }

    /// Another node on the same database and stores.
    pub(crate) async fn other_node(&self) -> Node {
        let shared: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let id = enter("node-2", &self.database).await;
        let transfers = transfers(id, &self.database, &shared);
        let gateway = Gateway::new(
            self.database.clone(),
            Arc::clone(&self.stores),
            transfers.clone(),
            shared,
            self.settings.clone(),
        );
        let stores = Arc::clone(&self.stores);
        Node {
            gateway,
            transfers,
            stores,
        }
    }

    /// A session of a user who exists, at another node.
    pub(crate) async fn login_at(&self, node: &Node, name: &str) -> Arc<Session> {
        let session = open_at(&node.gateway, self.authenticate(name).await).await;
        session.expect("a session")
    }

    /// The first node is dead from now on, as far as the others know.
    pub(crate) async fn die(&self) {
        let left = self.database.nodes().leave(self.node).await;
        left.expect("a healthy database");
    }

    /// What a node does when it starts after a crash.
    pub(crate) async fn recover(&self) -> String {
        self.die().await;
        let sweeper = Sweeper::new(self.transfers.clone(), Arc::clone(&self.stores));
        let report = sweeper.settle_transfers().await;
        report.expect("a healthy database").summary()
    }

    /// Puts an object as others do.
    pub(crate) async fn seed(&self, key: &str, bytes: &str) {
        let bytes = Bytes::from(bytes.to_owned());
        let put = self.store.put_bytes(&object_key(key), bytes).await;
        put.expect("a healthy store");
    }

    /// The bytes at a key, as text.
    pub(crate) async fn object(&self, key: &str) -> Option<String> {
        let read = self.store.read_whole(&object_key(key), 1 << 30).await;
        let bytes = read.ok()?;
        Some(String::from_utf8(bytes.to_vec()).expect("text"))
    }

    /// All keys of the bucket.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let page = self.store.list(&ListRequest::default()).await;
        let entries = page.expect("a healthy store").entries;
        let key = |entry| match entry {
            Entry::Object { key, .. } | Entry::CommonPrefix(key) => key,
        };
        entries.into_iter().map(key).collect()
    }

    /// The requests that `verb` takes, as "Put 1, Get 2".
    pub(crate) fn count<'a, T: 'a>(
        &'a self,
        verb: impl Future<Output = T> + 'a,
    ) -> LocalBoxFuture<'a, (T, String)> {
        let verb = Box::pin(verb);
        Box::pin(self.count_boxed(verb))
    }

    async fn count_boxed<T>(&self, verb: LocalBoxFuture<'_, T>) -> (T, String) {
        use Operation::{
            CompleteUpload, Copy, CopyPart, CreateUpload, Delete, Get, Head, List, Put, PutPart,
        };
        self.store.reset_requests();
        let outcome = verb.await;
        let requests = self.store.requests();
        let all = [
            Put,
            Get,
            Head,
            List,
            Delete,
            Copy,
            CreateUpload,
            PutPart,
            CopyPart,
            CompleteUpload,
        ];
        let counts: Vec<String> = all
            .into_iter()
            .filter(|operation| requests.count(*operation) > 0)
            .map(|operation| format!("{operation:?} {}", requests.count(operation)))
            .collect();
        (outcome, counts.join(", "))
    }

    /// Events so far, oldest first.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let since = Timestamp::from_seconds(0);
        let stored = self.database.events().since(since, 1000).await;
        let stored = stored.expect("a healthy database");
        stored.into_iter().map(|stored| stored.event).collect()
    }

    /// What happened to which path so far, oldest first.
    pub(crate) async fn told(&self) -> Vec<(EventKind, String)> {
        let path = |event: Event| (event.kind, event.path.unwrap_or_default());
        self.events().await.into_iter().map(path).collect()
    }

    /// What the audit log says was done with which outcome, oldest first.
    pub(crate) async fn audited(&self) -> Vec<String> {
        let since = Timestamp::from_seconds(0);
        let entries = self.database.audit().since(since, 1000).await;
        let entries = entries.expect("a healthy database");
        let line = |entry: database::AuditEntry| {
            let path = entry.path.unwrap_or_default();
            format!("{} {path} {}", entry.action, entry.outcome.as_str())
        };
        entries.into_iter().map(line).collect()
    }
}

async fn open_at(
    gateway: &Gateway,
    authenticated: identity::Authenticated,
) -> gateway::Result<Arc<Session>> {
    let peer = Peer {
        address: authenticated.peer().address.ip(),
        protocol: Protocol::Sftp,
    };
    Box::pin(gateway.open_session(authenticated, peer)).await
}

/// Another node.
pub(crate) struct Node {
    pub(crate) gateway: Gateway,
    pub(crate) transfers: Transfers,
    pub(crate) stores: Arc<Stores>,
}

async fn enter(name: &str, database: &Database) -> NodeId {
    let node = database::Node {
        id: NodeId::generate(),
        name: name.to_owned(),
        address: String::new(),
        started: Timestamp::from_seconds(0),
        expires: Timestamp::from_seconds(4_000_000_000),
        draining: false,
    };
    let entered = database.nodes().register(&node).await;
    entered.expect("a healthy database");
    node.id
}

fn transfers(node: NodeId, database: &Database, clock: &Arc<dyn Clock>) -> Transfers {
    let settings = transfer::Settings {
        node,
        proof_deadline: std::time::Duration::from_millis(20),
        proof_pause: std::time::Duration::from_millis(1),
        move_pause: std::time::Duration::from_millis(1),
        copy_range: 1000,
        largest_copy: 6 << 20,
        ..transfer::Settings::default()
    };
    Transfers::new(
        database.clone(),
        Buffers::default(),
        Arc::clone(clock),
        settings,
    )
}

pub(crate) fn bucket(name: &str) -> BucketName {
    BucketName::parse(name).expect("valid")
}

pub(crate) fn object_key(key: &str) -> ObjectKey {
    ObjectKey::parse(key).expect("valid")
}

pub(crate) fn path(text: &str) -> VirtualPath {
    VirtualPath::parse(text.as_bytes(), &VirtualPath::root()).expect("valid")
}

/// OPEN's flags as in the notes on clients: R, W, C, T, X, A.
pub(crate) fn flags(letters: &str) -> OpenOptions {
    OpenOptions {
        read: letters.contains('R'),
        write: letters.contains('W'),
        create: letters.contains('C'),
        truncate: letters.contains('T'),
        exclusive: letters.contains('X'),
        append: letters.contains('A'),
        attributes: AttributeChanges::default(),
    }
}

/// What tests do with sessions all the time.
pub(crate) trait SessionExt {
    async fn put(&self, at: &str, bytes: &str) -> gateway::Result<()>;
    async fn text(&self, at: &str) -> gateway::Result<String>;
    async fn list(&self, at: &str) -> gateway::Result<BTreeMap<String, DirectoryEntry>>;
    async fn names(&self, at: &str) -> Vec<String>;
    async fn size(&self, at: &str) -> gateway::Result<u64>;
}

impl SessionExt for Arc<Session> {
    async fn put(&self, at: &str, bytes: &str) -> gateway::Result<()> {
        let handle = self.open(&path(at), &flags("WCT")).await?;
        self.write(handle, 0, bytes.as_bytes())?;
        self.close(handle).await
    }

    async fn text(&self, at: &str) -> gateway::Result<String> {
        let handle = self.open(&path(at), &flags("R")).await?;
        let read = read_all(self, handle).await;
        self.close(handle).await?;
        read
    }

    async fn list(&self, at: &str) -> gateway::Result<BTreeMap<String, DirectoryEntry>> {
        let handle = self.open_directory(&path(at)).await?;
        let mut all = BTreeMap::new();
        while let Some(entries) = self.read_directory(handle).await? {
            assert!(!entries.is_empty());
            for entry in entries {
                let twice = all.insert(entry.name.clone(), entry);
                assert!(twice.is_none(), "{twice:?} is listed twice");
            }
        }
        assert_eq!(self.read_directory(handle).await?, None);
        self.close(handle).await?;
        Ok(all)
    }

    async fn names(&self, at: &str) -> Vec<String> {
        let listed = self.list(at).await.expect("a directory");
        let slash = |entry: &DirectoryEntry| {
            if entry.attributes.is_directory() {
                "/"
            } else {
                ""
            }
        };
        listed
            .values()
            .map(|entry| format!("{}{}", entry.name, slash(entry)))
            .collect()
    }

    async fn size(&self, at: &str) -> gateway::Result<u64> {
        self.stat(&path(at)).await.map(|attributes| attributes.size)
    }
}

/// Reads from the start to the end, 32 KiB at a time.
pub(crate) async fn read_all(session: &Session, handle: HandleId) -> gateway::Result<String> {
    let mut all = Vec::new();
    loop {
        let pieces = session.read(handle, all.len() as u64, 32 << 10).await?;
        if pieces.is_empty() {
            return Ok(String::from_utf8(all).expect("text"));
        }
        pieces.iter().for_each(|piece| all.extend_from_slice(piece));
    }
}
