//! `pierhead import`: users of other servers move in, and log in as before.

mod clients;
mod databases;
mod mariadb;
mod moto;
mod programs;
mod thousands;
mod unix;

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::node::{Node, run};

/// What the moved users knew before.
pub(crate) const PASSWORD: &str = "correct horse";

/// An installation that users move into.
pub(crate) struct House {
    folder: TempDir,
    data: PathBuf,
    node: Option<Node>,
}

impl House {
    /// With a node that runs.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let node = Some(Node::up(&data, &[]));
        Self { folder, data, node }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn node(&self) -> &Node {
        self.node.as_ref().expect("it runs")
    }

    /// Ends the node and starts another.
    pub(crate) fn restart(&mut self) {
        self.node = None;
        self.node = Some(Node::up(&self.data, &[]));
    }

    /// Writes a file, and names it.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let file = self.folder.path().join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(&file, text).expect("written");
        file.to_str().expect("UTF-8").to_owned()
    }

    /// What names it to a command.
    pub(crate) fn data_words(&self) -> [&str; 2] {
        ["--data", self.data.to_str().expect("UTF-8")]
    }

    /// A `known_hosts` in which the node is known by this key alone.
    pub(crate) fn known_hosts(&self, key: &str) -> String {
        let address = self.node().address("sftp");
        let line = format!("[{}]:{} {key}\n", address.ip(), address.port());
        self.file("known_hosts", &line)
    }

    /// Runs a command on it: exit status, standard output, standard error.
    pub(crate) fn call(&self, words: &[&str]) -> (bool, String, String) {
        run(&[words, &self.data_words()].concat())
    }

    /// Runs `pierhead import`; it must succeed.
    pub(crate) fn import(&self, words: &[&str]) -> String {
        let (ok, out, err) = self.call(&[&["import"], words].concat());
        assert!(ok, "{words:?}: {out}{err}");
        out
    }

    /// What `pierhead user show` says.
    pub(crate) fn user(&self, name: &str) -> serde_json::Value {
        let (ok, out, err) = self.call(&["user", "show", name, "--json"]);
        assert!(ok, "{err}");
        serde_json::from_str(&out).expect("JSON")
    }

    /// The hash of a user's password, as it is stored.
    pub(crate) fn stored_hash(&self, name: &str) -> String {
        let url = database::DatabaseUrl::Sqlite(self.data.join("pierhead.db"));
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(Box::pin(async {
            let settings = database::Settings::default();
            let database = database::Database::open(&url, settings)
                .await
                .expect("open");
            let servers = database.servers().list().await.expect("servers");
            let name = model::UserName::parse(name).expect("a name");
            let users = database.users();
            let user = users.by_name(&servers[0].id, &name).await;
            let user = user.expect("read").expect("a user");
            database.close().await;
            user.password_hash.expect("a hash").expose().clone()
        }))
    }
}

/// Makes a key: its private file, and the line of its public one.
pub(crate) fn make_key(folder: &Path, name: &str) -> (PathBuf, String) {
    let file = folder.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(&file)
        .status()
        .expect("ssh-keygen runs (package openssh-client)");
    assert!(made.success());
    let public = std::fs::read_to_string(folder.join(format!("{name}.pub"))).expect("a key");
    (file, public.trim().to_owned())
}

/// The hash of [`PASSWORD`] that the C library's crypt(3) makes with a salt.
pub(crate) fn crypt(salt: &str) -> String {
    let made = Command::new("perl")
        .args(["-e", "print crypt($ARGV[0], $ARGV[1])", PASSWORD, salt])
        .output()
        .expect("perl runs (package perl-base)");
    let hash = String::from_utf8(made.stdout).expect("UTF-8");
    assert!(
        hash.starts_with(&salt[..3]) && hash.len() > salt.len(),
        "{salt}: {hash}"
    );
    hash
}
