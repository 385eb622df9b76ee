//! What is attacked: a gateway process over one of both stores, other people's files all around the
//! attacker's home, and the way past the gateway that shows whether one of them changed.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ssh::{HostKey, HostKeyAlgorithm};
use testkit::client::{Client, Credential, Session};
use testkit::node::Node;
use testkit::s3::{Options, S3Server};

/// The bucket that homes are in.
pub(crate) const BUCKET: &str = "inbox";
/// Another one.
pub(crate) const OTHER_BUCKET: &str = "vault";
/// What nobody but its owner may see.
pub(crate) const SECRET: &str = "the neighbour's secret";
/// What the attacker writes wherever he can.
pub(crate) const OWN: &str = "the attacker's own bytes";
/// The attacker, at home in `/inbox/home/acme`.
pub(crate) const ATTACKER: &str = "acme";
/// Where he is at home.
pub(crate) const HOME: &str = "home/acme";

/// How long a node may take to hear of something; it asks every second.
const HEARD: Duration = Duration::from_secs(30);

/// What a partner's role allows: his home, as a folder.
const PARTNERS: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "s3:ListBucket",
      "Resource": "arn:aws:s3:::${transfer:HomeBucket}",
      "Condition": {
        "StringLike": { "s3:prefix": ["${transfer:HomeFolder}", "${transfer:HomeFolder}/*"] }
      }
    },
    {
      "Effect": "Allow",
      "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      "Resource": "arn:aws:s3:::${transfer:HomeDirectory}/*"
    }
  ]
}"#;

/// Where objects are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Local,
    S3,
}

/// Makes a test of each of these for each store.
macro_rules! on_each_store {
    ($($attack:ident),+ $(,)?) => {
        mod local {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $attack() {
                Box::pin(super::$attack($crate::world::Backend::Local)).await;
            })+
        }

        mod s3 {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $attack() {
                Box::pin(super::$attack($crate::world::Backend::S3)).await;
            })+
        }
    };
}

enum Objects {
    Local(PathBuf),
    S3(S3Server),
}

/// The place of an attack.
pub(crate) struct World {
    objects: Objects,
    pub(crate) node: Node,
    credential: Credential,
    folder: tempfile::TempDir,
}

impl World {
    /// A node that serves, the role `partners`, and the attacker, who has it.
    pub(crate) async fn new(backend: Backend) -> Self {
        let world = Self::without_users(backend).await;
        world.policy("partners", PARTNERS);
        world.partner(ATTACKER, &format!("/{BUCKET}/{HOME}"));
        world
    }

    /// A node that serves, and nobody.
    pub(crate) async fn without_users(backend: Backend) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (objects, storage) = match backend {
            Backend::Local => {
                let root = folder.path().join("objects");
                let storage = format!("[storage.local]\nroot = {root:?}\n");
                (Objects::Local(root), storage)
            }
            Backend::S3 => {
                let options = Options {
                    buckets: vec![BUCKET.to_owned(), OTHER_BUCKET.to_owned()],
                    ..Options::default()
                };
                let server = S3Server::start(options).await.expect("an S3 server");
                let storage = s3_settings(&server);
                (Objects::S3(server), storage)
            }
        };
        std::fs::create_dir(folder.path().join("desk")).expect("made");
        std::fs::write(folder.path().join("desk/own"), OWN).expect("written");
        let credential = write_key(folder.path());
        let settings = format!("[log]\nformat = \"json\"\n{storage}");
        let path = folder.path().to_owned();
        let started = tokio::task::spawn_blocking(move || started(&path, &settings));
        let node = started.await.expect("it ends");
        Self {
            objects,
            node,
            credential,
            folder,
        }
    }

    /// Makes a policy, and a role of the same name that has it.
    pub(crate) fn policy(&self, name: &str, document: &str) {
        let file = self.document(name, document);
        self.done(&["policy", "add", name, &file]);
        self.done(&["role", "add", name, "--policy", name]);
    }

    /// Gives a policy another document.
    pub(crate) fn change_policy(&self, name: &str, document: &str) {
        let file = self.document(name, document);
        self.done(&["policy", "set", name, &file]);
    }

    fn document(&self, name: &str, document: &str) -> String {
        let file = self.folder.path().join(format!("{name}.json"));
        std::fs::write(&file, document).expect("written");
        file.to_str().expect("UTF-8").to_owned()
    }

    /// Adds a user with the role `partners`.
    pub(crate) fn partner(&self, name: &str, home: &str) {
        self.user(name, &["--home", home, "--role", "partners"]);
    }

    /// Adds a user who logs in with the key that everybody here has.
    pub(crate) fn user(&self, name: &str, words: &[&str]) {
        let key = self.folder.path().join("key.pub");
        let key = key.to_str().expect("UTF-8");
        self.done(&[&["user", "add", name, "--key", key], words].concat());
    }

    /// Runs a `pierhead` command, which must succeed.
    pub(crate) fn done(&self, words: &[&str]) {
        self.node.command(words).expect("it is done");
    }

    pub(crate) async fn client(&self, user: &str) -> Client {
        let client = Client::connect(self.node.address(), user, &self.credential).await;
        client.expect("logged in")
    }

    pub(crate) async fn session(&self, user: &str) -> Session {
        let session = Session::open(self.node.address(), user, &self.credential).await;
        session.expect("logged in")
    }

    /// Where the attacker's programs run.
    pub(crate) fn desk(&self) -> PathBuf {
        self.folder.path().join("desk")
    }

    /// The file of everybody's private key.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    /// The folder of a bucket of the local store.
    pub(crate) fn bucket_folder(&self) -> PathBuf {
        match &self.objects {
            Objects::Local(root) => root.join(BUCKET),
            Objects::S3(_) => panic!("S3 has no folders"),
        }
    }

    /// The S3 server, where that is the store.
    pub(crate) fn s3(&self) -> Option<&S3Server> {
        match &self.objects {
            Objects::Local(_) => None,
            Objects::S3(server) => Some(server),
        }
    }

    /// Puts an object past the gateway.
    pub(crate) fn put(&self, bucket: &str, key: &str, content: &str) {
        match &self.objects {
            Objects::S3(server) => server.put(bucket, key, content.to_owned()),
            Objects::Local(root) => {
                let file = root.join(bucket).join(key);
                std::fs::create_dir_all(file.parent().expect("a bucket")).expect("made");
                std::fs::write(file, content).expect("written");
            }
        }
    }

    /// Puts the neighbours' secrets at these keys of the bucket of homes.
    pub(crate) fn hide(&self, keys: &[&str]) {
        for key in keys {
            self.put(BUCKET, key, SECRET);
        }
    }

    /// Everything in both buckets past the gateway: by bucket and key, all that can be told of it.
    pub(crate) fn standing(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for bucket in [BUCKET, OTHER_BUCKET] {
            match &self.objects {
                Objects::Local(root) => walk(&root.join(bucket), bucket, &mut found),
                Objects::S3(server) => {
                    for key in server.keys(bucket) {
                        let content = server.object(bucket, &key);
                        let told = format!("{content:?} {:?}", server.metadata(bucket, &key));
                        found.insert(format!("{bucket}/{key}"), told);
                    }
                }
            }
        }
        found
    }

    /// The same without what the gateway keeps for itself and what begins with one of these.
    pub(crate) fn beside(&self, own: &[&str]) -> BTreeMap<String, String> {
        let mut found = self.standing();
        let kept = [
            format!("{BUCKET}/.pierhead/"),
            format!("{OTHER_BUCKET}/.pierhead/"),
        ];
        found.retain(|key, _| {
            let kept = kept.iter().any(|prefix| key.starts_with(prefix));
            !kept && !own.iter().any(|prefix| key.starts_with(prefix))
        });
        found
    }

    /// The bytes at a key, past the gateway.
    pub(crate) fn object(&self, key: &str) -> Option<String> {
        let bytes = match &self.objects {
            Objects::Local(root) => std::fs::read(root.join(BUCKET).join(key)).ok()?,
            Objects::S3(server) => server.object(BUCKET, key)?.to_vec(),
        };
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits until the node has logged this message so often.
    pub(crate) async fn until_logged(&self, message: &str, times: usize) {
        let wanted = format!("\"message\":\"{message}\"");
        let told = |log: String| log.matches(&wanted).count() >= times;
        self.until(message, || self.node.log().is_ok_and(told))
            .await;
    }

    /// Waits until something holds.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        while !holds() {
            assert!(begun.elapsed() < HEARD, "{what}: not within {HEARD:?}");
            looks.tick().await;
        }
    }
}

/// A node that serves. Between the choice of its ports and its start somebody else may take one of
/// them; then it gets others.
pub(crate) fn started(folder: &Path, settings: &str) -> Node {
    const ATTEMPTS: usize = 5;
    let binary = Path::new(env!("CARGO_BIN_EXE_pierhead"));
    for _ in 1..ATTEMPTS {
        let mut node = Node::new(binary, folder, settings).expect("a configuration");
        match node.start() {
            Ok(()) => return node,
            Err(error) => eprintln!("{error}: {:?}", node.log()),
        }
    }
    let mut node = Node::new(binary, folder, settings).expect("a configuration");
    node.start().expect("it starts");
    node
}

/// What is below a folder: files with mode, time and bytes, links with where they lead.
fn walk(folder: &Path, name: &str, found: &mut BTreeMap<String, String>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let entry = entry.expect("read");
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        let metadata = entry.metadata().expect("looked at");
        if metadata.is_dir() {
            walk(&path, &name, found);
            found.insert(format!("{name}/"), "a folder".to_owned());
        } else if metadata.is_symlink() {
            let target = std::fs::read_link(&path).expect("a link");
            found.insert(name, format!("a link to {}", target.display()));
        } else if metadata.is_file() {
            let bytes = std::fs::read(&path).expect("read");
            let (mode, time) = (metadata.mode(), metadata.mtime_nsec());
            let text = String::from_utf8_lossy(&bytes).into_owned();
            found.insert(name, format!("{mode:o} {time} {text}"));
        } else {
            found.insert(name, "something else".to_owned());
        }
    }
}

fn s3_settings(server: &S3Server) -> String {
    format!(
        "[storage]\nkind = \"s3\"\n[storage.s3]\nendpoint = {:?}\naccess_key_id = {:?}\n\
         secret_access_key = {:?}\n",
        server.endpoint(),
        server.access_key(),
        server.secret_key()
    )
}

/// A key that everybody here logs in with: what is attacked are rights, not logins.
fn write_key(folder: &Path) -> Credential {
    let key = HostKey::generate(HostKeyAlgorithm::Ed25519).expect("a key");
    let private = key.to_openssh().expect("encoded");
    let mut options = std::fs::OpenOptions::new();
    let file = options.create(true).write(true).mode(0o600);
    let mut file = file.open(folder.join("key")).expect("made");
    std::io::Write::write_all(&mut file, private.expose().as_bytes()).expect("written");
    let key = russh::keys::decode_secret_key(private.expose(), None).expect("a key");
    let public = key.public_key().to_openssh().expect("encoded");
    std::fs::write(folder.join("key.pub"), public).expect("written");
    Credential::Key(Arc::new(key))
}
