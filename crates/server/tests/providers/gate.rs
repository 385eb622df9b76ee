//! A node whose users are known elsewhere.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use database::{Database, DatabaseUrl, ExternalUser, HomeType, NewRole, NewUser, UserChanges};
use identity::Identity;
use model::{Clock as _, EventKind, Secret, ServerId, SystemClock, Timestamp, UserName};
use serde_json::Value;
use ssh::{HostKey, HostKeyAlgorithm};
use testkit::node::Node;

use crate::clients::{Client, Login};

/// What honest providers call the role of everybody.
pub(crate) const ROLE: &str = "arn:aws:iam::111111111111:role/sftp-transfer";
/// The password of everybody.
pub(crate) const PASSWORD: &str = "fawrawt45245 gr\u{fc}n";
/// What one question may take, in the settings of every provider.
pub(crate) const DEADLINE: &str = "deadline = \"2s\"";
/// No login may take longer: the deadline, a client's start, and a machine that has much to do.
const LONGEST: Duration = Duration::from_secs(60);

/// What carries passwords to providers tells all it knows.
const LEVEL: &str = "info,identity=trace,aws_smithy_runtime=trace,aws_smithy_runtime_api=trace,\
    aws_smithy_http_client=trace,aws_sigv4=trace,aws_sdk_lambda=trace,hyper=trace,hyper_util=trace";

/// What providers stand behind in the configuration.
const MARK: &str = "# who comes in\n";

const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;

pub(crate) struct Gate {
    pub(crate) node: Node,
    folder: tempfile::TempDir,
}

impl Gate {
    /// Starts a node with these providers, which knows the role that honest ones name.
    pub(crate) async fn open(providers: &str) -> Self {
        Self::open_to(providers, &[]).await
    }

    /// The same, where these are known already.
    pub(crate) async fn open_to(providers: &str, known: &[Known]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        make_key(folder.path());
        let settings = format!("log.format = \"json\"\nlog.level = {LEVEL:?}\n{MARK}{providers}");
        let binary = Path::new(env!("CARGO_BIN_EXE_pierhead"));
        let mut node = Node::new(binary, folder.path(), &settings).expect("a configuration");
        node.command(&["user", "list"]).expect("a database");
        std::fs::create_dir_all(folder.path().join("data/objects/inbox")).expect("a bucket");
        let key = std::fs::read_to_string(folder.path().join("key.pub")).expect("a key");
        let database = folder.path().join("data/pierhead.db");
        Box::pin(fill(&database, &key, known)).await;
        tokio::task::block_in_place(|| node.start()).expect("it starts");
        Self { node, folder }
    }

    /// The public key that users sign by.
    pub(crate) fn public_key(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("key.pub")).expect("a key")
    }

    /// Whether he comes in and can put a file into his home; and that it takes no longer than it
    /// may.
    pub(crate) fn admits(&self, client: &Client, user: &str, login: &Login) -> bool {
        let begun = Instant::now();
        let came_in = client.login(self.node.address(), self.folder.path(), user, login);
        let took = begun.elapsed();
        assert!(took < LONGEST, "{user} waited for {took:?}");
        came_in
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes other providers, and what may stand before them, into the configuration, and has it
    /// read: what the node says, and whether it took it.
    pub(crate) fn reload(&self, providers: &str) -> (bool, String) {
        let file = self.folder.path().join("pierhead.toml");
        let text = std::fs::read_to_string(&file).expect("a configuration");
        let (before, _) = text.split_once(MARK).expect("a mark");
        std::fs::write(&file, format!("{before}{MARK}{providers}")).expect("written");
        let output = self.node.output(&["reload"]).expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8(said).expect("text"),
        )
    }

    /// What `pierhead identity test` says, and whether it says yes.
    pub(crate) fn test(&self, user: &str, password: &str, more: &[&str]) -> (bool, String) {
        self.test_in(&[], user, password, more)
    }

    /// The same in an environment, in which AWS's own variables are these alone.
    pub(crate) fn test_in(
        &self,
        environment: &[(&str, String)],
        user: &str,
        password: &str,
        more: &[&str],
    ) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pierhead"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let mut child = command
            .args(["identity", "test", "--server", "default", "--user", user])
            .args(more)
            .arg("--config")
            .arg(self.folder.path().join("pierhead.toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut stdin = child.stdin.take().expect("piped");
        // It reads nothing where no password is tried.
        let _ = writeln!(stdin, "{password}");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).expect("text");
        assert!(
            !said.contains("fawrawt45245"),
            "it prints a password: {said}"
        );
        (output.status.success(), said)
    }

    /// The file of the public key that users sign by.
    pub(crate) fn public_key_file(&self) -> String {
        self.folder.path().join("key.pub").display().to_string()
    }

    /// What a provider's log lines of this message say.
    pub(crate) fn told(&self, message: &str, provider: &str) -> Vec<Value> {
        let log = self.node.log().expect("a log");
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let told = |line: &Value| line["message"] == message && line["provider"] == provider;
        lines.filter(told).collect()
    }

    /// The errors in a provider's log lines.
    pub(crate) fn errors(&self, provider: &str) -> Vec<String> {
        let told = self.told("identity provider gave no answer", provider);
        let error = |line: &Value| line["error"].as_str().unwrap_or_default().to_owned();
        told.iter().map(error).collect()
    }

    /// Ends the node, and returns what its audit log says of logins that were refused.
    pub(crate) async fn refusals(&mut self) -> Vec<(String, Value)> {
        tokio::task::block_in_place(|| {
            self.node.terminate().expect("it runs");
            self.node.wait().expect("it ends");
        });
        let database = open(&self.folder.path().join("data/pierhead.db")).await;
        let rows = database
            .audit()
            .since(Timestamp::from_seconds(0), 1000)
            .await;
        database.close().await;
        let rows = rows.expect("read").into_iter();
        let refused = rows.filter(|row| row.action == EventKind::LoginRefused.as_str());
        refused
            .map(|row| (row.user.unwrap_or_default(), row.detail))
            .collect()
    }

    /// No password stands in the log, at whatever level it is written.
    pub(crate) fn assert_no_secret_is_logged(&self) {
        let log = self.node.log().expect("a log");
        assert!(!log.contains("fawrawt45245"), "the log holds a password");
    }
}

fn make_key(folder: &Path) {
    let key = HostKey::generate(HostKeyAlgorithm::Ed25519).expect("a key");
    let private = key.to_openssh().expect("encoded");
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options
        .create(true)
        .write(true)
        .open(folder.join("key"))
        .expect("made");
    file.write_all(private.expose().as_bytes())
        .expect("written");
    let key = russh::keys::decode_secret_key(private.expose(), None).expect("a key");
    let public = key.public_key().to_openssh().expect("encoded");
    std::fs::write(folder.join("key.pub"), public.trim()).expect("written");
}

/// Somebody who is known before the node starts.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// His name here: `name`, or `name@@provider`.
    pub(crate) name: String,
    /// His provider; none for built-in users, who get everybody's password and key.
    pub(crate) provider: Option<String>,
    /// What he has to show, where that is not what the server asks for.
    pub(crate) methods: Option<&'static str>,
    /// The secret of his one-time passwords, in base32.
    pub(crate) totp: Option<&'static str>,
}

async fn open(file: &Path) -> Database {
    let url = DatabaseUrl::parse(&format!("sqlite://{}", file.display())).expect("a URL");
    let database = Database::open(&url, database::Settings::default()).await;
    database.expect("the database opens")
}

/// Adds the role, and whoever is known.
async fn fill(file: &Path, key: &str, known: &[Known]) {
    let database = open(file).await;
    let now = SystemClock.now();
    let policy = database.policies().create("everything", POLICY, now).await;
    policy.expect("a policy");
    let role = NewRole {
        name: "transfer".to_owned(),
        arn: Some(ROLE.to_owned()),
        policies: vec!["everything".to_owned()],
        ..NewRole::default()
    };
    database.roles().create(&role, now).await.expect("a role");
    let server = database.servers().by_name("default").await.expect("read");
    let server = server.expect("a server").id;
    for somebody in known {
        add(&database, &server, key, somebody).await;
    }
    database.close().await;
}

async fn add(database: &Database, server: &ServerId, key: &str, somebody: &Known) {
    let (now, users) = (SystemClock.now(), database.users());
    let name = UserName::parse(&somebody.name).expect("a name");
    let user = match &somebody.provider {
        Some(provider) => {
            let external = ExternalUser {
                server: server.clone(),
                name,
                provider: provider.clone(),
                external_id: None,
                home_type: HomeType::Logical,
                home_directory: "/inbox/bob".to_owned(),
                mappings: Vec::new(),
                role: Some("transfer".to_owned()),
                session_policy: None,
            };
            users.record(&external, now).await.expect("recorded").user
        }
        None => {
            let user = NewUser::new(server.clone(), name, "/inbox/bob");
            let user = users.create(user, now).await.expect("a user");
            let clock = Arc::new(SystemClock);
            let identity = Identity::new(database.clone(), identity::Settings::default(), clock);
            let identity = identity.expect("identity");
            let password = Secret::new(PASSWORD.to_owned());
            let set = identity.set_password(user.id, &user.name, &password);
            set.await.expect("set");
            identity.add_key(user.id, key).await.expect("added");
            user
        }
    };
    let changes = UserChanges {
        methods: somebody.methods.map(|methods| Some(methods.to_owned())),
        ..UserChanges::default()
    };
    users.update(user.id, changes, now).await.expect("changed");
    if let Some(secret) = somebody.totp {
        let secret = Secret::new(secret.to_owned());
        let enrolled = users.set_totp(user.id, Some(&secret), now).await;
        enrolled.expect("enrolled");
    }
}
