//! A node whose users are known elsewhere.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use database::{Database, DatabaseUrl, NewRole};
use model::{Clock as _, SystemClock};
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

const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;

pub(crate) struct Gate {
    pub(crate) node: Node,
    folder: tempfile::TempDir,
}

impl Gate {
    /// Starts a node with these providers, which knows the role that honest ones name.
    pub(crate) async fn open(providers: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        make_key(folder.path());
        let settings = format!("log.format = \"json\"\nlog.level = {LEVEL:?}\n{providers}");
        let binary = Path::new(env!("CARGO_BIN_EXE_pierhead"));
        let mut node = Node::new(binary, folder.path(), &settings).expect("a configuration");
        node.command(&["user", "list"]).expect("a database");
        std::fs::create_dir_all(folder.path().join("data/objects/inbox")).expect("a bucket");
        add_role(&folder.path().join("data/pierhead.db")).await;
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

    /// What `pierhead identity test` says, and whether it says yes.
    pub(crate) fn test(&self, user: &str, password: &str, more: &[&str]) -> (bool, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pierhead"))
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

async fn add_role(file: &Path) {
    let url = DatabaseUrl::parse(&format!("sqlite://{}", file.display())).expect("a URL");
    let database = Database::open(&url, database::Settings::default()).await;
    let database = database.expect("the database opens");
    let now = SystemClock.now();
    let policy = database.policies().create("everything", POLICY, now).await;
    policy.expect("a policy");
    let role = NewRole {
        name: "transfer".to_owned(),
        arn: Some(ROLE.to_owned()),
        description: String::new(),
        store: None,
        policies: vec!["everything".to_owned()],
    };
    database.roles().create(&role, now).await.expect("a role");
    database.close().await;
}
