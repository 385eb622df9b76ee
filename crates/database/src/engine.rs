//! The two engines behind one set of calls: pools, queries and transactions.

mod lent;
mod snapshot;

use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

use model::ErrorKind;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool};

use self::lent::{Lent, Pool, is_stale_plan};
pub(crate) use self::snapshot::{Snapshot, Table, list_tables, tables};
use crate::metrics::QUERIES;
use crate::query::{Query, Value};
use crate::row::Row;
use crate::{DatabaseUrl, Error, Result, Settings};

/// How long one query may take, and how long one waits for a connection to SQLite.
const DEADLINE: Duration = Duration::from_secs(15);
/// How long one migration may take, and how long other nodes wait for it.
const MIGRATION_DEADLINE: Duration = Duration::from_secs(600);
/// How long SQLite waits for another process's write to end.
const BUSY: Duration = Duration::from_secs(10);

/// The pools of one database.
pub(crate) enum Engine {
    /// SQLite has one writer; readers see the last commit and are never blocked by it.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
    },
    Postgres(Pool),
}

/// A transaction. Rolled back when it is dropped before [`Transaction::commit`].
pub(crate) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(Lent),
}

macro_rules! bound {
    ($query:expr) => {{
        let mut statement = sqlx::query($query.sql.clone());
        for value in &$query.values {
            statement = match value {
                Value::Integer(number) => statement.bind(*number),
                Value::Text(text) => statement.bind(text.as_deref()),
            };
        }
        statement
    }};
}

/// Asks on a connection of its own; once more where the schema changed under a prepared statement.
macro_rules! ask {
    ($pool:expr, $query:expr, $how:ident) => {{
        let mut lent = $pool.lend().await?;
        let answer = bound!($query).$how(lent.ask()).await;
        match lent.answered(answer) {
            Err(error) if is_stale_plan(&error) => {
                lent.forget_plans().await?;
                let answer = bound!($query).$how(lent.ask()).await;
                lent.answered(answer)?
            }
            answer => answer?,
        }
    }};
}

impl Engine {
    /// Connects; makes the SQLite file where it is missing.
    pub(crate) async fn connect(url: &DatabaseUrl, settings: &Settings) -> Result<Self> {
        let connected = match url {
            DatabaseUrl::Sqlite(path) => connect_sqlite(path, settings).await,
            DatabaseUrl::Postgres(text) => connect_postgres(text, settings.connections).await,
        };
        connected.map_err(|error| Error::from_engine("open database", &url.to_string(), error))
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite { .. })
    }

    pub(crate) async fn fetch_all(&self, query: &Query) -> Result<Vec<Row>> {
        metrics::counter!(QUERIES).increment(1);
        within(query, async {
            Ok(match self {
                Self::Sqlite { read, .. } => sqlite_rows(bound!(query).fetch_all(read).await?),
                Self::Postgres(pool) => postgres_rows(ask!(pool, query, fetch_all)),
            })
        })
        .await
    }

    pub(crate) async fn fetch_optional(&self, query: &Query) -> Result<Option<Row>> {
        Ok(self.fetch_all(query).await?.into_iter().next())
    }

    /// Runs one statement in a transaction of its own. Returns the number of rows it changed.
    pub(crate) async fn execute(&self, query: &Query) -> Result<u64> {
        within(query, async {
            Ok(match self {
                Self::Sqlite { write, .. } => bound!(query).execute(write).await?.rows_affected(),
                Self::Postgres(pool) => ask!(pool, query, execute).rows_affected(),
            })
        })
        .await
    }

    /// Begins a transaction that writes.
    pub(crate) async fn begin(&self) -> Result<Transaction> {
        let query = Query::new("begin", "transaction", "");
        within(&query, async {
            Ok(match self {
                // IMMEDIATE: a transaction that reads first and then finds the write lock taken
                // could not wait for it.
                Self::Sqlite { write, .. } => {
                    Transaction::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?)
                }
                Self::Postgres(pool) => {
                    let mut lent = pool.lend().await?;
                    tell(&mut lent, "BEGIN").await?;
                    // Until COMMIT was answered.
                    lent.spoil();
                    Transaction::Postgres(lent)
                }
            })
        })
        .await
    }

    /// Closes the pools once nobody uses their connections.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { read, write } => {
                read.close().await;
                // The last connection to go leaves no write-ahead log behind.
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Transaction {
    pub(crate) async fn fetch_all(&mut self, query: &Query) -> Result<Vec<Row>> {
        within(query, async {
            Ok(match self {
                Self::Sqlite(inner) => sqlite_rows(bound!(query).fetch_all(&mut **inner).await?),
                Self::Postgres(lent) => postgres_rows(bound!(query).fetch_all(lent.ask()).await?),
            })
        })
        .await
    }

    pub(crate) async fn fetch_optional(&mut self, query: &Query) -> Result<Option<Row>> {
        Ok(self.fetch_all(query).await?.into_iter().next())
    }

    pub(crate) async fn execute(&mut self, query: &Query) -> Result<u64> {
        within(query, async {
            Ok(match self {
                Self::Sqlite(inner) => bound!(query).execute(&mut **inner).await?.rows_affected(),
                Self::Postgres(lent) => bound!(query).execute(lent.ask()).await?.rows_affected(),
            })
        })
        .await
    }

    /// Runs a text of several statements without values (a migration). It may take as long as
    /// migrations do.
    pub(crate) async fn execute_script(&mut self, what: &str, script: String) -> Result<()> {
        let query = Query::new("migrate", what, sqlx::AssertSqlSafe(script));
        within_time(MIGRATION_DEADLINE, &query, async {
            match self {
                Self::Sqlite(inner) => {
                    sqlx::raw_sql(query.sql.clone())
                        .execute(&mut **inner)
                        .await?;
                }
                Self::Postgres(lent) => {
                    sqlx::raw_sql(query.sql.clone()).execute(lent.ask()).await?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Takes everything back. Where that fails, or it is not called, the connection is closed,
    /// which does the same.
    pub(crate) async fn roll_back(self) {
        let query = Query::new("roll back", "transaction", "");
        let done = within(&query, async {
            match self {
                Self::Sqlite(inner) => inner.rollback().await,
                Self::Postgres(mut lent) => tell(&mut lent, "ROLLBACK").await,
            }
        });
        if let Err(error) = done.await {
            tracing::debug!(%error, "a transaction was not rolled back in words");
        }
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// Where the engine is lost meanwhile, [`Error::outcome_unknown`].
    pub(crate) async fn commit(self) -> Result<()> {
        let query = Query::new("commit", "transaction", "");
        within(&query, async {
            match self {
                Self::Sqlite(inner) => inner.commit().await,
                Self::Postgres(mut lent) => tell(&mut lent, "COMMIT").await,
            }
        })
        .await
        .map_err(|error| match error.is_transient() {
            true => error.with_unknown_outcome(),
            false => error,
        })
    }
}

/// Says something that has no answer but that it is done.
async fn tell(lent: &mut Lent, statement: &'static str) -> Result<(), sqlx::Error> {
    let done = sqlx::raw_sql(statement).execute(lent.ask()).await;
    lent.answered(done).map(drop)
}

async fn within<T>(query: &Query, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T> {
    within_time(DEADLINE, query, work).await
}

async fn within_time<T>(
    deadline: Duration,
    query: &Query,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T> {
    let ended = tokio::time::timeout(deadline, work).await;
    match ended {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Error::from_engine(query.operation, &query.object, error)),
        Err(_) => Err(Error::new(
            ErrorKind::Unavailable,
            query.operation,
            &query.object,
            "the database does not answer in time",
        )),
    }
}

fn sqlite_rows(rows: Vec<sqlx::sqlite::SqliteRow>) -> Vec<Row> {
    rows.into_iter().map(Row::Sqlite).collect()
}

fn postgres_rows(rows: Vec<sqlx::postgres::PgRow>) -> Vec<Row> {
    rows.into_iter().map(Row::Postgres).collect()
}

async fn connect_sqlite(
    path: &std::path::Path,
    settings: &Settings,
) -> Result<Engine, sqlx::Error> {
    create_private(path).await?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY);
    let options = match settings.sqlite_max_pages {
        Some(pages) => options.pragma("max_page_count", pages.to_string()),
        None => options,
    };
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(DEADLINE)
        .connect_with(options.clone())
        .await?;
    let read = SqlitePoolOptions::new()
        .max_connections(settings.connections.max(1))
        .acquire_timeout(DEADLINE)
        .connect_with(options.pragma("query_only", "on"))
        .await?;
    Ok(Engine::Sqlite { read, write })
}

/// Makes the file readable by its owner alone: it holds password hashes, and host keys where
/// nothing seals them. SQLite gives its other files the same mode.
async fn create_private(path: &std::path::Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    let mut options = tokio::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path).await.map(drop)
}

async fn connect_postgres(url: &str, connections: u32) -> Result<Engine, sqlx::Error> {
    let options = PgConnectOptions::from_str(url)?
        .application_name("pierhead")
        .options([
            // The server gives up as well when we have.
            ("statement_timeout", "15s"),
            ("lock_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "60s"),
        ]);
    let pool = Pool::connect(options, connections.max(6)).await?;
    Ok(Engine::Postgres(pool))
}
