//! The table `ssh_keys`: the public keys that users log in with.

use model::{KeyId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::columns::columns;
use crate::engine::Engine;
use crate::query::Query;
use crate::row::{Row, to_json};
use crate::{Error, Result, UserNetworks, revocation};

/// Where a key may be used from, and until when, beside what holds for its user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyBounds {
    /// The networks that it may be used from.
    #[serde(skip_serializing_if = "UserNetworks::is_empty")]
    pub networks: UserNetworks,
    /// From when on it opens nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// A public key to add; read and checked by the `identity` crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSshKey {
    /// Whose it is.
    pub user: UserId,
    /// Its algorithm, as SSH names it: `ssh-ed25519`.
    pub algorithm: String,
    /// The key in base64, as in `authorized_keys`.
    pub body: String,
    /// `SHA256:` and its digest in base64.
    pub fingerprint: String,
    /// What its owner wrote behind it.
    pub comment: String,
    /// Where it may be used from, and until when.
    pub bounds: KeyBounds,
}

/// A public key of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshKey {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub user: UserId,
    /// Its algorithm, as SSH names it: `ssh-ed25519`.
    pub algorithm: String,
    /// The key in base64, as in `authorized_keys`.
    pub body: String,
    /// `SHA256:` and its digest in base64.
    pub fingerprint: String,
    /// What its owner wrote behind it.
    pub comment: String,
    /// When it was added.
    pub created: Timestamp,
    /// Where it may be used from, and until when.
    pub bounds: KeyBounds,
}

/// Queries on public keys.
#[derive(Clone, Copy)]
pub struct SshKeysTable<'a> {
    engine: &'a Engine,
}

impl<'a> SshKeysTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// Adds a key.
    ///
    /// # Errors
    /// `Conflict` where the user has it already, or there is no such user.
    pub async fn add(&self, new: NewSshKey, now: Timestamp) -> Result<SshKey> {
        let key = SshKey {
            id: KeyId::generate(),
            user: new.user,
            algorithm: new.algorithm,
            body: new.body,
            fingerprint: new.fingerprint,
            comment: new.comment,
            created: now,
            bounds: new.bounds,
        };
        self.engine.execute(&insert(&key)?).await?;
        Ok(key)
    }

    /// The keys of a user, oldest first.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn list(&self, user: UserId) -> Result<Vec<SshKey>> {
        let sql = concat!(
            "SELECT ",
            columns!(ssh_keys),
            " FROM ssh_keys WHERE user_id = $1 ORDER BY created, id"
        );
        let query = Query::new("list keys of user", user, sql).bind(user);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(key).collect()
    }

    /// Removes a key of a user and advances the revocation epoch.
    ///
    /// # Errors
    /// `NotFound` where the user has no such key.
    pub async fn remove(&self, user: UserId, id: KeyId) -> Result<()> {
        let sql = "DELETE FROM ssh_keys WHERE user_id = $1 AND id = $2";
        let query = Query::new("remove key", id, sql).bind(user).bind(id);
        let mut transaction = self.engine.begin().await?;
        revocation::advance(&mut transaction).await?;
        if transaction.execute(&query).await? == 0 {
            return Err(Error::not_found("remove key", id.to_string()));
        }
        transaction.commit().await
    }
}

/// The row of a new key.
pub(crate) fn insert(key: &SshKey) -> Result<Query> {
    let sql = "INSERT INTO ssh_keys (id, user_id, algorithm, body, fingerprint, comment, \
               created, bounds) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    Ok(Query::new("add key", &key.fingerprint, sql)
        .bind(key.id)
        .bind(key.user)
        .bind(&key.algorithm)
        .bind(&key.body)
        .bind(&key.fingerprint)
        .bind(&key.comment)
        .bind(key.created)
        .bind(to_json("bounds", &key.bounds)?))
}

pub(crate) fn key(row: &Row) -> Result<SshKey> {
    Ok(SshKey {
        id: row.parsed("id")?,
        user: row.parsed("user_id")?,
        algorithm: row.text("algorithm")?,
        body: row.text("body")?,
        fingerprint: row.text("fingerprint")?,
        comment: row.text("comment")?,
        created: row.time("created")?,
        bounds: row.json("bounds")?,
    })
}

/// The key in a row of a user joined with his keys; none in the row of a user who has none.
pub(crate) fn joined_key(row: &Row, user: UserId) -> Result<Option<SshKey>> {
    let Some(id) = row.parsed_or_null("key_id")? else {
        return Ok(None);
    };
    Ok(Some(SshKey {
        id,
        user,
        algorithm: row.text("algorithm")?,
        body: row.text("body")?,
        fingerprint: row.text("fingerprint")?,
        comment: row.text("comment")?,
        created: row.time("key_created")?,
        bounds: row.json("bounds")?,
    }))
}
