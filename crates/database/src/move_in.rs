//! Moving in: thousands of users, keys, groups, roles and policies in one transaction and few
//! statements.

use model::{ErrorKind, KeyId, Secret, Timestamp, UserId};
use sqlx::AssertSqlSafe;

use crate::engine::Transaction;
use crate::query::{Query, Value};
use crate::{
    Database, Error, Group, MovedUser, NewRole, Policy, Result, SshKey, User, groups, policies,
    revocation, role_policies, roles, ssh_keys, users,
};

/// The most values of one statement. Both engines take more, but SQLite looks each placeholder up among
/// all before it, so that long statements cost the square of their length.
const VALUES: usize = 2_000;

/// What moves in together, or not at all.
#[derive(Debug, Default)]
pub struct MoveIn {
    /// Groups to make.
    pub groups: Vec<Group>,
    /// Policies to make.
    pub policies: Vec<Policy>,
    /// Roles to make.
    pub roles: Vec<NewRole>,
    /// Users to make.
    pub created: Vec<User>,
    /// Users to change, as they are to be; not their passwords.
    pub changed: Vec<User>,
    /// The password hashes of users who exist and are to have others, or none.
    pub passwords: Vec<(UserId, Option<Secret<String>>)>,
    /// Keys to add.
    pub keys: Vec<SshKey>,
    /// Keys to take away.
    pub lost_keys: Vec<KeyId>,
    /// What was said of users where they came from.
    pub records: Vec<MovedUser>,
}

impl Database {
    /// Makes and changes all of it in one transaction. `epoch` is what the revocation epoch was
    /// when the plan was made: whoever changed a user since makes it fail.
    ///
    /// # Errors
    /// `Conflict` where somebody changed users, roles or policies meanwhile, or something exists
    /// already; `Invalid` where a name or a document is none. Nothing is changed then.
    pub async fn move_in(&self, all: &MoveIn, epoch: u64, now: Timestamp) -> Result<()> {
        const OPERATION: &str = "move users in";
        for policy in &all.policies {
            policies::check(OPERATION, &policy.name, &policy.document)?;
        }
        for role in &all.roles {
            policies::check_name(OPERATION, &role.name)?;
        }
        let mut transaction = self.engine().begin().await?;
        if revocation::advance(&mut transaction).await? != epoch + 1 {
            let reason = "users were changed meanwhile, and nothing was done: try again";
            return Err(Error::new(ErrorKind::Conflict, OPERATION, "all", reason));
        }
        write(all, now, &mut transaction).await?;
        transaction.commit().await
    }
}

async fn write(all: &MoveIn, now: Timestamp, transaction: &mut Transaction) -> Result<()> {
    for group in &all.groups {
        transaction.execute(&groups::insert(group)?).await?;
    }
    for policy in &all.policies {
        transaction.execute(&policies::insert(policy)).await?;
    }
    for role in &all.roles {
        transaction.execute(&roles::insert(role, now)).await?;
        role_policies::set(&role.name, &role.policies, transaction).await?;
    }
    let users = all.created.iter().map(users::insert);
    in_bulk(users.collect::<Result<_>>()?, "", transaction).await?;
    for user in &all.changed {
        transaction.execute(&users::update(user)?).await?;
    }
    for (user, hash) in &all.passwords {
        let query = users::update_password(*user, hash.as_ref());
        transaction.execute(&query).await?;
    }
    for key in &all.lost_keys {
        let sql = "DELETE FROM ssh_keys WHERE id = $1";
        let query = Query::new("remove key", key, sql).bind(*key);
        transaction.execute(&query).await?;
    }
    let keys = all.keys.iter().map(ssh_keys::insert);
    in_bulk(keys.collect::<Result<_>>()?, "", transaction).await?;
    let records = all.records.iter().map(record).collect();
    let replace = " ON CONFLICT (user_id) DO UPDATE SET source = excluded.source, \
                   record = excluded.record, password = excluded.password, moved = excluded.moved";
    in_bulk(records, replace, transaction).await
}

fn record(moved: &MovedUser) -> Query {
    let sql = "INSERT INTO moved_users (user_id, source, record, password, moved) \
               VALUES ($1, $2, $3, $4, $5)";
    Query::new("note where user came from", moved.user, sql)
        .bind(moved.user)
        .bind(&moved.source)
        .bind(&moved.record)
        .bind(moved.password.as_deref())
        .bind(moved.moved)
}

/// Runs inserts of the same text as a few of many rows, with `behind` at their end.
async fn in_bulk(rows: Vec<Query>, behind: &str, transaction: &mut Transaction) -> Result<()> {
    let Some(columns) = rows.first().map(|row| row.values.len().max(1)) else {
        return Ok(());
    };
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let some: Vec<Query> = rows.by_ref().take(VALUES / columns).collect();
        transaction.execute(&joined(some, columns, behind)).await?;
    }
    Ok(())
}

/// One statement of many rows: `INSERT .. VALUES ($1, $2), ($3, $4)`. The text before VALUES is that
/// of the first; values are bound, never written into it.
fn joined(rows: Vec<Query>, columns: usize, behind: &str) -> Query {
    let first = rows.first().map(|row| (row.operation, row.sql.clone()));
    let (operation, sql) = first.unzip();
    let sql = sql.as_ref().map_or("", |sql| sql.as_str());
    let head = sql.split_once("VALUES").map_or(sql, |(head, _)| head);
    let row = |at: usize| {
        let places: Vec<String> = (1..=columns)
            .map(|column| format!("${}", at * columns + column))
            .collect();
        format!("({})", places.join(", "))
    };
    let places: Vec<String> = (0..rows.len()).map(row).collect();
    let text = format!("{head}VALUES {}{behind}", places.join(", "));
    let object = format!("{} rows", rows.len());
    let query = Query::new(operation.unwrap_or("insert"), object, AssertSqlSafe(text));
    let values: Vec<Value> = rows.into_iter().flat_map(|row| row.values).collect();
    Query { values, ..query }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_one_statement() {
        let row = |id: &str| {
            Query::new("make", id, "INSERT INTO t (a, b) VALUES ($1, $2)")
                .bind(id)
                .bind(7_i64)
        };
        let query = joined(vec![row("x"), row("y")], 2, " ON CONFLICT DO NOTHING");
        assert_eq!(
            query.sql.as_str(),
            "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING"
        );
        assert_eq!(query.values.len(), 4);
    }
}
