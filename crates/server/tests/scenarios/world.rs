//! What a scenario takes place in: backends that outlive the nodes, users, and the way in past
//! the gateway.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use database::{Database, DatabaseUrl};
use model::{EventKind, Timestamp};
use ssh::{HostKey, HostKeyAlgorithm};
use testkit::client::{Credential, Session, Stop};
use testkit::dice::Dice;
use testkit::moto::Moto;
use testkit::node::Node;
use testkit::postgres::TestDatabase;
use testkit::s3::{Options, S3Server};

/// The bucket of every scenario.
pub(crate) const BUCKET: &str = "inbox";
/// Whose files they are.
pub(crate) const USER: &str = "partner";
/// The second one is there to see nothing of the first.
pub(crate) const USERS: [&str; 2] = [USER, "neighbour"];

/// Where objects are.
pub(crate) enum Objects {
    /// Below this folder.
    Local(PathBuf),
    S3(S3Server),
    Moto(Moto),
}

/// Where rows are.
enum Rows {
    Sqlite,
    Postgres(TestDatabase),
    /// Another server's, which the scenario looks after.
    Foreign(String),
}

/// Backends and a user with a key.
pub(crate) struct World {
    pub(crate) objects: Objects,
    rows: Rows,
    folder: tempfile::TempDir,
    credential: Credential,
    nodes: AtomicUsize,
    /// What looks into the database knows, where that is another version.
    #[cfg(feature = "next-version")]
    version: std::sync::OnceLock<PathBuf>,
}

impl World {
    /// An S3 server in this process, and PostgreSQL where there are to be several nodes.
    pub(crate) async fn with_s3(several_nodes: bool) -> Self {
        let rows = match several_nodes {
            true => Rows::Postgres(aside(TestDatabase::new).await),
            false => Rows::Sqlite,
        };
        Self::new(Self::s3_objects().await, rows)
    }

    /// An S3 server in this process, and the database that this URL leads to.
    pub(crate) async fn with_database(url: String) -> Self {
        Self::new(Self::s3_objects().await, Rows::Foreign(url))
    }

    async fn s3_objects() -> Objects {
        let server = S3Server::start(Options::default()).await;
        Objects::S3(server.expect("an S3 server"))
    }

    /// moto's server, where `PIERHEAD_TEST_MOTO` says it is.
    pub(crate) async fn with_moto() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "tests are told by their runner, through the environment"
        )]
        let program =
            std::env::var("PIERHEAD_TEST_MOTO").expect("PIERHEAD_TEST_MOTO names moto_server");
        let server = Moto::start(Path::new(&program)).await.expect("moto starts");
        server.create_bucket(BUCKET).await.expect("a bucket");
        Self::new(Objects::Moto(server), Rows::Sqlite)
    }

    /// The local store below `root`, and SQLite.
    pub(crate) fn with_folder(root: &Path) -> Self {
        Self::new(Objects::Local(root.to_owned()), Rows::Sqlite)
    }

    fn new(objects: Objects, rows: Rows) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = HostKey::generate(HostKeyAlgorithm::Ed25519).expect("a key");
        let private = key.to_openssh().expect("encoded");
        let mut options = std::fs::OpenOptions::new();
        let file = options.create(true).write(true).mode(0o600);
        let mut file = file.open(folder.path().join("key")).expect("made");
        std::io::Write::write_all(&mut file, private.expose().as_bytes()).expect("written");
        let key = russh::keys::decode_secret_key(private.expose(), None).expect("a key");
        let public = key.public_key().to_openssh().expect("encoded");
        std::fs::write(folder.path().join("key.pub"), public).expect("written");
        Self {
            objects,
            rows,
            folder,
            credential: Credential::Key(Arc::new(key)),
            nodes: AtomicUsize::new(0),
            #[cfg(feature = "next-version")]
            version: std::sync::OnceLock::new(),
        }
    }

    /// A node of its own folder, not started; `settings` are TOML besides the backends.
    pub(crate) fn node(&self, settings: &str) -> Node {
        let storage = match &self.objects {
            Objects::Local(root) => format!("[storage.local]\nroot = {root:?}\n"),
            Objects::S3(server) => self.s3_settings(&server.endpoint()),
            Objects::Moto(server) => s3_settings(&server.endpoint(), "testing", "testing"),
        };
        self.node_with(&format!("{settings}\n{storage}"))
    }

    /// A node that reaches the S3 server under another URL.
    pub(crate) fn node_through(&self, endpoint: &str, settings: &str) -> Node {
        self.node_with(&format!("{settings}\n{}", self.s3_settings(endpoint)))
    }

    /// A node that asks this STS for the keys of IAM roles; `more` is TOML of `[storage.s3]`.
    pub(crate) fn node_with_sts(&self, sts: &str, more: &str) -> Node {
        let store = self.s3_settings(&self.s3().endpoint());
        self.node_with(&format!("{store}sts_endpoint = {sts:?}\n{more}"))
    }

    /// A node that reaches moto, and its STS, with these keys.
    pub(crate) fn moto_node(&self, access: &str, secret: &str) -> Node {
        let endpoint = self.moto().endpoint();
        let store = s3_settings(&endpoint, access, secret);
        self.node_with(&format!("{store}sts_endpoint = {endpoint:?}\n"))
    }

    pub(crate) fn moto(&self) -> &Moto {
        match &self.objects {
            Objects::Moto(server) => server,
            _ => panic!("this scenario has no moto"),
        }
    }

    fn node_with(&self, settings: &str) -> Node {
        let number = self.nodes.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.path().join(format!("node{number}"));
        std::fs::create_dir(&folder).expect("made");
        let settings = format!("database.url = {:?}\n{settings}", self.database_url());
        let binary = Path::new(env!("CARGO_BIN_EXE_pierhead"));
        let node = Node::new(binary, &folder, &settings).expect("a configuration");
        if number == 0 {
            let key = self.folder.path().join("key.pub");
            let key = key.to_str().expect("UTF-8");
            for user in USERS {
                let home = format!("/{BUCKET}/{user}");
                let add = ["user", "add", user, "--home", &home, "--key", key];
                node.command(&add).expect("a user");
            }
        }
        node
    }

    fn s3_settings(&self, endpoint: &str) -> String {
        let server = self.s3();
        s3_settings(endpoint, server.access_key(), server.secret_key())
    }

    pub(crate) fn s3(&self) -> &S3Server {
        match &self.objects {
            Objects::S3(server) => server,
            _ => panic!("this scenario has no S3 server in its process"),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file of the user's private key, for clients that want one.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    /// How the user logs in, for tasks of their own.
    pub(crate) fn credential(&self) -> Login {
        Login(self.credential.clone())
    }

    pub(crate) async fn session(&self, address: SocketAddr) -> Session {
        self.credential().session(address).await
    }

    /// What stands at a path of the user, as a consumer of the bucket sees it.
    pub(crate) fn object(&self, path: &str) -> Option<Bytes> {
        self.object_of(USER, path)
    }

    pub(crate) fn object_of(&self, user: &str, path: &str) -> Option<Bytes> {
        let key = format!("{user}/{path}");
        match &self.objects {
            Objects::Moto(_) => panic!("moto's objects are looked at through the gateway alone"),
            Objects::S3(server) => server.object(BUCKET, &key),
            Objects::Local(root) => std::fs::read(root.join(BUCKET).join(key))
                .ok()
                .map(Bytes::from),
        }
    }

    /// The database, past the gateway.
    pub(crate) async fn database(&self) -> Database {
        let url = DatabaseUrl::parse(&self.database_url()).expect("a URL");
        let settings = database::Settings {
            #[cfg(feature = "next-version")]
            next_migrations: self
                .version
                .get()
                .map(|program| server::next_version::migrations(program))
                .unwrap_or_default(),
            ..database::Settings::default()
        };
        let database = Database::open(&url, settings).await;
        database.expect("the database answers")
    }

    /// From now on looks into the database as the program of this name does.
    #[cfg(feature = "next-version")]
    pub(crate) fn look_as(&self, program: &Path) {
        let set = self.version.set(program.to_owned());
        set.expect("once in a scenario");
    }

    /// How many `upload` events each path has.
    pub(crate) async fn uploads_told(&self) -> BTreeMap<String, usize> {
        self.told(EventKind::Upload).await
    }

    /// How many events of a kind each path of the user has.
    pub(crate) async fn told(&self, kind: EventKind) -> BTreeMap<String, usize> {
        self.told_of(USER, kind).await
    }

    pub(crate) async fn told_of(&self, user: &str, kind: EventKind) -> BTreeMap<String, usize> {
        let database = self.database().await;
        let since = Timestamp::from_micros(0);
        let events = database.events().since(since, 100_000).await.expect("read");
        database.close().await;
        let mut told = BTreeMap::new();
        for stored in events
            .into_iter()
            .filter(|stored| stored.event.kind == kind)
        {
            let key = stored.event.key.expect("it has a key");
            let (whose, path) = key.split_once('/').expect("below a home");
            if whose == user {
                *told.entry(path.to_owned()).or_default() += 1;
            }
        }
        told
    }

    fn database_url(&self) -> String {
        match &self.rows {
            Rows::Postgres(database) => database.url().to_owned(),
            Rows::Foreign(url) => url.clone(),
            Rows::Sqlite => format!(
                "sqlite://{}",
                self.folder.path().join("pierhead.db").display()
            ),
        }
    }
}

fn s3_settings(endpoint: &str, access: &str, secret: &str) -> String {
    format!(
        "[storage]\nkind = \"s3\"\n[storage.s3]\nendpoint = {endpoint:?}\n\
         access_key_id = {access:?}\nsecret_access_key = {secret:?}\n"
    )
}

/// The user's key.
#[derive(Clone)]
pub(crate) struct Login(Credential);

impl Login {
    pub(crate) async fn session(&self, address: SocketAddr) -> Session {
        self.try_session(address).await.expect("logged in")
    }

    pub(crate) async fn try_session(&self, address: SocketAddr) -> Result<Session, Stop> {
        self.session_of(USER, address).await
    }

    pub(crate) async fn session_of(
        &self,
        user: &str,
        address: SocketAddr,
    ) -> Result<Session, Stop> {
        Session::open(address, user, &self.0).await
    }
}

/// Bytes that nobody else has.
pub(crate) fn noise(dice: &mut Dice, length: u64) -> Bytes {
    let words = (0..length.div_ceil(8)).flat_map(|_| dice.roll().to_le_bytes());
    let length = usize::try_from(length).expect("it fits into memory");
    words.take(length).collect::<Vec<u8>>().into()
}

/// Runs what blocks beside the tests' own servers.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("it ends")
}

/// How long another node may take to find that one is dead, and to settle what it left.
pub(crate) const SETTLED: Duration = Duration::from_secs(60);

/// Waits until it is so.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    let look = async {
        while !is_so().await {
            looks.tick().await;
        }
    };
    let seen = tokio::time::timeout(SETTLED, look).await;
    assert!(seen.is_ok(), "{what} is not seen within {SETTLED:?}");
}

/// Starts a node without blocking the S3 server that it needs.
pub(crate) async fn started(mut node: Node) -> Node {
    aside(move || {
        node.start().expect("it starts");
        node
    })
    .await
}
