//! The table `user_groups`: users that belong together.

use model::{GroupId, ServerId, Timestamp};

use crate::columns::columns;
use crate::engine::Engine;
use crate::query::Query;
use crate::row::Row;
use crate::{Error, Result};

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
        let sql = "INSERT INTO user_groups (id, server, name, description, created) \
                   VALUES ($1, $2, $3, $4, $5)";
        let query = Query::new("create group", &group.name, sql)
            .bind(group.id)
            .bind(&group.server)
            .bind(&group.name)
            .bind(&group.description)
            .bind(group.created);
        self.engine.execute(&query).await.map(drop)
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

fn group(row: &Row) -> Result<Group> {
    Ok(Group {
        id: row.parsed("id")?,
        server: row.parsed("server")?,
        name: row.text("name")?,
        description: row.text("description")?,
        created: row.time("created")?,
    })
}
