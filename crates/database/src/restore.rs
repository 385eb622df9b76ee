//! Restoring: a backup becomes the whole content of a database, in one transaction.

use std::io::BufRead;

use aws_lc_rs::digest::{Context, SHA256};
use model::{ErrorKind, Timestamp};
use serde_json::Value as Json;

use crate::backup::{FORMAT, Head, TableHead, Tail, hexadecimal};
use crate::engine::{Engine, Table, Transaction, list_tables, tables};
use crate::query::{Query, Value};
use crate::row::Row;
use crate::{DatabaseUrl, Error, Result, Settings, migration, revocation, schema_version};

/// Rows of one INSERT, as far as placeholders allow.
const BATCH: usize = 100;
/// Placeholders of one statement (SQLite takes 32,766, PostgreSQL 65,535).
const PLACEHOLDERS: usize = 30_000;
/// Tables with rows that every new database has.
const NEVER_EMPTY: [&str; 4] = [
    "schema_versions",
    "schema_compatibility",
    "counters",
    "installation",
];

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was taken.
    pub taken: Timestamp,
    /// How many rows it had.
    pub rows: u64,
}

/// Makes the backup in `from` the content of the database at `url`, and brings it to this
/// program's schema. Nothing is changed where it fails. `replace` lets go of what is there.
///
/// # Errors
/// `Conflict` where there is something and `replace` is not set, or where a node is running there;
/// `Unsupported` for a backup of a newer program; `Invalid` for one that is damaged.
pub async fn restore(
    url: &DatabaseUrl,
    from: &mut (dyn BufRead + Send),
    replace: bool,
    now: Timestamp,
) -> Result<Restored> {
    let engine = Engine::connect(url, &Settings::default()).await?;
    let restored = restore_into(&engine, from, replace, now).await;
    engine.close().await;
    restored
}

async fn restore_into(
    engine: &Engine,
    from: &mut (dyn BufRead + Send),
    replace: bool,
    now: Timestamp,
) -> Result<Restored> {
    let mut lines = Lines::new(from);
    let head = head(&lines.next()?)?;
    let sqlite = engine.is_sqlite();
    let mut transaction = migration::begin(engine).await?;
    let there = all_tables(sqlite, &mut transaction).await?;
    refuse_if_nodes_run(&there, now, &mut transaction).await?;
    if !replace {
        refuse_if_filled(&there, &mut transaction).await?;
    }
    drop_all(&there, sqlite, &mut transaction).await?;
    migration::build(0, head.schema, sqlite, &mut transaction).await?;
    let rows = Fill {
        tables: all_tables(sqlite, &mut transaction).await?,
        transaction: &mut transaction,
        open: None,
        waiting: Vec::new(),
        rows: 0,
    };
    let rows = rows.fill(&mut lines).await?;
    migration::build(head.schema, schema_version(), sqlite, &mut transaction).await?;
    // Whatever somebody remembers of the old content is out of date.
    revocation::advance(&mut transaction).await?;
    transaction.commit().await?;
    Ok(Restored {
        taken: Timestamp::from_micros(head.taken),
        rows,
    })
}

fn head(line: &str) -> Result<Head> {
    let head: Head = serde_json::from_str(line)
        .map_err(|error| damaged("it does not begin as a backup does").caused_by(error))?;
    if head.pierhead_backup > FORMAT || head.schema > schema_version() {
        let reason = format!(
            "it was taken by a newer pierhead (format {}, schema {}; this program knows {FORMAT} \
             and {}): restore it with that one",
            head.pierhead_backup,
            head.schema,
            schema_version()
        );
        return Err(Error::new(
            ErrorKind::Unsupported,
            "restore",
            "backup",
            reason,
        ));
    }
    Ok(head)
}

async fn all_tables(sqlite: bool, transaction: &mut Transaction) -> Result<Vec<Table>> {
    let query = Query::new("list", "tables", list_tables(sqlite));
    tables(&transaction.fetch_all(&query).await?)
}

async fn refuse_if_nodes_run(
    there: &[Table],
    now: Timestamp,
    transaction: &mut Transaction,
) -> Result<()> {
    if !there.iter().any(|table| table.name == "nodes") {
        return Ok(());
    }
    let sql = "SELECT name FROM nodes WHERE expires > $1 ORDER BY name";
    let query = Query::new("list", "live nodes", sql).bind(now);
    let nodes: Vec<Row> = transaction.fetch_all(&query).await?;
    let names = nodes.iter().map(|row| row.text("name"));
    let names = names.collect::<Result<Vec<_>>>()?.join(", ");
    if names.is_empty() {
        return Ok(());
    }
    let reason = format!("nodes are running on it ({names}): end them first");
    Err(Error::new(
        ErrorKind::Conflict,
        "restore",
        "database",
        reason,
    ))
}

async fn refuse_if_filled(there: &[Table], transaction: &mut Transaction) -> Result<()> {
    let asked = |table: &&Table| !NEVER_EMPTY.contains(&table.name.as_str());
    for table in there.iter().filter(asked) {
        let sql = format!("SELECT 1 AS one FROM {} LIMIT 1", table.name);
        let query = Query::new("look into", &table.name, sqlx::AssertSqlSafe(sql));
        if transaction.fetch_optional(&query).await?.is_some() {
            let reason = format!(
                "it is not empty (there are {}): restore into a new one, or replace it with --force",
                table.name
            );
            return Err(Error::new(
                ErrorKind::Conflict,
                "restore",
                "database",
                reason,
            ));
        }
    }
    Ok(())
}

/// Those that refer to others go first.
async fn drop_all(there: &[Table], sqlite: bool, transaction: &mut Transaction) -> Result<()> {
    let cascade = if sqlite { "" } else { " CASCADE" };
    let drops = there.iter().rev();
    let drops = drops.map(|table| format!("DROP TABLE {}{cascade};", table.name));
    let script: String = drops.collect();
    if script.is_empty() {
        return Ok(());
    }
    transaction
        .execute_script("away the old content", script)
        .await
}

/// Puts the rows of a backup into empty tables.
struct Fill<'t> {
    tables: Vec<Table>,
    transaction: &'t mut Transaction,
    open: Option<TableHead>,
    waiting: Vec<Vec<Json>>,
    rows: u64,
}

impl Fill<'_> {
    async fn fill(mut self, lines: &mut Lines<'_>) -> Result<u64> {
        loop {
            let sum = lines.sum.clone();
            let line = lines.next()?;
            if line.starts_with('[') {
                let values = serde_json::from_str(&line)
                    .map_err(|error| damaged("a row is garbled").caused_by(error))?;
                self.take(values).await?;
            } else if let Ok(head) = serde_json::from_str::<TableHead>(&line) {
                self.write().await?;
                self.begin(head).await?;
            } else {
                self.write().await?;
                self.check(&line, sum)?;
                return Ok(self.rows);
            }
        }
    }

    /// Empties a table of what its migration put there.
    async fn begin(&mut self, head: TableHead) -> Result<()> {
        let known = self.tables.iter().find(|table| table.name == head.table);
        let fits = known.is_some_and(|table| {
            head.columns
                .iter()
                .all(|column| table.columns.contains(column))
        });
        if !fits {
            return Err(damaged("it has a table that its schema does not have"));
        }
        let sql = sqlx::AssertSqlSafe(format!("DELETE FROM {}", head.table));
        let query = Query::new("empty", &head.table, sql);
        self.transaction.execute(&query).await?;
        self.open = Some(head);
        Ok(())
    }

    async fn take(&mut self, values: Vec<Json>) -> Result<()> {
        let columns = self.open.as_ref().map_or(0, |table| table.columns.len());
        if columns == 0 || values.len() != columns {
            return Err(damaged("a row does not fit its table"));
        }
        self.rows += 1;
        self.waiting.push(values);
        if self.waiting.len() >= BATCH.min(PLACEHOLDERS / columns) {
            self.write().await?;
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        let (Some(table), false) = (&self.open, rows.is_empty()) else {
            return Ok(());
        };
        let (name, columns) = (&table.table, table.columns.join(", "));
        let (values, texts) = values(rows)?;
        let sql = format!("INSERT INTO {name} ({columns}) VALUES {texts}");
        let mut query = Query::new("fill", name, sqlx::AssertSqlSafe(sql));
        query.values = values;
        let written = self.transaction.execute(&query).await;
        written
            .map(drop)
            .map_err(|error| match error.is_transient() {
                true => error,
                false => damaged("a row does not fit its table").caused_by(error),
            })
    }

    fn check(&self, line: &str, sum: Context) -> Result<()> {
        let tail: Tail = serde_json::from_str(line)
            .map_err(|error| damaged("a line is garbled").caused_by(error))?;
        if tail.rows != self.rows || tail.sha256 != hexadecimal(sum) {
            return Err(damaged("its checksum is wrong"));
        }
        Ok(())
    }
}

/// The values of rows, and the text of their places. A missing value has no type that it could be
/// bound by, so it stands in the text.
fn values(rows: Vec<Vec<Json>>) -> Result<(Vec<Value>, String)> {
    let mut values = Vec::new();
    let mut texts = Vec::new();
    for row in rows {
        let mut places = Vec::new();
        for json in row {
            let value = match json {
                Json::Null => {
                    places.push("NULL".to_owned());
                    continue;
                }
                Json::Number(number) => number
                    .as_i64()
                    .map(Value::from)
                    .ok_or_else(|| damaged("a number is too large"))?,
                Json::String(text) => Value::from(text),
                _ => return Err(damaged("a value is neither number nor text")),
            };
            values.push(value);
            places.push(format!("${}", values.len()));
        }
        texts.push(format!("({})", places.join(", ")));
    }
    Ok((values, texts.join(", ")))
}

/// Reads lines and their checksum.
struct Lines<'r> {
    from: &'r mut (dyn BufRead + Send),
    sum: Context,
}

impl<'r> Lines<'r> {
    fn new(from: &'r mut (dyn BufRead + Send)) -> Self {
        Self {
            from,
            sum: Context::new(&SHA256),
        }
    }

    fn next(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.from.read_line(&mut line);
        let length = read.map_err(|error| damaged("it cannot be read").caused_by(error))?;
        if length == 0 || !line.ends_with('\n') {
            return Err(damaged("it ends too early"));
        }
        self.sum.update(line.as_bytes());
        Ok(line)
    }
}

fn damaged(reason: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, "restore", "backup", reason)
}
