//! The table `moves`: every rename from before its first copy to its end.

use model::{BucketName, Location, NodeId, ObjectKey, Timestamp, TransferId, UserId, UserName};

use crate::audit::{protocol, protocol_name};
use crate::columns::columns;
use crate::engine::{Engine, Transaction};
use crate::nodes::node_is_dead;
use crate::query::Query;
use crate::row::{Row, corrupt};
use crate::{Error, Move, MovedObject, NewMove, Result};

/// Queries on moves. They are written through [`crate::Writer`].
#[derive(Clone, Copy)]
pub struct MovesTable<'a> {
    engine: &'a Engine,
}

impl<'a> MovesTable<'a> {
    /// The most moves in progress that one owner is shown; those begun first.
    pub const MOST_SHOWN: u32 = 1000;

    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// The move of this id.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn by_id(&self, id: TransferId) -> Result<Option<Move>> {
        let sql = concat!("SELECT ", columns!(moves), " FROM moves WHERE id = $1");
        let query = Query::new("look up move", id, sql).bind(id);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(a_move).transpose()
    }

    /// Moves to a key, newest first, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn to_object(&self, location: &Location, limit: u32) -> Result<Vec<Move>> {
        let sql = concat!(
            "SELECT ",
            columns!(moves),
            " FROM moves WHERE to_bucket = $1 AND to_key = $2 \
                   ORDER BY started DESC, id DESC LIMIT $3"
        );
        let query = Query::new("list moves to", location, sql)
            .bind(&location.bucket)
            .bind(&location.key)
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(a_move).collect()
    }

    /// What an owner is moving now, oldest first, at most [`Self::MOST_SHOWN`].
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn in_progress_of(&self, owner: UserId) -> Result<Vec<Move>> {
        let sql = concat!(
            "SELECT ",
            columns!(moves),
            " FROM moves WHERE owner = $1 AND state = 'moving' \
                   ORDER BY started, id LIMIT $2"
        );
        let query = Query::new("list moves of user", owner, sql)
            .bind(owner)
            .bind(Self::MOST_SHOWN);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(a_move).collect()
    }

    /// Moves in progress that are nobody's at `now`, since their node is dead, and those of `own`,
    /// which knows itself what it is doing; behind `after` in the order of their ids, at most
    /// `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn unattended(
        &self,
        own: NodeId,
        now: Timestamp,
        after: Option<TransferId>,
        limit: u32,
    ) -> Result<Vec<Move>> {
        let sql = concat!(
            concat!(
                "SELECT ",
                columns!(moves),
                " FROM moves WHERE state = 'moving' AND id > $1 AND (node = $2 OR "
            ),
            node_is_dead!("moves", "$3"),
            ") ORDER BY id LIMIT $4"
        );
        let query = Query::new("list", "unattended moves", sql)
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(own)
            .bind(now)
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(a_move).collect()
    }
}

/// Writes a move that begins. False where it is written already (a retry).
pub(crate) async fn begin(new: &NewMove, transaction: &mut Transaction) -> Result<bool> {
    let sql = "INSERT INTO moves (id, parent, kind, state, owner, user_name, server, session, \
               protocol, address, node, from_bucket, from_key, from_path, to_bucket, to_key, \
               to_path, overwrite, etag, version, size, last_modified, mtime, atime, mode, \
               started) VALUES ($1, $2, $3, 'moving', $4, $5, $6, $7, $8, $9, $10, $11, $12, \
               $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25) \
               ON CONFLICT (id) DO NOTHING";
    let object = new.object.as_ref();
    let query = Query::new("begin rename of", &new.from_path, sql)
        .bind(new.id)
        .bind(new.parent)
        .bind(new.kind.as_str())
        .bind(new.owner)
        .bind(&new.user)
        .bind(&new.server)
        .bind(new.session)
        .bind(protocol_name(new.protocol))
        .bind(new.address)
        .bind(new.node)
        .bind(&new.from.bucket)
        .bind(&new.from.key)
        .bind(&new.from_path)
        .bind(&new.to.bucket)
        .bind(&new.to.key)
        .bind(&new.to_path)
        .bind(new.overwrite)
        .bind(object.map(|object| object.etag.clone()))
        .bind(object.and_then(|object| object.version.clone()))
        .bind(object.map(|object| object.size))
        .bind(object.map(|object| object.last_modified))
        .bind(new.mtime)
        .bind(new.atime)
        .bind(new.mode)
        .bind(new.started);
    Ok(transaction.execute(&query).await? > 0)
}

/// Notes the store's id of a move's multipart upload, or that it has none any more.
pub(crate) async fn set_upload_id(
    id: TransferId,
    upload: Option<&str>,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "UPDATE moves SET upload_id = $2 WHERE id = $1";
    let query = Query::new("note upload id of move", id, sql)
        .bind(id)
        .bind(upload.map(str::to_owned));
    found(query, transaction).await
}

/// Makes a move another node's; fine where it is already. False where it has ended, or went to
/// yet another node since `from` had it.
pub(crate) async fn adopt(
    id: TransferId,
    from: NodeId,
    to: NodeId,
    transaction: &mut Transaction,
) -> Result<bool> {
    let sql = "UPDATE moves SET node = $3 \
               WHERE id = $1 AND state = 'moving' AND (node = $2 OR node = $3)";
    let query = Query::new("take over move", id, sql)
        .bind(id)
        .bind(from)
        .bind(to);
    Ok(transaction.execute(&query).await? > 0)
}

/// Ends a move. False where it has ended before: this is a retry, or somebody else was faster.
///
/// # Errors
/// `NotFound` where there is none.
pub(crate) async fn end(
    id: TransferId,
    error: Option<&str>,
    finished: Timestamp,
    transaction: &mut Transaction,
) -> Result<bool> {
    let sql = "UPDATE moves SET state = $2, error = $3, finished = $4 \
               WHERE id = $1 AND state = 'moving'";
    let state = if error.is_some() { "failed" } else { "moved" };
    let query = Query::new("end move", id, sql)
        .bind(id)
        .bind(state)
        .bind(error.map(str::to_owned))
        .bind(finished);
    if transaction.execute(&query).await? > 0 {
        return Ok(true);
    }
    let read = Query::new("end move", id, "SELECT id FROM moves WHERE id = $1").bind(id);
    match transaction.fetch_optional(&read).await? {
        Some(_) => Ok(false),
        None => Err(Error::not_found(query.operation, query.object)),
    }
}

async fn found(query: Query, transaction: &mut Transaction) -> Result<()> {
    match transaction.execute(&query).await? {
        0 => Err(Error::not_found(query.operation, query.object)),
        _ => Ok(()),
    }
}

fn a_move(row: &Row) -> Result<Move> {
    Ok(Move {
        begun: begun(row)?,
        state: row.parsed("state")?,
        upload_id: row.text_or_null("upload_id")?,
        finished: row.time_or_null("finished")?,
        error: row.text_or_null("error")?,
    })
}

fn begun(row: &Row) -> Result<NewMove> {
    Ok(NewMove {
        id: row.parsed("id")?,
        parent: row.parsed_or_null("parent")?,
        kind: row.parsed("kind")?,
        owner: row.parsed("owner")?,
        user: UserName::parse(&row.text("user_name")?)
            .map_err(|error| corrupt("user_name", error))?,
        server: row.parsed("server")?,
        session: row.parsed("session")?,
        protocol: protocol(&row.text("protocol")?)?,
        address: row.parsed("address")?,
        node: row.parsed("node")?,
        from: place(row, "from_bucket", "from_key")?,
        from_path: row.text("from_path")?,
        to: place(row, "to_bucket", "to_key")?,
        to_path: row.text("to_path")?,
        overwrite: row.boolean("overwrite")?,
        object: object(row)?,
        mtime: row.time_or_null("mtime")?,
        atime: row.time_or_null("atime")?,
        mode: row.small_or_null("mode")?,
        started: row.time("started")?,
    })
}

fn object(row: &Row) -> Result<Option<MovedObject>> {
    let Some(etag) = row.text_or_null("etag")? else {
        return Ok(None);
    };
    Ok(Some(MovedObject {
        etag,
        version: row.text_or_null("version")?,
        size: row.unsigned("size")?,
        last_modified: row.time("last_modified")?,
    }))
}

fn place(row: &Row, bucket: &str, key: &str) -> Result<Location> {
    Ok(Location {
        bucket: BucketName::parse(&row.text(bucket)?).map_err(|error| corrupt(bucket, error))?,
        key: ObjectKey::parse(row.text(key)?).map_err(|error| corrupt(key, error))?,
    })
}
