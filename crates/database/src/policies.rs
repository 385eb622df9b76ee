//! The table `policies`: IAM documents by name. What cannot be read is not saved.

use model::{ErrorKind, Timestamp};
use policy::Document;

use crate::columns::columns;
use crate::engine::Engine;
use crate::query::Query;
use crate::row::Row;
use crate::{Error, Result, revocation};

/// A policy: a document that roles give to their users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name, unique.
    pub name: String,
    /// The IAM document, as it was written.
    pub document: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub changed: Timestamp,
}

/// Queries on policies. Every change that may take a right away advances the revocation epoch in
/// the same transaction.
#[derive(Clone, Copy)]
pub struct PoliciesTable<'a> {
    engine: &'a Engine,
}

impl<'a> PoliciesTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// Makes a policy.
    ///
    /// # Errors
    /// `Invalid` where the name is none (1 to 64 letters, digits and `_+=,.@-`) or the document is not understood
    /// from end to end; `Conflict` where there is one of this name.
    pub async fn create(&self, name: &str, document: &str, now: Timestamp) -> Result<Policy> {
        const OPERATION: &str = "create policy";
        check(OPERATION, name, document)?;
        let policy = Policy {
            name: name.to_owned(),
            document: document.to_owned(),
            created: now,
            changed: now,
        };
        self.engine.execute(&insert(&policy)).await?;
        Ok(policy)
    }

    /// Gives a policy another document. It holds for every role that has it, and within seconds
    /// in sessions that are open.
    ///
    /// # Errors
    /// `Invalid` where the document is not understood from end to end, `NotFound` where there is
    /// no such policy.
    pub async fn replace(&self, name: &str, document: &str, now: Timestamp) -> Result<()> {
        const OPERATION: &str = "change policy";
        check_document(OPERATION, name, document)?;
        let sql = "UPDATE policies SET document = $2, changed = $3 WHERE name = $1";
        let query = Query::new(OPERATION, name, sql)
            .bind(name)
            .bind(document)
            .bind(now);
        revocation::advance_with(query, self.engine).await
    }

    /// The policy of this name.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn by_name(&self, name: &str) -> Result<Option<Policy>> {
        let sql = concat!(
            "SELECT ",
            columns!(policies),
            " FROM policies WHERE name = $1"
        );
        let query = Query::new("look up policy", name, sql).bind(name);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(policy).transpose()
    }

    /// All policies, by name.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn list(&self) -> Result<Vec<Policy>> {
        let sql = concat!(
            "SELECT ",
            columns!(policies),
            " FROM policies ORDER BY name"
        );
        let query = Query::new("list", "policies", sql);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(policy).collect()
    }

    /// The roles that have this policy, by name.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn roles_with(&self, name: &str) -> Result<Vec<String>> {
        let sql = "SELECT role FROM role_policies WHERE policy = $1 ORDER BY role";
        let query = Query::new("list roles with policy", name, sql).bind(name);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(|row| row.text("role")).collect()
    }

    /// Removes a policy.
    ///
    /// # Errors
    /// `NotFound` where there is none, `Conflict` where a role has it.
    pub async fn remove(&self, name: &str) -> Result<()> {
        let sql = "DELETE FROM policies WHERE name = $1";
        let query = Query::new("remove policy", name, sql).bind(name);
        revocation::advance_with(query, self.engine).await
    }
}

/// Refuses what cannot be the name of a role or a policy: 1 to 64 of letters, digits and
/// `_+=,.@-`, as at AWS.
pub(crate) fn check_name(operation: &'static str, name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    let short: String = name.chars().take(80).collect();
    let reason = "a name has 1 to 64 of the characters A-Z a-z 0-9 _ + = , . @ -";
    Err(Error::new(ErrorKind::Invalid, operation, short, reason))
}

/// Refuses what cannot be a policy.
pub(crate) fn check(operation: &'static str, name: &str, document: &str) -> Result<()> {
    check_name(operation, name)?;
    check_document(operation, name, document)
}

/// The row of a new policy.
pub(crate) fn insert(policy: &Policy) -> Query {
    let sql = "INSERT INTO policies (name, document, created, changed) VALUES ($1, $2, $3, $4)";
    Query::new("create policy", &policy.name, sql)
        .bind(&policy.name)
        .bind(&policy.document)
        .bind(policy.created)
        .bind(policy.changed)
}

fn check_document(operation: &'static str, name: &str, document: &str) -> Result<()> {
    match Document::parse(name, document) {
        Ok(_) => Ok(()),
        Err(error) => {
            let reason = format!("{}: {}", error.place(), error.reason());
            Err(Error::new(ErrorKind::Invalid, operation, name, reason))
        }
    }
}

fn policy(row: &Row) -> Result<Policy> {
    Ok(Policy {
        name: row.text("name")?,
        document: row.text("document")?,
        created: row.time("created")?,
        changed: row.time("changed")?,
    })
}
