//! An installation in memory and the passes of one job into it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use database::{Database, DatabaseUrl, NewServer, Node, Server};
use model::{BucketName, Clock, NodeId, ObjectKey, SystemClock};
use moving::files::{FileMap, Import, Job, JobName, Parts, Place, Report, ReportFormat, Settings};
use serde_json::Value;
use storage::memory::MemoryStore;
use storage::{Buffers, Metadata, ObjectStore, ObjectStoreExt as _, PutOptions, Stores};
use tokio_util::sync::CancellationToken;
use transfer::{Origin, Transfers};

use crate::source::Made;

/// The installation.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) database: Database,
    pub(crate) server: Server,
    pub(crate) store: Arc<dyn ObjectStore>,
    stores: Arc<Stores>,
    clock: Arc<dyn Clock>,
    pub(crate) source: Made,
}

/// What a pass is told besides.
#[derive(Default)]
pub(crate) struct How {
    pub(crate) settings: Settings,
    pub(crate) map: FileMap,
    pub(crate) rehearse: bool,
    pub(crate) stop: CancellationToken,
}

/// What a pass told.
pub(crate) struct Told {
    pub(crate) in_step: bool,
    pub(crate) report: Value,
    pub(crate) manifest: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = DatabaseUrl::Sqlite(folder.path().join("pierhead.db"));
        let database = Database::open(&url, database::Settings::default())
            .await
            .expect("SQLite");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let named = NewServer::named("default");
        let server = database
            .servers()
            .find_or_create(&named, clock.now())
            .await
            .expect("made");
        let bucket = BucketName::parse("inbox").expect("valid");
        let stores = Arc::new(Stores::in_memory(MemoryStore::new(bucket.clone())));
        let store = stores.bucket(&bucket).await.expect("opened");
        Self {
            folder,
            database,
            server,
            store,
            stores,
            clock,
            source: Made::default(),
        }
    }

    /// Runs the next pass as a node of its own, which ends properly.
    pub(crate) async fn pass(&self, how: How) -> Told {
        let (node, transfers) = self.node(how.settings.events).await;
        let import = self.import(how, node, transfers).await;
        let report = Box::pin(import.run()).await.expect("it runs");
        let told = Box::pin(told(report)).await;
        self.database.nodes().leave(node).await.expect("left");
        told
    }

    /// A run of the program, and its engine.
    pub(crate) async fn node(&self, events: bool) -> (NodeId, Transfers) {
        let (id, now) = (NodeId::generate(), self.clock.now());
        let node = Node {
            id,
            name: format!("import {id}"),
            address: String::new(),
            started: now,
            expires: now.plus(Duration::from_secs(3600)),
            draining: false,
        };
        self.database
            .nodes()
            .register(&node)
            .await
            .expect("registered");
        let settings = transfer::Settings {
            node: id,
            origin: Origin::Import { events },
            ..transfer::Settings::default()
        };
        let clock = Arc::clone(&self.clock);
        let transfers = Transfers::new(self.database.clone(), Buffers::default(), clock, settings);
        (id, transfers)
    }

    /// A pass that is ready to run.
    pub(crate) async fn import(&self, how: How, node: NodeId, transfers: Transfers) -> Import {
        let name = JobName {
            source: "the test".to_owned(),
            target: "s3://inbox/home".to_owned(),
            map: how.map,
        };
        let (folder, now) = (self.folder.path().join("imports"), self.clock.now());
        let job = match how.rehearse {
            true => Job::rehearse(name, &folder, now).await,
            false => Job::begin(name, &folder, &self.database, node, now).await,
        };
        let parts = Parts {
            source: Arc::new(self.source.clone()),
            target: Place::parse("inbox/home").expect("a place"),
            store: Arc::clone(&self.store),
            stores: Arc::clone(&self.stores),
            database: self.database.clone(),
            transfers,
            server: self.server.id.clone(),
            clock: Arc::clone(&self.clock),
            settings: how.settings,
            stop: how.stop,
        };
        Import::new(job.expect("begun"), parts)
    }

    /// Forgets what the journal holds, as a crash before its last lines would.
    pub(crate) fn lose_journal(&self) {
        std::fs::remove_dir_all(self.imports()).expect("removed");
    }

    /// Where the journal lies.
    pub(crate) fn imports(&self) -> std::path::PathBuf {
        self.folder.path().join("imports")
    }

    pub(crate) fn key(name: &str) -> ObjectKey {
        ObjectKey::parse(format!("home/{name}")).expect("valid")
    }

    /// What stands at a name's target.
    pub(crate) async fn object(&self, name: &str) -> Option<Bytes> {
        self.store.read_whole(&Self::key(name), 1 << 30).await.ok()
    }

    /// A partner's file, whose time he set.
    pub(crate) async fn upload(&self, name: &str, bytes: &'static str, mtime: i64) {
        let options = PutOptions {
            metadata: Metadata::from([("mtime".to_owned(), mtime.to_string())]),
            ..PutOptions::default()
        };
        let body = Bytes::from_static(bytes.as_bytes()).into();
        self.store
            .put(&Self::key(name), body, &options)
            .await
            .expect("put");
    }
}

/// The report as JSON, whose digest is checked, and the manifest.
pub(crate) async fn told(report: Report) -> Told {
    let (mut text, mut manifest) = (Vec::new(), Vec::new());
    report
        .write(ReportFormat::Json, &mut text)
        .await
        .expect("written");
    report.manifest(&mut manifest).await.expect("written");
    let in_step = report.is_in_step().await.expect("read");
    report.end().await.expect("ended");
    let text = String::from_utf8(text).expect("UTF-8");
    let whole: Value = serde_json::from_str(&text).expect("JSON");
    let (body, _) = text["{\"report\":".len()..]
        .rsplit_once(",\"sha256\":")
        .expect("sealed");
    assert_eq!(
        whole["sha256"],
        sha256(body.as_bytes()),
        "the report's own digest"
    );
    assert_eq!(whole["report"]["manifest_sha256"], sha256(&manifest));
    assert_eq!(whole["report"]["in_step"], in_step);
    Told {
        in_step,
        report: whole["report"].clone(),
        manifest: String::from_utf8(manifest).expect("UTF-8"),
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Told {
    /// How many entries of a kind are in a state, and how many of them this pass changed.
    pub(crate) fn count(&self, kind: &str, state: &str) -> (u64, u64) {
        let counts = self.report["counts"].as_array().expect("counts");
        let found = counts
            .iter()
            .find(|count| count["kind"] == kind && count["state"] == state);
        found.map_or((0, 0), |count| {
            let number = |name: &str| count[name].as_u64().expect("a number");
            (number("entries"), number("changed_now"))
        })
    }

    /// State and name of each difference.
    pub(crate) fn differences(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let differences = self.report["differences"].as_array().expect("differences");
        let pair = |it: &Value| (text(&it["state"]), text(&it["name"]));
        differences.iter().map(pair).collect()
    }
}

pub(crate) fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(state, name): &(&str, &str)| ((*state).to_owned(), (*name).to_owned());
    expected.iter().map(own).collect()
}
