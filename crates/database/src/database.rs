//! The database: opened once, shared by all.

use std::sync::Arc;
use std::time::Duration;

use model::InstallationId;
use tokio_util::task::TaskTracker;

use crate::engine::Engine;
use crate::writer::Writer;
use crate::{
    AdmissionsTable, AttributesTable, AuditTable, BansTable, DatabaseUrl, EventsTable, GroupsTable,
    HostKeysTable, LeasesTable, MovedUsersTable, MovesTable, NextMigration, NodesTable,
    PoliciesTable, PrivateFilesTable, Result, RevocationTable, RolesTable, Sealer, ServersTable,
    SightingsTable, SshKeysTable, TransfersTable, UsageTable, UsersTable, installation, migration,
};

/// How a database is opened.
#[derive(Debug)]
pub struct Settings {
    /// What seals private keys.
    pub sealer: Sealer,
    /// At most so many connections (for SQLite: of readers). PostgreSQL gets six at least.
    pub connections: u32,
    /// How long the writer retries while the database does not answer, before it reports that a
    /// write failed or that its outcome is unknown.
    pub commit_deadline: Duration,
    /// How many writes of each class may wait for the writer.
    pub queue: usize,
    /// How many writes one transaction may hold; on PostgreSQL an eighth of it, in a few
    /// transactions side by side.
    pub batch: usize,
    /// The size at which an SQLite database counts as full, in pages of 4,096 bytes; a database
    /// that is larger already grows no more. No limit but the disk's where absent.
    pub sqlite_max_pages: Option<u32>,
    /// How long a migration that ends the time of older programs waits for nodes of theirs to end,
    /// or to count as dead. Default 15 s.
    pub older_nodes: Duration,
    /// Migrations behind this program's own: those of a next version that does not exist yet, for
    /// tests of two versions side by side. None by default.
    pub next_migrations: Vec<NextMigration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sealer: Sealer::plain(),
            connections: 8,
            commit_deadline: Duration::from_secs(30),
            queue: 4096,
            batch: 256,
            sqlite_max_pages: None,
            older_nodes: Duration::from_secs(15),
            next_migrations: Vec::new(),
        }
    }
}

/// A database with its schema in place. Clones share it.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Arc<Engine>,
    sealer: Sealer,
    writer: Writer,
    tasks: TaskTracker,
    url: DatabaseUrl,
    installation: InstallationId,
}

impl Database {
    /// Connects, migrates the schema, and starts the writer (on the Tokio runtime of the caller).
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer, `Unsupported` where its schema is newer
    /// than this program and does not go with it, `Conflict` where it is older and nodes run that
    /// do not go with this program's.
    pub async fn open(url: &DatabaseUrl, settings: Settings) -> Result<Self> {
        let engine = Arc::new(Engine::connect(url, &settings).await?);
        migration::migrate(&engine, &settings).await?;
        let installation = installation::find_or_create(&engine).await?;
        let tasks = TaskTracker::new();
        let writer = Writer::start(Arc::clone(&engine), &settings, &tasks);
        tasks.close();
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                sealer: settings.sealer,
                writer,
                tasks,
                url: url.clone(),
                installation,
            }),
        })
    }

    /// Where it is, without what is secret.
    pub fn url(&self) -> &DatabaseUrl {
        &self.shared.url
    }

    /// The name of all nodes on this database together, made when it was opened first.
    pub fn installation(&self) -> InstallationId {
        self.shared.installation
    }

    /// Asks it something, for a health check.
    ///
    /// # Errors
    /// `Unavailable` where it does not answer.
    pub async fn check(&self) -> Result<()> {
        let query = crate::query::Query::new("check", "database", "SELECT 1 AS one");
        self.shared.engine.fetch_all(&query).await.map(drop)
    }

    /// The engine below, for what concerns all tables at once.
    pub(crate) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// Writes what is queued, then closes every connection. Later calls fail with `Unavailable`.
    pub async fn close(&self) {
        self.shared.writer.close();
        self.shared.tasks.wait().await;
        self.shared.engine.close().await;
    }

    /// The grouped durable writer.
    pub fn writer(&self) -> &Writer {
        &self.shared.writer
    }

    /// Servers.
    pub fn servers(&self) -> ServersTable<'_> {
        ServersTable::new(&self.shared.engine)
    }

    /// Host keys.
    pub fn host_keys(&self) -> HostKeysTable<'_> {
        HostKeysTable::new(&self.shared.engine, &self.shared.sealer)
    }

    /// Groups of users.
    pub fn groups(&self) -> GroupsTable<'_> {
        GroupsTable::new(&self.shared.engine)
    }

    /// Policies.
    pub fn policies(&self) -> PoliciesTable<'_> {
        PoliciesTable::new(&self.shared.engine)
    }

    /// What sessions open with.
    pub fn admissions(&self) -> AdmissionsTable<'_> {
        AdmissionsTable::new(&self.shared.engine)
    }

    /// Roles.
    pub fn roles(&self) -> RolesTable<'_> {
        RolesTable::new(&self.shared.engine)
    }

    /// Users.
    pub fn users(&self) -> UsersTable<'_> {
        UsersTable::new(&self.shared.engine, &self.shared.sealer)
    }

    /// Users who came from another server.
    pub fn moved_users(&self) -> MovedUsersTable<'_> {
        MovedUsersTable::new(&self.shared.engine)
    }

    /// The SSH public keys of users.
    pub fn ssh_keys(&self) -> SshKeysTable<'_> {
        SshKeysTable::new(&self.shared.engine)
    }

    /// Transfers and their intents; written through [`Self::writer`].
    pub fn transfers(&self) -> TransfersTable<'_> {
        TransfersTable::new(&self.shared.engine)
    }

    /// Private files; written through [`Self::writer`].
    pub fn private_files(&self) -> PrivateFilesTable<'_> {
        PrivateFilesTable::new(&self.shared.engine)
    }

    /// Renames in progress and ended ones; written through [`Self::writer`].
    pub fn moves(&self) -> MovesTable<'_> {
        MovesTable::new(&self.shared.engine)
    }

    /// Attributes of objects; written through [`Self::writer`].
    pub fn attributes(&self) -> AttributesTable<'_> {
        AttributesTable::new(&self.shared.engine)
    }

    /// The audit log; written through [`Self::writer`].
    pub fn audit(&self) -> AuditTable<'_> {
        AuditTable::new(&self.shared.engine)
    }

    /// The outbox; written through [`Self::writer`].
    pub fn events(&self) -> EventsTable<'_> {
        EventsTable::new(&self.shared.engine)
    }

    /// The revocation epoch.
    pub fn revocation(&self) -> RevocationTable<'_> {
        RevocationTable::new(&self.shared.engine)
    }

    /// How much everybody has.
    pub fn usage(&self) -> UsageTable<'_> {
        UsageTable::new(&self.shared.engine)
    }

    /// Nodes: which are alive.
    pub fn nodes(&self) -> NodesTable<'_> {
        NodesTable::new(&self.shared.engine)
    }

    /// Bans.
    pub fn bans(&self) -> BansTable<'_> {
        BansTable::new(&self.shared.engine)
    }

    /// What nodes tell each other of those who try to log in.
    pub fn sightings(&self) -> SightingsTable<'_> {
        SightingsTable::new(&self.shared.engine)
    }

    /// Leases: who does what only one node may do.
    pub fn leases(&self) -> LeasesTable<'_> {
        LeasesTable::new(&self.shared.engine)
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({})", self.shared.url)
    }
}
