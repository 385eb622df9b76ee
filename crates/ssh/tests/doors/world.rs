//! A server on a loopback port, over a memory store that can be looked into.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use database::{Database, DatabaseUrl, NewServer, NewUser};
use gateway::Gateway;
use identity::defence::{Guard, GuardSettings};
use identity::{HashCost, Identity};
use model::{BucketName, Clock, ObjectKey, Secret, SystemClock, UserName};
use ssh::{Floors, HostKey, HostKeyAlgorithm, HostKeys, Listener, ProxyProtocol, Server, Settings};
use storage::memory::MemoryStore;
use storage::{BufferLimits, Buffers, ObjectStoreExt, Stores};
use tempfile::TempDir;
use testkit::client::{Client, Credential, Sftp};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use transfer::Transfers;

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const USER: &str = "acme";

pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) identity: Identity,
    pub(crate) user: database::User,
    pub(crate) store: MemoryStore,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) guard: Guard,
    pub(crate) buffers: Buffers,
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
    pub(crate) drain: CancellationToken,
    pub(crate) serving: JoinSet<()>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::behind(ProxyProtocol::Off, change).await
    }

    /// One whose clients come as `proxy` says.
    pub(crate) async fn behind(proxy: ProxyProtocol, change: impl FnOnce(&mut Settings)) -> Self {
        Self::guarded(proxy, GuardSettings::default(), change).await
    }

    /// One that is guarded like this.
    pub(crate) async fn guarded(
        proxy: ProxyProtocol,
        guard: GuardSettings,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Box::pin(Self::of(proxy, guard, change, |identity| identity)).await
    }

    /// One whose logins are asked about otherwise.
    pub(crate) async fn asking(ask: impl FnOnce(Identity) -> Identity) -> Self {
        let guard = GuardSettings::default();
        Box::pin(Self::of(ProxyProtocol::Off, guard, |_| {}, ask)).await
    }

    async fn of(
        proxy: ProxyProtocol,
        guard: GuardSettings,
        change: impl FnOnce(&mut Settings),
        ask: impl FnOnce(Identity) -> Identity,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("db.sqlite").display());
        let url = DatabaseUrl::parse(&url).expect("valid");
        let database = Database::open(&url, database::Settings::default())
            .await
            .expect("a new database");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let server = NewServer::named("test");
        let servers = database.servers();
        servers.create(&server, clock.now()).await.expect("server");
        let bucket = BucketName::parse("b").expect("valid");
        let store = MemoryStore::with_clock(bucket, clock.clone());
        // Small enough that uploads in these tests meet the gate.
        let buffers = Buffers::new(&BufferLimits {
            in_flight: 16 << 20,
            ..BufferLimits::default()
        });
        let settings = transfer::Settings::default();
        enter(settings.node, &database).await;
        let transfers = Transfers::new(database.clone(), buffers.clone(), clock.clone(), settings);
        let cost = HashCost {
            memory_kib: 8,
            passes: 1,
            lanes: 1,
        };
        let identity = identity::Settings {
            hash_cost: cost,
            hashes_at_once: 4,
        };
        let identity = Identity::new(database.clone(), identity, clock.clone()).expect("valid");
        let identity = ask(identity);
        let gateway = Arc::new(Gateway::new(
            database.clone(),
            Arc::new(Stores::in_memory(store.clone())),
            transfers,
            clock.clone(),
            gateway::Settings::default(),
        ));

        let name = UserName::parse(USER).expect("valid");
        let mut user = NewUser::new(server.id.clone(), name, "/b/home");
        let hash = identity
            .passwords()
            .hash(&Secret::new(PASSWORD.to_owned()))
            .await;
        user.password_hash = Some(hash.expect("long enough"));
        let user = database.users().create(user, clock.now()).await;
        let user = user.expect("a new user");
        let key = HostKey::generate(HostKeyAlgorithm::Ed25519).expect("generated");
        let text = key.to_openssh().expect("encoded");
        write_private(&folder.path().join("id"), text.expose());
        let added = identity.add_key(user.id, &key.public_key()).await;
        added.expect("added");

        let mut settings = Settings {
            refusal_delay: std::time::Duration::ZERO,
            ..Settings::default()
        };
        change(&mut settings);
        let guard = Guard::new(server.id.clone(), guard, database.clone(), clock.clone());
        Box::pin(guard.remember()).await.expect("read");
        let floors = Floors {
            server: server.id,
            identity: identity.clone(),
            guard: guard.clone(),
            gateway: gateway.clone(),
            uploads: buffers.in_flight.clone(),
            clock,
        };
        let keys = HostKey::generate(HostKeyAlgorithm::Ed25519).map(|key| vec![key]);
        let keys = HostKeys::new(keys.expect("generated")).expect("one key");
        let server = Server::new(floors, settings, &keys).expect("valid");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("address");
        let drain = CancellationToken::new();
        let mut serving = JoinSet::new();
        let stop = drain.clone();
        let listener = Listener::new(listener, proxy);
        serving.spawn(async move { server.serve(listener, stop).await });
        Self {
            database,
            identity,
            user,
            store,
            gateway,
            guard,
            buffers,
            address,
            folder,
            drain,
            serving,
        }
    }

    pub(crate) async fn client(&self) -> Client {
        let credential = Credential::password(PASSWORD);
        let client = Client::connect(self.address, USER, &credential).await;
        client.expect("logged in")
    }

    pub(crate) async fn sftp(&self) -> (Client, Sftp) {
        let client = self.client().await;
        let sftp = client.sftp().await.expect("sftp");
        (client, sftp)
    }

    /// The bytes of an object in the user's home.
    pub(crate) async fn object(&self, name: &str) -> Option<Bytes> {
        let key = ObjectKey::parse(format!("home/{name}")).expect("valid");
        self.store.read_whole(&key, 1 << 30).await.ok()
    }

    pub(crate) async fn seed(&self, name: &str, bytes: impl Into<Bytes>) {
        let key = ObjectKey::parse(format!("home/{name}")).expect("valid");
        self.store.put_bytes(&key, bytes.into()).await.expect("put");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs an OpenSSH client. `{}` in arguments stands for `user@host`.
    pub(crate) async fn openssh(&self, program: &str, arguments: &[&str], input: &str) -> Output {
        use tokio::io::AsyncWriteExt;
        let port = self.address.port().to_string();
        let key = self.path("id");
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .arg(if program == "ssh" { "-p" } else { "-P" })
            .arg(port)
            .arg("-i")
            .arg(key)
            .args(["-F", "/dev/null"])
            .args(["-o", "StrictHostKeyChecking=no"])
            .args(["-o", "UserKnownHostsFile=/dev/null"])
            .args(["-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"])
            .env("SSH_ASKPASS", self.path("askpass"))
            .env("SSH_ASKPASS_REQUIRE", "force")
            .args(match arguments.contains(&"BatchMode=no") {
                true => &[][..],
                false => &["-o", "BatchMode=yes"],
            })
            .args(arguments.iter().map(|a| a.replace("{}", "acme@127.0.0.1")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("openssh is installed");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).await.expect("written");
        drop(stdin);
        let waited = tokio::time::timeout(
            std::time::Duration::from_secs(120),
            child.wait_with_output(),
        );
        waited.await.expect("no hang").expect("ran")
    }

    /// Runs OpenSSH's `sftp`, logs in by these methods in this order, and answers prompts: for the
    /// password by `password`, for a code by `code`. Whether it got in and could list its home.
    pub(crate) async fn logs_in(&self, methods: &str, password: &str, code: &str) -> bool {
        let output = self.try_as(USER, methods, password, code).await;
        output.status.success()
    }

    /// The same as somebody else, with all that the client said.
    pub(crate) async fn try_as(
        &self,
        user: &str,
        methods: &str,
        password: &str,
        code: &str,
    ) -> Output {
        use std::os::unix::fs::PermissionsExt;
        let answers = format!(
            "#!/bin/sh\ncase \"$1\" in\n*erification*) echo '{code}';;\n*) echo '{password}';;\nesac\n"
        );
        let script = self.path("askpass");
        std::fs::write(&script, answers).expect("written");
        let executable = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&script, executable).expect("set");
        let preferred = format!("PreferredAuthentications={methods}");
        let target = format!("{user}@127.0.0.1");
        let arguments = [
            "-o",
            "BatchMode=no",
            "-o",
            "NumberOfPasswordPrompts=1",
            "-o",
            &preferred,
            "-b",
            "-",
            &target,
        ];
        self.openssh("sftp", &arguments, "ls\n").await
    }

    /// Runs `sftp` with these commands, which must all succeed; its output.
    pub(crate) async fn batch(&self, arguments: &[&str], commands: &str) -> String {
        let mut all = vec!["-b", "-"];
        all.extend(arguments);
        all.push("{}");
        let output = self.openssh("sftp", &all, commands).await;
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{commands}\n{shown}\n{errors}");
        shown
    }

    /// Drains the server and waits until every session is gone.
    pub(crate) async fn stop(mut self) {
        self.drain.cancel();
        while let Some(ended) = self.serving.join_next().await {
            ended.expect("no panic");
        }
        assert_eq!(self.gateway.sessions(), 0);
    }
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

fn write_private(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("set");
}

/// Bytes that repeat nowhere soon.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
