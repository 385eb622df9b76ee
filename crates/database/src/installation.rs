//! The table `installation`: the name of all nodes on this database together.

use model::InstallationId;

use crate::engine::Engine;
use crate::query::Query;
use crate::{Error, Result};

/// The only row.
const NAME: &str = "this";

/// Reads the installation's id; whoever comes first makes it.
pub(crate) async fn find_or_create(engine: &Engine) -> Result<InstallationId> {
    if let Some(id) = find(engine).await? {
        return Ok(id);
    }
    let sql = "INSERT INTO installation (name, id) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    let query = Query::new("name", "installation", sql)
        .bind(NAME)
        .bind(InstallationId::generate());
    engine.execute(&query).await?;
    let found = find(engine).await?;
    found.ok_or_else(|| Error::not_found("look up", "installation"))
}

async fn find(engine: &Engine) -> Result<Option<InstallationId>> {
    let sql = "SELECT id FROM installation WHERE name = $1";
    let query = Query::new("look up", "installation", sql).bind(NAME);
    let row = engine.fetch_optional(&query).await?;
    row.map(|row| row.parsed("id")).transpose()
}
