//! The table `users`: built-in users, their homes and their rights.

use model::{ErrorKind, Secret, ServerId, Timestamp, UserId, UserName};

use crate::columns::columns;
use crate::engine::{Engine, Transaction};
use crate::query::Query;
use crate::row::{Row, to_json};
use crate::ssh_keys::joined_key;
use crate::{Credentials, Error, NewUser, Result, User, UserChanges, revocation};

/// Queries on users. Every change that may take a right away advances the revocation epoch in
/// the same transaction.
#[derive(Clone, Copy)]
pub struct UsersTable<'a> {
    engine: &'a Engine,
}

impl<'a> UsersTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// Makes a user.
    ///
    /// # Errors
    /// `Conflict` where the server has one of this name, or there is no such server or group.
    pub async fn create(&self, new: NewUser, now: Timestamp) -> Result<User> {
        let user = User {
            id: UserId::generate(),
            server: new.server,
            name: new.name,
            group: new.group,
            password_hash: new.password_hash,
            home_type: new.home_type,
            home_directory: new.home_directory,
            mappings: new.mappings,
            permissions: new.permissions,
            limits: new.limits,
            disabled: false,
            created: now,
            changed: now,
        };
        self.engine.execute(&insert(&user)?).await?;
        Ok(user)
    }

    /// The user of this name.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn by_name(&self, server: &ServerId, name: &UserName) -> Result<Option<User>> {
        let sql = concat!(
            "SELECT ",
            columns!(users),
            " FROM users WHERE server = $1 AND name = $2"
        );
        let query = Query::new("look up user", name, sql)
            .bind(server)
            .bind(name);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(user).transpose()
    }

    /// The user of this id.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn by_id(&self, id: UserId) -> Result<Option<User>> {
        let query = Query::new(
            "look up user",
            id,
            concat!("SELECT ", columns!(users), " FROM users WHERE id = $1"),
        )
        .bind(id);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(user).transpose()
    }

    /// The user of this name with all his keys, in one query.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn credentials(
        &self,
        server: &ServerId,
        name: &UserName,
    ) -> Result<Option<Credentials>> {
        let query = Query::new("look up user", name, CREDENTIALS)
            .bind(server)
            .bind(name);
        let rows = self.engine.fetch_all(&query).await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let user = user(first)?;
        let keys = rows
            .iter()
            .filter_map(|row| joined_key(row, user.id).transpose());
        let keys = keys.collect::<Result<_>>()?;
        Ok(Some(Credentials { user, keys }))
    }

    /// The users of a server, by name.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn list(&self, server: &ServerId) -> Result<Vec<User>> {
        let sql = concat!(
            "SELECT ",
            columns!(users),
            " FROM users WHERE server = $1 ORDER BY name"
        );
        let query = Query::new("list users", server, sql).bind(server);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(user).collect()
    }

    /// Changes a user. Returns him as he is then.
    ///
    /// # Errors
    /// `NotFound` where there is no such user.
    pub async fn update(&self, id: UserId, changes: UserChanges, now: Timestamp) -> Result<User> {
        let mut transaction = self.engine.begin().await?;
        revocation::advance(&mut transaction).await?;
        let mut user = locked(id, &mut transaction).await?;
        user.apply(changes, now);
        transaction.execute(&update(&user)?).await?;
        transaction.commit().await?;
        Ok(user)
    }

    /// Gives a user another password hash, or none.
    ///
    /// # Errors
    /// `NotFound` where there is no such user.
    pub async fn set_password_hash(
        &self,
        id: UserId,
        hash: Option<Secret<String>>,
        now: Timestamp,
    ) -> Result<()> {
        let sql = "UPDATE users SET password_hash = $2, changed = $3 WHERE id = $1";
        let query = Query::new("set password of user", id, sql)
            .bind(id)
            .bind(hash.as_ref().map(|hash| hash.expose().as_str()))
            .bind(now);
        self.revoking(query).await
    }

    /// Puts a stronger hash of the same password in the place of `old`. Nothing happens where
    /// the password was changed meanwhile; takes no right away.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn rehash(
        &self,
        id: UserId,
        old: &Secret<String>,
        new: &Secret<String>,
    ) -> Result<()> {
        let sql = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
        let query = Query::new("rehash password of user", id, sql)
            .bind(id)
            .bind(old.expose())
            .bind(new.expose());
        self.engine.execute(&query).await.map(drop)
    }

    /// Removes a user with his keys. What he did stays on record.
    ///
    /// # Errors
    /// `NotFound` where there is no such user.
    pub async fn remove(&self, id: UserId) -> Result<()> {
        let query = Query::new("remove user", id, "DELETE FROM users WHERE id = $1").bind(id);
        self.revoking(query).await
    }

    async fn revoking(&self, query: Query) -> Result<()> {
        let mut transaction = self.engine.begin().await?;
        revocation::advance(&mut transaction).await?;
        if transaction.execute(&query).await? == 0 {
            return Err(Error::not_found(query.operation, query.object));
        }
        transaction.commit().await
    }
}

/// Reads a user who is about to be changed. The epoch's row is locked before, so that changes
/// of users take turns.
async fn locked(id: UserId, transaction: &mut Transaction) -> Result<User> {
    let query = Query::new(
        "update user",
        id,
        concat!("SELECT ", columns!(users), " FROM users WHERE id = $1"),
    )
    .bind(id);
    match transaction.fetch_optional(&query).await? {
        Some(row) => user(&row),
        None => Err(Error::not_found("update user", id.to_string())),
    }
}

const CREDENTIALS: &str = "SELECT users.id, users.server, users.name, \
     users.user_group, users.password_hash, users.home_type, users.home_directory, \
     users.mappings, users.permissions, users.limits, users.disabled, users.created, users.changed, \
     ssh_keys.id AS key_id, ssh_keys.algorithm, \
     ssh_keys.body, ssh_keys.fingerprint, ssh_keys.comment, ssh_keys.created AS key_created \
     FROM users LEFT JOIN ssh_keys ON ssh_keys.user_id = users.id \
     WHERE users.server = $1 AND users.name = $2 ORDER BY ssh_keys.created, ssh_keys.id";

fn insert(user: &User) -> Result<Query> {
    let sql = "INSERT INTO users (id, user_group, home_type, home_directory, mappings, \
               permissions, limits, disabled, changed, server, name, password_hash, created) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $9)";
    let query = settled(Query::new("create user", &user.name, sql), user)?;
    Ok(query.bind(&user.server).bind(&user.name).bind(
        user.password_hash
            .as_ref()
            .map(|hash| hash.expose().as_str()),
    ))
}

fn update(user: &User) -> Result<Query> {
    let sql = "UPDATE users SET user_group = $2, home_type = $3, home_directory = $4, \
               mappings = $5, permissions = $6, limits = $7, disabled = $8, changed = $9 \
               WHERE id = $1";
    settled(Query::new("update user", &user.name, sql), user)
}

/// Binds `$1` to `$9`: the id, and what [`UserChanges`] can change.
fn settled(query: Query, user: &User) -> Result<Query> {
    Ok(query
        .bind(user.id)
        .bind(user.group)
        .bind(user.home_type.as_str())
        .bind(&user.home_directory)
        .bind(to_json("mappings", &user.mappings)?)
        .bind(user.permissions)
        .bind(to_json("limits", &user.limits)?)
        .bind(user.disabled)
        .bind(user.changed))
}

fn user(row: &Row) -> Result<User> {
    let name = row.text("name")?;
    Ok(User {
        id: row.parsed("id")?,
        server: row.parsed("server")?,
        name: UserName::parse(&name).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                "read user",
                name,
                "the name is not valid",
            )
            .caused_by(error)
        })?,
        group: row.parsed_or_null("user_group")?,
        password_hash: row.text_or_null("password_hash")?.map(Secret::new),
        home_type: row.parsed("home_type")?,
        home_directory: row.text("home_directory")?,
        mappings: row.json("mappings")?,
        permissions: row.parsed("permissions")?,
        limits: row.json("limits")?,
        disabled: row.boolean("disabled")?,
        created: row.time("created")?,
        changed: row.time("changed")?,
    })
}
