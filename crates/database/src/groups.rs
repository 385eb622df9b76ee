//! The table `user_groups`: users that belong together.

use model::{GroupId, ServerId, Timestamp};
use policy::Permissions;

use crate::columns::columns;
use crate::engine::Engine;
use crate::query::Query;
use crate::row::{Row, to_json};
use crate::{Error, Result, UserLimits, revocation};

/// A group of users of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The server of its users.
    pub server: ServerId,
    /// Its name, unique at the server.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// What each member may do at most.
    pub permissions: Permissions,
    /// What each member may have at most.
    pub limits: UserLimits,
    /// When it was changed last.
    pub changed: Timestamp,
}

impl Group {
    /// A group that takes nothing away from its members.
    pub fn new(server: ServerId, name: impl Into<String>, now: Timestamp) -> Self {
        Self {
            id: GroupId::generate(),
            server,
            name: name.into(),
            description: String::new(),
            created: now,
            permissions: Permissions::ALL,
            limits: UserLimits::default(),
            changed: now,
        }
    }

    fn apply(&mut self, changes: GroupChanges, now: Timestamp) {
        let GroupChanges {
            description,
            permissions,
            limits,
        } = changes;
        if let Some(description) = description {
            self.description = description;
        }
        self.permissions = permissions.unwrap_or(self.permissions);
        if let Some(limits) = limits {
            self.limits = limits;
        }
        self.changed = now;
    }
}

/// What is to change of a group; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct GroupChanges {
    /// What it is for.
    pub description: Option<String>,
    /// What each member may do at most.
    pub permissions: Option<Permissions>,
    /// What each member may have at most.
    pub limits: Option<UserLimits>,
}

/// Queries on groups.
#[derive(Clone, Copy)]
pub struct GroupsTable<'a> {
    engine: &'a Engine,
}

impl<'a> GroupsTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// Makes a group.
    ///
    /// # Errors
    /// `Conflict` where the server has one of this name, or there is no such server.
    pub async fn create(&self, group: &Group) -> Result<()> {
        self.engine.execute(&insert(group)?).await.map(drop)
    }

    /// The group of this name.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn by_name(&self, server: &ServerId, name: &str) -> Result<Option<Group>> {
        let sql = concat!(
            "SELECT ",
            columns!(user_groups),
            " FROM user_groups WHERE server = $1 AND name = $2"
        );
        let query = Query::new("look up group", name, sql)
            .bind(server)
            .bind(name);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(group).transpose()
    }

    /// The group of this id.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn by_id(&self, id: GroupId) -> Result<Option<Group>> {
        let sql = concat!(
            "SELECT ",
            columns!(user_groups),
            " FROM user_groups WHERE id = $1"
        );
        let query = Query::new("look up group", id, sql).bind(id);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(group).transpose()
    }

    /// Changes a group. Its members count as changed too, so that their sessions are looked at
    /// again. Returns it as it is then.
    ///
    /// # Errors
    /// `NotFound` where there is no such group.
    pub async fn update(
        &self,
        id: GroupId,
        changes: GroupChanges,
        now: Timestamp,
    ) -> Result<Group> {
        let mut transaction = self.engine.begin().await?;
        revocation::advance(&mut transaction).await?;
        let sql = concat!(
            "SELECT ",
            columns!(user_groups),
            " FROM user_groups WHERE id = $1"
        );
        let query = Query::new("update group", id, sql).bind(id);
        let row = transaction.fetch_optional(&query).await?;
        let row = row.ok_or_else(|| Error::not_found("update group", id.to_string()))?;
        let mut changed = group(&row)?;
        changed.apply(changes, now);
        let sql = "UPDATE user_groups SET description = $2, permissions = $3, limits = $4, \
                   changed = $5 WHERE id = $1";
        let query = Query::new("update group", &changed.name, sql)
            .bind(id)
            .bind(&changed.description)
            .bind(changed.permissions)
            .bind(to_json("limits", &changed.limits)?)
            .bind(now);
        transaction.execute(&query).await?;
        let sql = "UPDATE users SET changed = $2 WHERE user_group = $1";
        let query = Query::new("update members of group", &changed.name, sql)
            .bind(id)
            .bind(now);
        transaction.execute(&query).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// The groups of a server, by name.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn list(&self, server: &ServerId) -> Result<Vec<Group>> {
        let sql = concat!(
            "SELECT ",
            columns!(user_groups),
            " FROM user_groups WHERE server = $1 ORDER BY name"
        );
        let query = Query::new("list groups", server, sql).bind(server);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(group).collect()
    }

    /// Removes a group.
    ///
    /// # Errors
    /// `NotFound` where there is no such group, `Conflict` where users belong to it.
    pub async fn remove(&self, id: GroupId) -> Result<()> {
        let sql = "DELETE FROM user_groups WHERE id = $1";
        let query = Query::new("remove group", id, sql).bind(id);
        match self.engine.execute(&query).await? {
            0 => Err(Error::not_found("remove group", id.to_string())),
            _ => Ok(()),
        }
    }
}

/// The row of a new group.
pub(crate) fn insert(group: &Group) -> Result<Query> {
    let sql = "INSERT INTO user_groups \
               (id, server, name, description, created, permissions, limits, changed) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    Ok(Query::new("create group", &group.name, sql)
        .bind(group.id)
        .bind(&group.server)
        .bind(&group.name)
        .bind(&group.description)
        .bind(group.created)
        .bind(group.permissions)
        .bind(to_json("limits", &group.limits)?)
        .bind(group.changed))
}

fn group(row: &Row) -> Result<Group> {
    Ok(Group {
        id: row.parsed("id")?,
        server: row.parsed("server")?,
        name: row.text("name")?,
        description: row.text("description")?,
        created: row.time("created")?,
        permissions: row.parsed("permissions")?,
        limits: row.json("limits")?,
        changed: row.time("changed")?,
    })
}
