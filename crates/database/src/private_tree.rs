//! The private files below a directory, which goes to another name: all of them do, or none does.

use model::{ErrorKind, Location, ObjectKey, Timestamp, UserId};
use sqlx::AssertSqlSafe;

use crate::columns::columns;
use crate::engine::Transaction;
use crate::nodes::node_is_dead;
use crate::private_changes::changed_or_lost;
use crate::private_file::PrivateFile;
use crate::private_files::{FREE, PRIVATE, VISIBLE, is_left};
use crate::private_row::private_file;
use crate::query::Query;
use crate::{AuditEntry, Error, NewMove, Result, audit};

/// A directory whose private files go to another name.
#[derive(Debug, Clone)]
pub struct PrivateTree {
    /// Whose.
    pub owner: UserId,
    /// From where: the marker's key, which ends in a slash.
    pub from: Location,
    /// To where.
    pub to: Location,
    /// The new path of the directory as its owner sees it.
    pub to_path: String,
    /// Now.
    pub now: Timestamp,
}

impl PrivateTree {
    /// The most files that go along.
    pub const MOST: u32 = 10_000;

    pub(crate) fn of(new: &NewMove) -> Self {
        Self {
            owner: new.owner,
            from: new.from.clone(),
            to: new.to.clone(),
            to_path: new.to_path.clone(),
            now: new.started,
        }
    }
}

impl PrivateFile {
    /// Whether it can be given another place in `bucket`, as what it is: nothing of it is bound to
    /// its key. An object in staging is not, nor are the bytes of an upload that has sent no part
    /// to its key yet; what adds to a file that stands belongs to that.
    pub fn is_movable_to(&self, bucket: &model::BucketName) -> bool {
        let row = &self.transfer;
        let stays = row.intent.location.bucket == *bucket;
        let unbound = row.upload_id.is_none() && row.intent.base_etag.is_none();
        self.is_free() && (self.is_temporary() || (unbound && stays))
    }
}

/// Gives the private files below a directory their new places. Returns how many there were.
///
/// # Errors
/// `Conflict` where one of them cannot go along, or there are too many: all stay.
pub(crate) async fn rename(tree: &PrivateTree, transaction: &mut Transaction) -> Result<u64> {
    let files = below(tree, transaction).await?;
    if files.len() > PrivateTree::MOST as usize {
        let reason = format!("more than {} private files are below", PrivateTree::MOST);
        return Err(refused(&tree.from, reason));
    }
    for file in &files {
        if !file.is_movable_to(&tree.to.bucket) {
            let reason = "its parts are in the store under this name, or a session is at it";
            return Err(refused(&file.transfer.intent.path, reason));
        }
        set_place(file, tree, transaction).await?;
    }
    Ok(files.len() as u64)
}

/// The same of a directory that nobody else sees, as one fact with `entry`.
pub(crate) async fn rename_alone(
    tree: &PrivateTree,
    entry: &AuditEntry,
    transaction: &mut Transaction,
) -> Result<u64> {
    if audit::done(entry, None, transaction).await?.is_some() {
        return Ok(1);
    }
    let count = rename(tree, transaction).await?;
    if count > 0 {
        audit::insert(entry, transaction).await?;
    }
    Ok(count)
}

async fn below(tree: &PrivateTree, transaction: &mut Transaction) -> Result<Vec<PrivateFile>> {
    let sql = format!(
        "SELECT {all} FROM transfers WHERE owner = $1 AND bucket = $2 AND object_key >= $3 \
         AND object_key < $4 AND {PRIVATE} AND ({VISIBLE} OR {left}) ORDER BY object_key LIMIT $6",
        all = columns!(transfers),
        left = is_left!("$5")
    );
    let prefix = tree.from.key.as_str();
    let end = format!("{}0", prefix.trim_end_matches('/'));
    let query = Query::new("list private files below", &tree.from, AssertSqlSafe(sql))
        .bind(tree.owner)
        .bind(&tree.from.bucket)
        .bind(prefix)
        .bind(end)
        .bind(tree.now)
        .bind(PrivateTree::MOST + 1);
    let rows = transaction.fetch_all(&query).await?;
    rows.iter().map(private_file).collect()
}

async fn set_place(
    file: &PrivateFile,
    tree: &PrivateTree,
    transaction: &mut Transaction,
) -> Result<()> {
    let old = &file.transfer.intent.location.key;
    let rest = old.as_str().strip_prefix(tree.from.key.as_str());
    let rest = rest.unwrap_or_default();
    let key = ObjectKey::parse(format!("{}{rest}", tree.to.key))
        .map_err(|error| refused(old, error.to_string()))?;
    let sql = format!(
        "UPDATE transfers SET bucket = $3, object_key = $4, path = $5 \
         WHERE id = $1 AND epoch = $2 AND {FREE}"
    );
    let query = Query::new("rename", file.id(), AssertSqlSafe(sql))
        .bind(file.id())
        .bind(file.transfer.epoch)
        .bind(&tree.to.bucket)
        .bind(&key)
        .bind(format!("{}/{rest}", tree.to_path.trim_end_matches('/')));
    changed_or_lost(query, transaction).await
}

fn refused(object: impl ToString, reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Conflict, "rename", object.to_string(), reason)
}
