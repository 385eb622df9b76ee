//! The table `role_policies`: which policies a role has, in which order.

use crate::Result;
use crate::engine::{Engine, Transaction};
use crate::query::Query;

/// Puts these policies in the place of a role's.
pub(crate) async fn set(
    role: &str,
    policies: &[String],
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "DELETE FROM role_policies WHERE role = $1";
    let query = Query::new("set policies of role", role, sql).bind(role);
    transaction.execute(&query).await?;
    for (position, policy) in policies.iter().enumerate() {
        let sql = "INSERT INTO role_policies (role, policy, position) VALUES ($1, $2, $3)";
        let query = Query::new("give role a policy", policy, sql)
            .bind(role)
            .bind(policy)
            .bind(position as u64);
        transaction.execute(&query).await?;
    }
    Ok(())
}

/// The names of a role's policies, in their order.
pub(crate) async fn of(role: &str, engine: &Engine) -> Result<Vec<String>> {
    let sql = "SELECT policy FROM role_policies WHERE role = $1 ORDER BY position";
    let query = Query::new("list policies of role", role, sql).bind(role);
    let rows = engine.fetch_all(&query).await?;
    rows.iter().map(|row| row.text("policy")).collect()
}
