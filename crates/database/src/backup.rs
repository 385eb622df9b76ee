//! Backups: every row of every table at one moment, as lines of JSON that either engine can take
//! back.
//!
//! The first line says what it is, the last how many rows it has and the SHA-256 of all before it;
//! in between come tables, each a line with its columns and a line for each row.

use std::io::Write;

use aws_lc_rs::digest::{Context, SHA256};
use model::{ErrorKind, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::{Snapshot, Table, list_tables, tables};
use crate::row::Row;
use crate::{Database, Error, Result, schema_version};

/// The version of the format.
pub(crate) const FORMAT: u64 = 1;

/// What a restored database has anew: its schema, and what is true of running nodes alone.
const LEFT_OUT: [&str; 4] = ["schema_versions", "schema_compatibility", "nodes", "leases"];

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The format's version.
    pub(crate) pierhead_backup: u64,
    /// The schema's.
    pub(crate) schema: u64,
    /// When it was taken, in microseconds since 1970.
    pub(crate) taken: i64,
}

/// A line before the rows of a table.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TableHead {
    pub(crate) table: String,
    pub(crate) columns: Vec<String>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Tail {
    /// How many rows there are.
    pub(crate) rows: u64,
    /// The SHA-256 of every byte before this line, in hexadecimal.
    pub(crate) sha256: String,
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// The version of the schema.
    pub schema: u64,
    /// How many tables.
    pub tables: usize,
    /// How many rows.
    pub rows: u64,
}

impl Database {
    /// Writes the whole content to `to`, as it is at one moment; nodes go on meanwhile. What is
    /// sealed stays sealed. `to` may block the caller's thread.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer or `to` cannot be written.
    pub async fn back_up(&self, to: &mut (dyn Write + Send), now: Timestamp) -> Result<BackedUp> {
        let engine = self.engine();
        let mut snapshot = engine.snapshot().await?;
        let mut lines = Lines::new(to);
        let schema = version(&mut snapshot).await?;
        lines.write(&Head {
            pierhead_backup: FORMAT,
            schema,
            taken: now.as_micros(),
        })?;
        let (mut count, mut rows) = (0, 0);
        for table in all_tables(engine.is_sqlite(), &mut snapshot).await? {
            rows += write_table(&table, &mut snapshot, &mut lines).await?;
            count += 1;
        }
        lines.end(rows)?;
        Ok(BackedUp {
            schema,
            tables: count,
            rows,
        })
    }
}

async fn version(snapshot: &mut Snapshot) -> Result<u64> {
    let sql = "SELECT MAX(version) AS version FROM schema_versions".to_owned();
    let mut version = schema_version();
    let read = |row: Row| {
        version = row.unsigned("version")?;
        Ok(())
    };
    snapshot.for_each("schema version", sql, read).await?;
    Ok(version)
}

async fn all_tables(sqlite: bool, snapshot: &mut Snapshot) -> Result<Vec<Table>> {
    let mut rows = Vec::new();
    let read = |row| {
        rows.push(row);
        Ok(())
    };
    let sql = list_tables(sqlite).to_owned();
    snapshot.for_each("tables", sql, read).await?;
    let mut tables = tables(&rows)?;
    tables.retain(|table| !LEFT_OUT.contains(&table.name.as_str()));
    Ok(tables)
}

async fn write_table(table: &Table, snapshot: &mut Snapshot, lines: &mut Lines<'_>) -> Result<u64> {
    lines.write(&TableHead {
        table: table.name.clone(),
        columns: table.columns.clone(),
    })?;
    let sql = format!("SELECT {} FROM {}", table.columns.join(", "), table.name);
    let mut rows = 0;
    let write = |row: Row| {
        let values = table.columns.iter().map(|column| value(&row, column));
        lines.write(&values.collect::<Result<Vec<_>>>()?)?;
        rows += 1;
        Ok(())
    };
    snapshot.for_each(&table.name, sql, write).await?;
    Ok(rows)
}

/// A column of a row: there are numbers and texts.
fn value(row: &Row, column: &str) -> Result<Value> {
    if let Ok(number) = row.integer_or_null(column) {
        return Ok(number.map_or(Value::Null, Value::from));
    }
    let text = row.text_or_null(column)?;
    Ok(text.map_or(Value::Null, Value::from))
}

/// Writes lines and their checksum.
struct Lines<'w> {
    to: &'w mut (dyn Write + Send),
    sum: Context,
}

impl<'w> Lines<'w> {
    fn new(to: &'w mut (dyn Write + Send)) -> Self {
        Self {
            to,
            sum: Context::new(&SHA256),
        }
    }

    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let mut bytes = serde_json::to_vec(line)
            .map_err(std::io::Error::from)
            .map_err(failed)?;
        bytes.push(b'\n');
        self.sum.update(&bytes);
        self.to.write_all(&bytes).map_err(failed)
    }

    fn end(mut self, rows: u64) -> Result<()> {
        let sha256 = hexadecimal(self.sum.clone());
        self.write(&Tail { rows, sha256 })?;
        self.to.flush().map_err(failed)
    }
}

pub(crate) fn hexadecimal(sum: Context) -> String {
    let digest = sum.finish();
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn failed(error: std::io::Error) -> Error {
    let reason = "it cannot be written";
    Error::new(ErrorKind::Unavailable, "write", "backup", reason).caused_by(error)
}
