//! Migrations: numbered SQL texts, applied in order, once, whoever starts first.

use model::ErrorKind;

use crate::engine::{Engine, Transaction};
use crate::query::Query;
use crate::{Error, Result};

/// Every migration this program knows, in order; the first is number 1. A migration that was
/// ever released is never changed. `{binary}` stands for the collation that compares bytes.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first_light.sql"),
    include_str!("../migrations/0002_nodes.sql"),
    include_str!("../migrations/0003_moves.sql"),
    include_str!("../migrations/0004_private_files.sql"),
];

/// Serialises migrating nodes on PostgreSQL: an arbitrary number that is ours ("pierhead").
const LOCK: i64 = 0x7069_6572_6865_6164;

/// The schema version that this program needs.
pub(crate) fn newest() -> u64 {
    MIGRATIONS.len() as u64
}

/// Brings the schema to [`newest`] in one transaction.
///
/// # Errors
/// `Unsupported` where the schema is newer than this program.
pub(crate) async fn migrate(engine: &Engine) -> Result<()> {
    if version_of(engine)
        .await
        .is_ok_and(|version| version == newest())
    {
        return Ok(());
    }
    // BEGIN IMMEDIATE holds others off on SQLite, an advisory lock on PostgreSQL.
    let mut transaction = engine.begin().await?;
    if !engine.is_sqlite() {
        transaction.execute_script("schema", lock()).await?;
    }
    let version = current(&mut transaction).await?;
    if version > newest() {
        return Err(newer(version));
    }
    for (number, script) in (1..).zip(MIGRATIONS).skip(version as usize) {
        apply(number, script, engine.is_sqlite(), &mut transaction).await?;
    }
    transaction.commit().await
}

/// Waits for other nodes' migrations, and lets this one take its time.
fn lock() -> String {
    format!(
        "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
         SELECT pg_advisory_xact_lock({LOCK})"
    )
}

const READ_VERSION: &str = "SELECT COALESCE(MAX(version), 0) AS version FROM schema_versions";

async fn version_of(engine: &Engine) -> Result<u64> {
    let rows = engine
        .fetch_all(&Query::new("read", "schema version", READ_VERSION))
        .await?;
    rows.first().map_or(Ok(0), |row| row.unsigned("version"))
}

async fn current(transaction: &mut Transaction) -> Result<u64> {
    let create = "CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY)";
    transaction
        .execute(&Query::new("create", "schema version", create))
        .await?;
    let read = Query::new("read", "schema version", READ_VERSION);
    let row = transaction.fetch_optional(&read).await?;
    row.map_or(Ok(0), |row| row.unsigned("version"))
}

async fn apply(
    number: u64,
    script: &str,
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
    Ok(())
}

fn newer(version: u64) -> Error {
    let known = newest();
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
