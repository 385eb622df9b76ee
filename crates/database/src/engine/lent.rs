//! `Lent`: a PostgreSQL connection out of its pool, which goes back only while it is sound.
//!
//! sqlx asks a connection that is given back for a sign of life and waits for it without a limit.
//! After a failover the old server may be silent for a quarter of an hour, and its connections
//! would keep their places in the pool for as long. Here they lose them.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{Connection as _, PgPool, Postgres};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// How long one waits for a connection. While the database is away, logins are refused after it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection that rested in the pool may take to show that it lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// SQLSTATE feature_not_supported: "cached plan must not change result type". The schema was
/// changed, by a newer program that runs beside this one, since a statement was prepared.
const STALE_PLAN: &str = "0A000";

/// The connections to one server.
pub(crate) struct Pool {
    connections: PgPool,
    /// Those on their way back.
    returning: TaskTracker,
}

/// A connection that is closed unless it answered everything it was asked.
pub(crate) struct Lent {
    connection: PoolConnection<Postgres>,
    sound: bool,
    returning: TaskTracker,
}

impl Pool {
    pub(super) async fn connect(
        options: PgConnectOptions,
        connections: u32,
    ) -> Result<Self, sqlx::Error> {
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(PATIENCE)
            // The pool's own test has no limit of its own.
            .test_before_acquire(false)
            .before_acquire(|connection, _| {
                Box::pin(async move {
                    let alive = timeout(SIGN_OF_LIFE, connection.ping()).await;
                    alive.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
                    Ok(true)
                })
            });
        Ok(Self {
            connections: pool.connect_with(options).await?,
            returning: TaskTracker::new(),
        })
    }

    pub(super) async fn lend(&self) -> Result<Lent, sqlx::Error> {
        Ok(Lent {
            connection: self.connections.acquire().await?,
            sound: true,
            returning: self.returning.clone(),
        })
    }

    pub(super) async fn close(&self) {
        self.returning.close();
        self.returning.wait().await;
        self.connections.close().await;
    }
}

impl Lent {
    /// The connection for one exchange; [`Self::answered`] must follow.
    pub(super) fn ask(&mut self) -> &mut PgConnection {
        self.sound = false;
        &mut self.connection
    }

    /// Notes what came of an exchange.
    pub(super) fn answered<T>(&mut self, answer: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        self.sound = match &answer {
            Ok(_) => true,
            Err(error) => matches!(error, sqlx::Error::Database(_)) && !is_stale_plan(error),
        };
        answer
    }

    /// Forgets what it prepared, so that a statement with a stale plan can be asked again.
    pub(super) async fn forget_plans(&mut self) -> Result<(), sqlx::Error> {
        let forgotten = self.ask().clear_cached_statements().await;
        self.answered(forgotten)
    }

    /// Not to be given back: a transaction is open on it.
    pub(super) fn spoil(&mut self) {
        self.sound = false;
    }
}

/// Whether a statement was prepared before the schema was changed.
pub(super) fn is_stale_plan(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.as_deref() == Some(STALE_PLAN)
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.sound {
            return self.connection.close_on_drop();
        }
        let back = self.connection.return_to_pool();
        self.returning.spawn(timeout(SIGN_OF_LIFE, back));
    }
}
