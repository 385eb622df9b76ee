//! The revocation epoch: a counter that grows whenever somebody's rights shrink.

use crate::engine::{Engine, Transaction};
use crate::query::Query;
use crate::row::Row;
use crate::{Error, Result};

/// Queries on the revocation epoch. Nodes poll it; when it has grown, they look again at whom
/// they serve. Disabling or removing a user, changing his password, rights or keys, a role or a
/// policy lets it grow in the same transaction.
#[derive(Clone, Copy)]
pub struct RevocationTable<'a> {
    engine: &'a Engine,
}

impl<'a> RevocationTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// The epoch now.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn epoch(&self) -> Result<u64> {
        let sql = "SELECT value FROM counters WHERE name = 'revocation'";
        let query = Query::new("read", "revocation epoch", sql);
        value(self.engine.fetch_optional(&query).await?)
    }

    /// Lets it grow. Returns the new epoch.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn advance(&self) -> Result<u64> {
        let mut transaction = self.engine.begin().await?;
        let epoch = advance(&mut transaction).await?;
        transaction.commit().await?;
        Ok(epoch)
    }
}

/// Lets the epoch grow as part of a change.
pub(crate) async fn advance(transaction: &mut Transaction) -> Result<u64> {
    let sql = "UPDATE counters SET value = value + 1 WHERE name = 'revocation' RETURNING value";
    let query = Query::new("advance", "revocation epoch", sql);
    value(transaction.fetch_optional(&query).await?)
}

/// Runs a change of one row, and lets the epoch grow with it. `NotFound` where no row is changed.
pub(crate) async fn advance_with(query: Query, engine: &Engine) -> Result<()> {
    let mut transaction = engine.begin().await?;
    advance(&mut transaction).await?;
    if transaction.execute(&query).await? == 0 {
        return Err(Error::not_found(query.operation, query.object));
    }
    transaction.commit().await
}

fn value(row: Option<Row>) -> Result<u64> {
    row.ok_or_else(|| Error::not_found("read", "revocation epoch"))?
        .unsigned("value")
}
