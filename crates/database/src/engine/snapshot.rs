//! `Snapshot`: all tables as they are at one moment, read row by row.

use futures::TryStreamExt as _;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Sqlite};

use super::lent::Lent;
use super::{Engine, within};
use crate::query::Query;
use crate::row::Row;
use crate::{Error, Result};

/// What every query of a snapshot is called in errors.
const OPERATION: &str = "read";

/// A transaction that sees one moment, and changes nothing. Dropping it ends it.
pub(crate) enum Snapshot {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(Lent),
}

/// A table and its columns, in their order.
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
}

const SQLITE_TABLES: &str = "SELECT m.name AS table_name, p.name AS column_name \
     FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p \
     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY m.rowid, p.cid";

const POSTGRES_TABLES: &str = "SELECT CAST(c.relname AS TEXT) AS table_name, \
     CAST(a.attname AS TEXT) AS column_name \
     FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid \
     WHERE c.relkind = 'r' AND c.relnamespace = CAST(current_schema() AS regnamespace) \
     AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.oid, a.attnum";

impl Engine {
    /// The moment is that of the first read.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot> {
        let query = Query::new("begin", "snapshot", "");
        within(&query, async {
            Ok(match self {
                Self::Sqlite { read, .. } => {
                    let mut connection = read.acquire().await?;
                    // Closed with its transaction, not given back with it.
                    connection.close_on_drop();
                    sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
                    Snapshot::Sqlite(connection)
                }
                Self::Postgres(pool) => {
                    let mut lent = pool.lend().await?;
                    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
                                 SET LOCAL statement_timeout = 0";
                    sqlx::raw_sql(begin).execute(lent.ask()).await?;
                    Snapshot::Postgres(lent)
                }
            })
        })
        .await
    }
}

/// The query that names all tables with their columns, those that others refer to first: in the
/// order in which they were made. Its answer is put together by [`tables`].
pub(crate) fn list_tables(sqlite: bool) -> &'static str {
    if sqlite {
        SQLITE_TABLES
    } else {
        POSTGRES_TABLES
    }
}

/// Puts the answer to [`list_tables`] together.
pub(crate) fn tables(rows: &[Row]) -> Result<Vec<Table>> {
    let mut tables: Vec<Table> = Vec::new();
    for row in rows {
        let (name, column) = (row.text("table_name")?, row.text("column_name")?);
        match tables.last_mut() {
            Some(table) if table.name == name => table.columns.push(column),
            _ => tables.push(Table {
                name,
                columns: vec![column],
            }),
        }
    }
    Ok(tables)
}

impl Snapshot {
    /// Hands every row of an answer to `each`, one at a time: memory does not grow with a table.
    pub(crate) async fn for_each(
        &mut self,
        object: &str,
        sql: String,
        mut each: impl FnMut(Row) -> Result<()>,
    ) -> Result<()> {
        let failed = |error| Error::from_engine(OPERATION, object, error);
        match self {
            Self::Sqlite(connection) => {
                let statement = sqlx::query(AssertSqlSafe(sql)).persistent(false);
                let mut rows = statement.fetch(&mut **connection);
                while let Some(row) = rows.try_next().await.map_err(failed)? {
                    each(Row::Sqlite(row))?;
                }
            }
            Self::Postgres(lent) => {
                let statement = sqlx::query(AssertSqlSafe(sql)).persistent(false);
                let mut rows = statement.fetch(lent.ask());
                while let Some(row) = rows.try_next().await.map_err(failed)? {
                    each(Row::Postgres(row))?;
                }
            }
        }
        Ok(())
    }
}
