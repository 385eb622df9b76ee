//! The table `leases`: what only one node does at a time.

use std::time::Duration;

use model::Timestamp;

use crate::Result;
use crate::engine::Engine;
use crate::query::Query;

/// Queries on leases. Expiry is judged by the clock that callers pass in, so nodes' clocks must
/// agree to well within a lease's length.
#[derive(Clone, Copy)]
pub struct LeasesTable<'a> {
    engine: &'a Engine,
}

impl<'a> LeasesTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// Takes the lease `name` for `holder`, or extends it. False where another holds it.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn take(
        &self,
        name: &str,
        holder: &str,
        length: Duration,
        now: Timestamp,
    ) -> Result<bool> {
        let sql = "INSERT INTO leases (name, holder, expires) VALUES ($1, $2, $3) \
                   ON CONFLICT (name) DO UPDATE \
                   SET holder = excluded.holder, expires = excluded.expires \
                   WHERE leases.holder = excluded.holder OR leases.expires <= $4";
        let query = Query::new("take lease", name, sql)
            .bind(name)
            .bind(holder)
            .bind(now.plus(length))
            .bind(now);
        Ok(self.engine.execute(&query).await? > 0)
    }

    /// Gives a lease back; fine where `holder` does not have it (any more).
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn release(&self, name: &str, holder: &str) -> Result<()> {
        let sql = "DELETE FROM leases WHERE name = $1 AND holder = $2";
        let query = Query::new("release lease", name, sql)
            .bind(name)
            .bind(holder);
        self.engine.execute(&query).await.map(drop)
    }

    /// The leases whose names begin with `prefix` and that have not expired: name and holder.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn held(&self, prefix: &str, now: Timestamp) -> Result<Vec<(String, String)>> {
        let sql = "SELECT name, holder FROM leases WHERE name >= $1 AND expires > $2 ORDER BY name";
        let query = Query::new("list leases", prefix, sql)
            .bind(prefix)
            .bind(now);
        let rows = self.engine.fetch_all(&query).await?;
        let pairs = rows
            .iter()
            .map(|row| Ok((row.text("name")?, row.text("holder")?)));
        let mut pairs = pairs.collect::<Result<Vec<_>>>()?;
        pairs.retain(|(name, _)| name.starts_with(prefix));
        Ok(pairs)
    }
}
