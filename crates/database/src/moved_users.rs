//! The table `moved_users`: what another server said of users who came from there.

use model::{ServerId, Timestamp, UserId};

use crate::columns::columns;
use crate::engine::Engine;
use crate::query::Query;
use crate::row::Row;
use crate::{Result, SshKey, ssh_keys};

/// What another server said of a user when he was moved last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedUser {
    /// Who he is here.
    pub user: UserId,
    /// Where he came from: `unix`, `csv`.
    pub source: String,
    /// All but his password (JSON), in the words of the crate that moves.
    pub record: String,
    /// A digest of his password's hash; none where he had none, or a digest would give it away.
    pub password: Option<String>,
    /// When he was moved last.
    pub moved: Timestamp,
}

/// Queries on users who came from another server; written by
/// [`Database::move_in`](crate::Database::move_in).
#[derive(Clone, Copy)]
pub struct MovedUsersTable<'a> {
    engine: &'a Engine,
}

impl<'a> MovedUsersTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// All who came to a server from others, in no order.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn list(&self, server: &ServerId) -> Result<Vec<MovedUser>> {
        let sql = concat!(
            "SELECT ",
            columns!(moved_users),
            " FROM moved_users WHERE user_id IN (SELECT id FROM users WHERE server = $1)"
        );
        let query = Query::new("list moved users", server, sql).bind(server);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(moved).collect()
    }

    /// The keys of all users of a server, in one query, oldest first.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn keys(&self, server: &ServerId) -> Result<Vec<SshKey>> {
        let sql = concat!(
            "SELECT ",
            columns!(ssh_keys),
            " FROM ssh_keys WHERE user_id IN (SELECT id FROM users WHERE server = $1) \
             ORDER BY created, id"
        );
        let query = Query::new("list keys", server, sql).bind(server);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(ssh_keys::key).collect()
    }
}

fn moved(row: &Row) -> Result<MovedUser> {
    Ok(MovedUser {
        user: row.parsed("user_id")?,
        source: row.text("source")?,
        record: row.text("record")?,
        password: row.text_or_null("password")?,
        moved: row.time("moved")?,
    })
}
