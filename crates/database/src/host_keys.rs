//! The table `host_keys`: the keys that servers show to clients.

use model::{KeyId, Secret, ServerId, Timestamp};

use crate::columns::columns;
use crate::engine::Engine;
use crate::query::Query;
use crate::row::Row;
use crate::{Error, Result, Sealer};

/// A host key.
#[derive(Debug, Clone)]
pub struct HostKey {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub server: ServerId,
    /// Its algorithm, as SSH names it: `ssh-ed25519`.
    pub algorithm: String,
    /// The private key as OpenSSH writes it (PEM). Sealed in the database where a key is set.
    pub private_key: Secret<String>,
    /// `SHA256:` and the digest of its public half in base64.
    pub fingerprint: String,
    /// When it was made or imported.
    pub created: Timestamp,
}

/// Queries on host keys.
#[derive(Clone, Copy)]
pub struct HostKeysTable<'a> {
    engine: &'a Engine,
    sealer: &'a Sealer,
}

impl<'a> HostKeysTable<'a> {
    pub(crate) fn new(engine: &'a Engine, sealer: &'a Sealer) -> Self {
        Self { engine, sealer }
    }

    /// Stores a host key.
    ///
    /// # Errors
    /// `Conflict` where the server has this key already, or there is no such server.
    pub async fn add(&self, key: &HostKey) -> Result<()> {
        let sealed = self.sealer.seal(&place(key.id), &key.private_key)?;
        let query = Query::new("add host key", &key.fingerprint, INSERT)
            .bind(key.id)
            .bind(&key.server)
            .bind(&key.algorithm)
            .bind(sealed)
            .bind(&key.fingerprint)
            .bind(key.created);
        self.engine.execute(&query).await.map(drop)
    }

    /// Stores these keys if the server has none at all, and returns the keys that it has then.
    /// Nodes that start at once end up with the same keys.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn add_first(&self, server: &ServerId, keys: &[HostKey]) -> Result<Vec<HostKey>> {
        let mut transaction = self.engine.begin().await?;
        // Locks the server's row, so that two nodes take turns.
        let lock = "UPDATE servers SET changed = changed WHERE id = $1";
        transaction
            .execute(&Query::new("lock server", server, lock).bind(server))
            .await?;
        let count = "SELECT id FROM host_keys WHERE server = $1";
        let count = Query::new("look up host keys", server, count).bind(server);
        if transaction.fetch_all(&count).await?.is_empty() {
            for key in keys {
                let sealed = self.sealer.seal(&place(key.id), &key.private_key)?;
                let query = Query::new("add host key", &key.fingerprint, INSERT)
                    .bind(key.id)
                    .bind(server)
                    .bind(&key.algorithm)
                    .bind(sealed)
                    .bind(&key.fingerprint)
                    .bind(key.created);
                transaction.execute(&query).await?;
            }
        }
        transaction.commit().await?;
        self.list(server).await
    }

    /// The keys of a server, oldest first.
    ///
    /// # Errors
    /// `Invalid` where a key is sealed and the sealing key is missing or another.
    pub async fn list(&self, server: &ServerId) -> Result<Vec<HostKey>> {
        let sql = concat!(
            "SELECT ",
            columns!(host_keys),
            " FROM host_keys WHERE server = $1 ORDER BY created, id"
        );
        let query = Query::new("list host keys", server, sql).bind(server);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(|row| self.host_key(row)).collect()
    }

    /// Removes a host key.
    ///
    /// # Errors
    /// `NotFound` where there is no such key.
    pub async fn remove(&self, id: KeyId) -> Result<()> {
        let sql = "DELETE FROM host_keys WHERE id = $1";
        let query = Query::new("remove host key", id, sql).bind(id);
        match self.engine.execute(&query).await? {
            0 => Err(Error::not_found("remove host key", id.to_string())),
            _ => Ok(()),
        }
    }

    fn host_key(&self, row: &Row) -> Result<HostKey> {
        let id = row.parsed("id")?;
        Ok(HostKey {
            id,
            server: row.parsed("server")?,
            algorithm: row.text("algorithm")?,
            private_key: self.sealer.open(&place(id), row.text("private_key")?)?,
            fingerprint: row.text("fingerprint")?,
            created: row.time("created")?,
        })
    }
}

const INSERT: &str = "INSERT INTO host_keys (id, server, algorithm, private_key, fingerprint, \
     created) VALUES ($1, $2, $3, $4, $5, $6)";

/// What a sealed key is bound to.
fn place(id: KeyId) -> String {
    format!("host_keys/{id}")
}
