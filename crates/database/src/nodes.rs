//! The table `nodes`: which nodes live. What the others began is nobody's any more.

use std::time::Duration;

use model::{NodeId, Timestamp};

use crate::Result;
use crate::columns::columns;
use crate::engine::{Engine, Transaction};
use crate::query::Query;
use crate::row::Row;

/// The SQL condition that the node in column `node` of `$table` is dead: its row is gone, or it
/// was not renewed in time although another one was. Where nobody was, nobody could: the database
/// was away. `$now` is the placeholder of the present time.
macro_rules! node_is_dead {
    ($table:literal, $now:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM nodes WHERE nodes.id = ",
            $table,
            ".node AND (nodes.expires > ",
            $now,
            " OR NOT EXISTS (SELECT 1 FROM nodes AS witness WHERE witness.expires > ",
            $now,
            ")))"
        )
    };
}
pub(crate) use node_is_dead;

/// One run of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// This run.
    pub id: NodeId,
    /// The node's name, the same in every run: one process at a time has it.
    pub name: String,
    /// Where it serves, for people.
    pub address: String,
    /// When it started.
    pub started: Timestamp,
    /// It counts as dead from then on, unless it is renewed.
    pub expires: Timestamp,
    /// Whether it takes no new sessions.
    pub draining: bool,
}

/// Queries on nodes. Life and death are judged by the clock that callers pass in, so the clocks of
/// nodes must agree to well within the length of a renewal.
#[derive(Clone, Copy)]
pub struct NodesTable<'a> {
    engine: &'a Engine,
}

impl<'a> NodesTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// Enters a node, and ends every earlier run under its name at once: the caller knows that
    /// none of them is left.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn register(&self, node: &Node) -> Result<()> {
        let mut transaction = self.engine.begin().await?;
        let sql = "DELETE FROM nodes WHERE name = $1 AND id <> $2";
        let query = Query::new("end earlier runs of node", &node.name, sql)
            .bind(&node.name)
            .bind(node.id);
        transaction.execute(&query).await?;
        insert(node, &mut transaction).await?;
        transaction.commit().await
    }

    /// Keeps a node alive until `length` after `now`. False where a later run has its name: then
    /// this one is dead for good. The first one that comes back when nobody could be renewed keeps
    /// all those alive that were when it was renewed last: they come as soon as they can.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn renew(&self, node: &Node, length: Duration, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE nodes SET expires = $2 WHERE id = $1 AND expires > $3";
        let query = Query::new("renew node", &node.name, sql)
            .bind(node.id)
            .bind(now.plus(length))
            .bind(now);
        if self.engine.execute(&query).await? > 0 {
            return Ok(true);
        }
        // In one transaction: from then on this one is there to say that others are not.
        let mut transaction = self.engine.begin().await?;
        keep_alive_beside(node, length, now, &mut transaction).await?;
        let renewed = come_back(node, length, now, &mut transaction).await?;
        transaction.commit().await?;
        Ok(renewed)
    }

    /// Tells everybody whether a node drains; fine where it has no row (any more).
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn set_draining(&self, id: NodeId, draining: bool) -> Result<()> {
        let sql = "UPDATE nodes SET draining = $2 WHERE id = $1";
        let query = Query::new("note draining of node", id, sql)
            .bind(id)
            .bind(draining);
        self.engine.execute(&query).await.map(drop)
    }

    /// Takes a node out at its end; fine where it has no row (any more).
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn leave(&self, id: NodeId) -> Result<()> {
        let sql = "DELETE FROM nodes WHERE id = $1";
        let query = Query::new("take out node", id, sql).bind(id);
        self.engine.execute(&query).await.map(drop)
    }

    /// Forgets nodes that have been dead since before `before`. Returns how many.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn forget(&self, before: Timestamp) -> Result<u64> {
        let sql = "DELETE FROM nodes WHERE expires < $1";
        let query = Query::new("forget", "dead nodes", sql).bind(before);
        self.engine.execute(&query).await
    }

    /// The nodes that do not count as dead: those that are alive, or all where none was renewed in
    /// time.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn not_dead(&self, now: Timestamp) -> Result<Vec<NodeId>> {
        let sql = "SELECT id FROM nodes WHERE expires > $1 OR \
                   NOT EXISTS (SELECT 1 FROM nodes AS witness WHERE witness.expires > $1)";
        let query = Query::new("list", "nodes that are not dead", sql).bind(now);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(|row| row.parsed("id")).collect()
    }

    /// The nodes that are alive, in order of their names.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn live(&self, now: Timestamp) -> Result<Vec<Node>> {
        let sql = concat!(
            "SELECT ",
            columns!(nodes),
            " FROM nodes WHERE expires > $1 ORDER BY name, id"
        );
        let query = Query::new("list", "live nodes", sql).bind(now);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(node).collect()
    }
}

/// Keeps those alive that were when `node` was renewed last, unless somebody else was there since.
async fn keep_alive_beside(
    node: &Node,
    length: Duration,
    now: Timestamp,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "UPDATE nodes SET expires = $2 WHERE \
               NOT EXISTS (SELECT 1 FROM nodes AS witness WHERE witness.expires > $3) AND \
               EXISTS (SELECT 1 FROM nodes AS own WHERE own.id = $1 \
               AND nodes.expires > own.expires - $4)";
    let length_micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
    let query = Query::new("keep alive beside node", &node.name, sql)
        .bind(node.id)
        .bind(now.plus(length))
        .bind(now)
        .bind(length_micros);
    transaction.execute(&query).await.map(drop)
}

/// Renews a node whose time was over, or whose row was tidied up meanwhile.
async fn come_back(
    node: &Node,
    length: Duration,
    now: Timestamp,
    transaction: &mut Transaction,
) -> Result<bool> {
    let sql = "UPDATE nodes SET expires = $2 WHERE id = $1";
    let query = Query::new("renew node", &node.name, sql)
        .bind(node.id)
        .bind(now.plus(length));
    if transaction.execute(&query).await? > 0 {
        return Ok(true);
    }
    let sql = "INSERT INTO nodes (id, name, address, started, expires, draining) \
               SELECT $1, $2, $3, $4, $5, $6 \
               WHERE NOT EXISTS (SELECT 1 FROM nodes WHERE name = $2)";
    let renewed = Node {
        expires: now.plus(length),
        ..node.clone()
    };
    let query = values(&renewed, Query::new("renew node", &node.name, sql));
    Ok(transaction.execute(&query).await? > 0)
}

async fn insert(node: &Node, transaction: &mut Transaction) -> Result<()> {
    let sql = "INSERT INTO nodes (id, name, address, started, expires, draining) \
               VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (id) DO UPDATE SET address = excluded.address, \
               expires = excluded.expires, draining = excluded.draining";
    let query = values(node, Query::new("enter node", &node.name, sql));
    transaction.execute(&query).await.map(drop)
}

fn values(node: &Node, query: Query) -> Query {
    query
        .bind(node.id)
        .bind(&node.name)
        .bind(&node.address)
        .bind(node.started)
        .bind(node.expires)
        .bind(node.draining)
}

fn node(row: &Row) -> Result<Node> {
    Ok(Node {
        id: row.parsed("id")?,
        name: row.text("name")?,
        address: row.text("address")?,
        started: row.time("started")?,
        expires: row.time("expires")?,
        draining: row.boolean("draining")?,
    })
}
