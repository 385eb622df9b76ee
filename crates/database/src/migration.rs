//! Migrations: numbered SQL texts, applied in order, once, whoever starts first.

use model::ErrorKind;

use crate::engine::{Engine, Transaction};
use crate::query::Query;
use crate::{Error, Result, Settings, older_nodes};

/// Every migration this program knows, in order; the first is number 1. A migration that was
/// ever released is never changed. `{binary}` stands for the collation that compares bytes.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first_light.sql"),
    include_str!("../migrations/0002_nodes.sql"),
    include_str!("../migrations/0003_moves.sql"),
    include_str!("../migrations/0004_private_files.sql"),
    include_str!("../migrations/0005_identity.sql"),
    include_str!("../migrations/0006_policies.sql"),
    include_str!("../migrations/0007_defence.sql"),
    include_str!("../migrations/0008_bounds.sql"),
    include_str!("../migrations/0009_late_copies.sql"),
    include_str!("../migrations/0010_iam_roles.sql"),
    include_str!("../migrations/0011_moved_users.sql"),
];

/// What programs that do not know a migration may do after it: the version of the schema, and the
/// lowest newest version that a program must know to go on beside it. A migration that is not here
/// ends the time of every older program. See decision 10.
const COMPATIBLE: &[(u64, u64)] = &[];

/// Serialises migrating nodes on PostgreSQL: an arbitrary number that is ours ("pierhead").
const LOCK: i64 = 0x7069_6572_6865_6164;

/// A migration that this program does not bring: the next version's, in tests of two versions side
/// by side.
#[derive(Debug, Clone)]
pub struct NextMigration {
    /// SQL, several statements; `{binary}` stands for the collation that compares bytes.
    pub script: String,
    /// Programs that know the schema up to this version may go on; none may where absent.
    pub compatible_from: Option<u64>,
}

/// The schema version that this program brings.
pub fn schema_version() -> u64 {
    MIGRATIONS.len() as u64
}

/// All that a program knows, in order.
struct Known<'a> {
    next: &'a [NextMigration],
}

impl Known<'_> {
    fn newest(&self) -> u64 {
        schema_version() + self.next.len() as u64
    }

    /// The first migration that programs which know the schema up to `version` do not go with.
    fn breaks(&self, version: u64) -> Option<u64> {
        let mut missing = self.after(version, self.newest());
        let goes_with = |from: u64| from <= version;
        missing
            .find(|(.., compatible)| !compatible.is_some_and(goes_with))
            .map(|(number, ..)| number)
    }

    /// The migrations after `version`, up to `last`.
    fn after(&self, version: u64, last: u64) -> impl Iterator<Item = (u64, &str, Option<u64>)> {
        let own = (1..).zip(MIGRATIONS).map(|(number, script)| {
            let compatible = COMPATIBLE.iter().find(|(of, _)| *of == number);
            (number, *script, compatible.map(|(_, from)| *from))
        });
        let next = (schema_version() + 1..).zip(self.next);
        own.chain(next.map(|(number, it)| (number, it.script.as_str(), it.compatible_from)))
            .filter(move |(number, ..)| (version + 1..=last).contains(number))
    }
}

/// Brings the schema to the newest version that is known, in one transaction. A schema that is
/// newer is left as it is.
///
/// # Errors
/// `Unsupported` where the schema is newer and does not go with this program; `Conflict` where it is
/// older, and nodes run that do not go with what this program makes of it.
pub(crate) async fn migrate(engine: &Engine, settings: &Settings) -> Result<()> {
    let known = Known {
        next: &settings.next_migrations,
    };
    let newest = known.newest();
    match version_of(engine).await {
        Ok(version) if version == newest => return Ok(()),
        Ok(version) if version > newest => return check_newer(engine, version, newest).await,
        Ok(version) if version > 0 => {
            if let Some(number) = known.breaks(version) {
                older_nodes::wait(engine, number, settings.older_nodes).await?;
            }
        }
        // Most likely there is no schema at all.
        _ => {}
    }
    let mut transaction = begin(engine).await?;
    let version = current(&mut transaction).await?;
    if version > newest {
        transaction.roll_back().await;
        return check_newer(engine, version, newest).await;
    }
    for (number, script, compatible) in known.after(version, newest) {
        let sqlite = engine.is_sqlite();
        apply(number, script, compatible, sqlite, &mut transaction).await?;
    }
    transaction.commit().await
}

/// Brings an empty schema to `last`, or one at `first` further on, as part of `transaction`.
pub(crate) async fn build(
    first: u64,
    last: u64,
    sqlite: bool,
    transaction: &mut Transaction,
) -> Result<()> {
    current(transaction).await?;
    for (number, script, compatible) in (Known { next: &[] }).after(first, last) {
        apply(number, script, compatible, sqlite, transaction).await?;
    }
    Ok(())
}

/// Begins a change of the schema. BEGIN IMMEDIATE holds others off on SQLite, an advisory lock on
/// PostgreSQL.
pub(crate) async fn begin(engine: &Engine) -> Result<Transaction> {
    let mut transaction = engine.begin().await?;
    if !engine.is_sqlite() {
        transaction.execute_script("schema", lock()).await?;
    }
    Ok(transaction)
}

/// Whether a program that knows `newest` may go on with a schema at `version`: each migration that
/// it does not know must say so.
async fn check_newer(engine: &Engine, version: u64, newest: u64) -> Result<()> {
    let sql = "SELECT COUNT(*) AS fit FROM schema_compatibility \
               WHERE version > $1 AND compatible_from <= $1";
    let query = Query::new("read", "schema compatibility", sql).bind(newest);
    let fit = match engine.fetch_optional(&query).await {
        Ok(row) => row.map_or(Ok(0), |row| row.unsigned("fit"))?,
        Err(error) if error.is_transient() => return Err(error),
        Err(_) => 0,
    };
    if fit != version - newest {
        return Err(newer(version, newest));
    }
    tracing::info!(
        version,
        newest,
        "the schema is newer than this program and goes with it; upgrade this node as well"
    );
    Ok(())
}

/// Waits for other nodes' migrations, and lets this one take its time.
fn lock() -> String {
    format!(
        "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
         SELECT pg_advisory_xact_lock({LOCK})"
    )
}

const READ_VERSION: &str = "SELECT COALESCE(MAX(version), 0) AS version FROM schema_versions";

/// The schema's version now.
pub(crate) async fn version_of(engine: &Engine) -> Result<u64> {
    let rows = engine
        .fetch_all(&Query::new("read", "schema version", READ_VERSION))
        .await?;
    rows.first().map_or(Ok(0), |row| row.unsigned("version"))
}

async fn current(transaction: &mut Transaction) -> Result<u64> {
    for create in [
        "CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY)",
        "CREATE TABLE IF NOT EXISTS schema_compatibility \
         (version BIGINT PRIMARY KEY, compatible_from BIGINT NOT NULL)",
    ] {
        let query = Query::new("create", "schema version", create);
        transaction.execute(&query).await?;
    }
    let read = Query::new("read", "schema version", READ_VERSION);
    let row = transaction.fetch_optional(&read).await?;
    row.map_or(Ok(0), |row| row.unsigned("version"))
}

async fn apply(
    number: u64,
    script: &str,
    compatible_from: Option<u64>,
    sqlite: bool,
    transaction: &mut Transaction,
) -> Result<()> {
    let binary = if sqlite { "BINARY" } else { "\"C\"" };
    let what = format!("schema to version {number}");
    transaction
        .execute_script(&what, script.replace("{binary}", binary))
        .await?;
    let note = "INSERT INTO schema_versions (version) VALUES ($1)";
    let note = Query::new("note", "schema version", note).bind(number);
    transaction.execute(&note).await?;
    if let Some(from) = compatible_from {
        let note = "INSERT INTO schema_compatibility (version, compatible_from) VALUES ($1, $2)";
        let note = Query::new("note", "schema compatibility", note);
        transaction.execute(&note.bind(number).bind(from)).await?;
    }
    Ok(())
}

fn newer(version: u64, known: u64) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "open",
        "database",
        format!(
            "its schema has version {version} and this program knows versions up to {known}: \
             start a newer pierhead, or restore the database from before the upgrade"
        ),
    )
}
