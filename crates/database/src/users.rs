//! The table `users`: built-in users, their homes and their rights.

use model::{ErrorKind, Secret, ServerId, Timestamp, UserId, UserName};

use crate::columns::columns;
use crate::engine::{Engine, Transaction};
use crate::query::Query;
use crate::row::{Row, to_json};
use crate::ssh_keys::joined_key;
use crate::{Credentials, Error, NewUser, Result, Sealer, User, UserChanges, revocation};

/// Queries on users. Every change that may take a right away advances the revocation epoch in
/// the same transaction.
#[derive(Clone, Copy)]
pub struct UsersTable<'a> {
    pub(crate) engine: &'a Engine,
    sealer: &'a Sealer,
}

impl<'a> UsersTable<'a> {
    pub(crate) fn new(engine: &'a Engine, sealer: &'a Sealer) -> Self {
        Self { engine, sealer }
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
            provider: None,
            external_id: None,
            role: new.role,
            session_policy: new.session_policy,
            methods: new.methods,
            totp: None,
            networks: new.networks,
            expires: new.expires,
            last_login: None,
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

    /// Gives a user the secret of one-time passwords (base32), or takes it from him.
    ///
    /// # Errors
    /// `NotFound` where there is no such user.
    pub async fn set_totp(
        &self,
        id: UserId,
        secret: Option<&Secret<String>>,
        now: Timestamp,
    ) -> Result<()> {
        let sealed = secret.map(|secret| self.sealer.seal(&totp_place(id), secret));
        let sql = "UPDATE users SET totp = $2, totp_step = NULL, changed = $3 WHERE id = $1";
        let query = Query::new("set one-time passwords of user", id, sql)
            .bind(id)
            .bind(sealed.transpose()?)
            .bind(now);
        self.revoking(query).await
    }

    /// The secret of a user's one-time passwords.
    ///
    /// # Errors
    /// `Invalid` where it is sealed and the sealing key is missing or another.
    pub fn totp_secret(&self, user: &User) -> Result<Option<Secret<String>>> {
        let stored = user.totp.as_ref().map(|stored| stored.expose().clone());
        let opened = stored.map(|stored| self.sealer.open(&totp_place(user.id), stored));
        opened.transpose()
    }

    /// Marks a step of a user's one-time passwords as used, with all before it. False where it
    /// was used already: of two who come with the same password, one.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn take_totp_step(&self, id: UserId, step: i64) -> Result<bool> {
        let sql = "UPDATE users SET totp_step = $2 \
                   WHERE id = $1 AND (totp_step IS NULL OR totp_step < $2)";
        let query = Query::new("take one-time password of user", id, sql)
            .bind(id)
            .bind(step);
        Ok(self.engine.execute(&query).await? == 1)
    }

    /// Notes that a user came in. Takes no right away and is no change of him.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn note_login(&self, id: UserId, now: Timestamp) -> Result<()> {
        let sql = "UPDATE users SET last_login = $2 WHERE id = $1";
        let query = Query::new("note login of user", id, sql).bind(id).bind(now);
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

/// Mappings may have megabytes, so they come with the first key alone.
const CREDENTIALS: &str = "SELECT users.id, users.server, users.name, \
     users.user_group, users.password_hash, users.home_type, users.home_directory, \
     CASE WHEN ssh_keys.id IS NULL OR ssh_keys.id = (SELECT first.id FROM ssh_keys AS first \
     WHERE first.user_id = users.id ORDER BY first.created, first.id LIMIT 1) \
     THEN users.mappings END AS mappings, users.permissions, users.limits, users.disabled, users.created, users.changed, \
     users.provider, users.external_id, users.role, users.session_policy, users.methods, \
     users.totp, users.totp_step, users.networks, users.expires, users.last_login, \
     ssh_keys.id AS key_id, ssh_keys.algorithm, \
     ssh_keys.body, ssh_keys.fingerprint, ssh_keys.comment, ssh_keys.created AS key_created, \
     ssh_keys.bounds \
     FROM users LEFT JOIN ssh_keys ON ssh_keys.user_id = users.id \
     WHERE users.server = $1 AND users.name = $2 ORDER BY ssh_keys.created, ssh_keys.id";

/// The row of a new user.
pub(crate) fn insert(user: &User) -> Result<Query> {
    let sql = "INSERT INTO users (id, user_group, home_type, home_directory, mappings, \
               permissions, limits, disabled, changed, role, session_policy, methods, networks, \
               expires, server, name, password_hash, provider, external_id, created, last_login) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
               $17, $18, $19, $20, $21)";
    let query = settled(Query::new("create user", &user.name, sql), user)?;
    let hash = user.password_hash.as_ref();
    Ok(query
        .bind(&user.server)
        .bind(&user.name)
        .bind(hash.map(|hash| hash.expose().as_str()))
        .bind(user.provider.as_deref())
        .bind(user.external_id.as_deref())
        .bind(user.created)
        .bind(user.last_login))
}

/// A user's password hash as it is to be.
pub(crate) fn update_password(id: UserId, hash: Option<&Secret<String>>) -> Query {
    let sql = "UPDATE users SET password_hash = $2 WHERE id = $1";
    Query::new("set password of user", id, sql)
        .bind(id)
        .bind(hash.map(|hash| hash.expose().as_str()))
}

pub(crate) fn update(user: &User) -> Result<Query> {
    let sql = "UPDATE users SET user_group = $2, home_type = $3, home_directory = $4, \
               mappings = $5, permissions = $6, limits = $7, disabled = $8, changed = $9, \
               role = $10, session_policy = $11, methods = $12, networks = $13, expires = $14 \
               WHERE id = $1";
    settled(Query::new("update user", &user.name, sql), user)
}

/// Binds `$1` to `$14`: the id, and what [`UserChanges`] can change.
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
        .bind(user.changed)
        .bind(user.role.as_deref())
        .bind(user.session_policy.as_deref())
        .bind(user.methods.as_deref())
        .bind(to_json("networks", &user.networks)?)
        .bind(user.expires))
}

/// What a one-time password's secret is sealed for.
fn totp_place(id: UserId) -> String {
    format!("users/{id}/totp")
}

/// Reads a row of [`columns!`].
pub(crate) fn user(row: &Row) -> Result<User> {
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
        provider: row.text_or_null("provider")?,
        external_id: row.text_or_null("external_id")?,
        role: row.text_or_null("role")?,
        session_policy: row.text_or_null("session_policy")?,
        methods: row.text_or_null("methods")?,
        totp: row.text_or_null("totp")?.map(Secret::new),
        networks: row.json("networks")?,
        expires: row.time_or_null("expires")?,
        last_login: row.time_or_null("last_login")?,
    })
}
