//! The table `roles`: what users are given together: policies, and the connection to the store.

use model::{ErrorKind, Timestamp};

use crate::columns::columns;
use crate::engine::{Engine, Transaction};
use crate::policies::check_name;
use crate::query::Query;
use crate::row::Row;
use crate::{Error, Result, revocation, role_policies};

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name, unique.
    pub name: String,
    /// The ARN that identity providers know it by, unique.
    pub arn: Option<String>,
    /// What it is for.
    pub description: String,
    /// The named connection to a store that its users work on; the node's own where absent.
    pub store: Option<String>,
    /// The ARN of the IAM role that its users' sessions assume at the store.
    pub iam_role: Option<String>,
    /// What that role's trust policy wants to hear besides.
    pub external_id: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub changed: Timestamp,
}

/// A role to make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewRole {
    /// Its name: 1 to 64 of letters, digits and `_+=,.@-`.
    pub name: String,
    /// The ARN that identity providers know it by.
    pub arn: Option<String>,
    /// What it is for.
    pub description: String,
    /// The named connection to a store.
    pub store: Option<String>,
    /// The ARN of the IAM role that its users' sessions assume at the store.
    pub iam_role: Option<String>,
    /// What that role's trust policy wants to hear besides: 2 to 1,224 of letters, digits and
    /// `_+=,.@:/-`.
    pub external_id: Option<String>,
    /// The names of its policies.
    pub policies: Vec<String>,
}

/// What is to change of a role; what is absent stays, and `Some(None)` takes it away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleChanges {
    /// The ARN that identity providers know it by.
    pub arn: Option<Option<String>>,
    /// What it is for.
    pub description: Option<String>,
    /// The named connection to a store.
    pub store: Option<Option<String>>,
    /// The ARN of the IAM role that its users' sessions assume at the store.
    pub iam_role: Option<Option<String>>,
    /// What that role's trust policy wants to hear besides.
    pub external_id: Option<Option<String>>,
    /// The names of its policies.
    pub policies: Option<Vec<String>>,
}

/// A role with the documents of its policies, as a login reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleDocuments {
    /// The role.
    pub role: Role,
    /// Names and documents of its policies, in their order.
    pub documents: Vec<(String, String)>,
}

/// Queries on roles. Every change that may take a right away advances the revocation epoch in
/// the same transaction.
#[derive(Clone, Copy)]
pub struct RolesTable<'a> {
    engine: &'a Engine,
}

impl<'a> RolesTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// Makes a role.
    ///
    /// # Errors
    /// `Invalid` where the name is none, `Conflict` where there is one of this name or ARN, or
    /// one of the policies does not exist or stands there twice.
    pub async fn create(&self, new: &NewRole, now: Timestamp) -> Result<Role> {
        check_name("create role", &new.name)?;
        let role = Role {
            name: new.name.clone(),
            arn: new.arn.clone(),
            description: new.description.clone(),
            store: new.store.clone(),
            iam_role: new.iam_role.clone(),
            external_id: new.external_id.clone(),
            created: now,
            changed: now,
        };
        check_iam("create role", &role)?;
        let mut transaction = self.engine.begin().await?;
        transaction.execute(&insert(new, now)).await?;
        role_policies::set(&role.name, &new.policies, &mut transaction).await?;
        transaction.commit().await?;
        Ok(role)
    }

    /// The role of this name.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn by_name(&self, name: &str) -> Result<Option<Role>> {
        let sql = concat!("SELECT ", columns!(roles), " FROM roles WHERE name = $1");
        let query = Query::new("look up role", name, sql).bind(name);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(role).transpose()
    }

    /// The role that an identity provider names: by its ARN, or by its name.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn by_arn_or_name(&self, word: &str) -> Result<Option<Role>> {
        let sql = concat!(
            "SELECT ",
            columns!(roles),
            " FROM roles WHERE arn = $1 OR name = $1 ORDER BY CASE WHEN arn = $1 THEN 0 ELSE 1 END"
        );
        let query = Query::new("look up role", word, sql).bind(word);
        let rows = self.engine.fetch_all(&query).await?;
        rows.first().map(role).transpose()
    }

    /// The role of this name and the documents of its policies, in one query.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn documents(&self, name: &str) -> Result<Option<RoleDocuments>> {
        let query = Query::new("look up role", name, DOCUMENTS).bind(name);
        role_of(&self.engine.fetch_all(&query).await?)
    }

    /// All roles, by name.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn list(&self) -> Result<Vec<Role>> {
        let sql = concat!("SELECT ", columns!(roles), " FROM roles ORDER BY name");
        let query = Query::new("list", "roles", sql);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(role).collect()
    }

    /// The names of a role's policies, in their order.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn policies_of(&self, name: &str) -> Result<Vec<String>> {
        role_policies::of(name, self.engine).await
    }

    /// Changes a role. Returns it as it is then.
    ///
    /// # Errors
    /// `NotFound` where there is none, `Conflict` where another has this ARN, or one of the
    /// policies does not exist or stands there twice.
    pub async fn update(&self, name: &str, changes: RoleChanges, now: Timestamp) -> Result<Role> {
        let mut transaction = self.engine.begin().await?;
        revocation::advance(&mut transaction).await?;
        let mut role = locked(name, &mut transaction).await?;
        let policies = role.apply(changes, now);
        check_iam("change role", &role)?;
        let sql = "UPDATE roles SET arn = $2, description = $3, store = $4, changed = $5, \
                   iam_role = $6, external_id = $7 WHERE name = $1";
        let query = settled(Query::new("change role", name, sql), &role);
        transaction.execute(&query).await?;
        if let Some(policies) = policies {
            role_policies::set(name, &policies, &mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(role)
    }

    /// Removes a role; its policies stay. Users who name it are refused from then on, and their
    /// sessions end.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    pub async fn remove(&self, name: &str) -> Result<()> {
        let sql = "DELETE FROM roles WHERE name = $1";
        let query = Query::new("remove role", name, sql).bind(name);
        revocation::advance_with(query, self.engine).await
    }
}

const DOCUMENTS: &str = "SELECT roles.name, roles.arn, roles.description, roles.store, \
     roles.created, roles.changed, roles.iam_role, roles.external_id, \
     policies.name AS policy, policies.document FROM roles \
     LEFT JOIN role_policies ON role_policies.role = roles.name \
     LEFT JOIN policies ON policies.name = role_policies.policy \
     WHERE roles.name = $1 ORDER BY role_policies.position";

impl Role {
    /// Makes these changes; its policies are the caller's to set.
    fn apply(&mut self, changes: RoleChanges, now: Timestamp) -> Option<Vec<String>> {
        let RoleChanges {
            arn,
            description,
            store,
            iam_role,
            external_id,
            policies,
        } = changes;
        if let Some(arn) = arn {
            self.arn = arn;
        }
        if let Some(description) = description {
            self.description = description;
        }
        if let Some(store) = store {
            self.store = store;
        }
        if let Some(iam_role) = iam_role {
            self.iam_role = iam_role;
            // It is told to that role alone.
            self.external_id = self.external_id.take().filter(|_| self.iam_role.is_some());
        }
        if let Some(external_id) = external_id {
            self.external_id = external_id;
        }
        self.changed = now;
        policies
    }
}

/// Reads a role that is about to be changed. The epoch's row is locked before, so that changes
/// take turns.
async fn locked(name: &str, transaction: &mut Transaction) -> Result<Role> {
    let sql = concat!("SELECT ", columns!(roles), " FROM roles WHERE name = $1");
    let query = Query::new("change role", name, sql).bind(name);
    match transaction.fetch_optional(&query).await? {
        Some(row) => role(&row),
        None => Err(Error::not_found("change role", name)),
    }
}

/// Binds `$1` to `$7`.
fn settled(query: Query, role: &Role) -> Query {
    query
        .bind(&role.name)
        .bind(role.arn.clone())
        .bind(&role.description)
        .bind(role.store.clone())
        .bind(role.changed)
        .bind(role.iam_role.clone())
        .bind(role.external_id.clone())
}

/// The row of a new role; its policies are the caller's to set.
pub(crate) fn insert(new: &NewRole, now: Timestamp) -> Query {
    let sql = "INSERT INTO roles (name, arn, description, store, changed, iam_role, external_id, \
               created) VALUES ($1, $2, $3, $4, $5, $6, $7, $5)";
    Query::new("create role", &new.name, sql)
        .bind(&new.name)
        .bind(new.arn.clone())
        .bind(&new.description)
        .bind(new.store.clone())
        .bind(now)
        .bind(new.iam_role.clone())
        .bind(new.external_id.clone())
}

fn role(row: &Row) -> Result<Role> {
    Ok(Role {
        name: row.text("name")?,
        arn: row.text_or_null("arn")?,
        description: row.text("description")?,
        store: row.text_or_null("store")?,
        iam_role: row.text_or_null("iam_role")?,
        external_id: row.text_or_null("external_id")?,
        created: row.time("created")?,
        changed: row.time("changed")?,
    })
}

/// The role in rows of one joined with its policies; none where there is no row.
pub(crate) fn role_of(rows: &[Row]) -> Result<Option<RoleDocuments>> {
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let role = role(first)?;
    let documents = rows.iter().filter_map(|row| joined(row).transpose());
    let documents = documents.collect::<Result<_>>()?;
    Ok(Some(RoleDocuments { role, documents }))
}

/// Fails where STS would take neither (STS API reference, AssumeRole). Stores beside AWS have ARNs
/// of other shapes.
fn check_iam(operation: &'static str, role: &Role) -> Result<()> {
    let refused = |reason| {
        Err(Error::new(
            ErrorKind::Invalid,
            operation,
            &role.name,
            reason,
        ))
    };
    match &role.iam_role {
        None if role.external_id.is_some() => {
            return refused("an external id goes with an IAM role, and it has none");
        }
        Some(arn) if !is_arn(arn) => {
            return refused("its IAM role is no ARN; write arn:aws:iam::111122223333:role/name");
        }
        _ => {}
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    let fits = |id: &String| (2..=1_224).contains(&id.len()) && id.chars().all(plain);
    match role.external_id.as_ref().is_none_or(fits) {
        true => Ok(()),
        false => refused("its external id must have 2 to 1,224 of letters, digits and _+=,.@:/-"),
    }
}

fn is_arn(text: &str) -> bool {
    let visible = text.chars().all(|c| c.is_ascii_graphic());
    let fields = text.splitn(6, ':').count() == 6;
    text.starts_with("arn:") && visible && fields && (20..=2_048).contains(&text.len())
}

/// The policy in a row of a role joined with its policies; none in the row of a role without.
fn joined(row: &Row) -> Result<Option<(String, String)>> {
    let Some(policy) = row.text_or_null("policy")? else {
        return Ok(None);
    };
    let document = row.text_or_null("document")?.ok_or_else(|| {
        let reason = "its document is missing";
        Error::new(ErrorKind::Internal, "read policy", &policy, reason)
    })?;
    Ok(Some((policy, document)))
}
