//! The table `servers`: what a client connects to.

use model::{ServerId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::columns::columns;
use crate::engine::Engine;
use crate::query::Query;
use crate::row::{Row, to_json};
use crate::{Error, Result};

/// Limits of a server. Absent means that the node's settings say it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerLimits {
    /// Sessions of all users together.
    pub sessions: Option<u32>,
    /// Sessions of one user.
    pub sessions_per_user: Option<u32>,
}

/// A server to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewServer {
    /// Its id.
    pub id: ServerId,
    /// Its name, unique in the installation.
    pub name: String,
    /// The addresses it listens on, as the settings write them.
    pub listeners: Vec<String>,
    /// The name of its algorithm policy.
    pub algorithm_policy: String,
    /// Shown before login.
    pub banner_before_login: Option<String>,
    /// Shown after login.
    pub banner_after_login: Option<String>,
    /// Its limits.
    pub limits: ServerLimits,
}

impl NewServer {
    /// A server with this name, the default algorithms, and nothing else.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            id: ServerId::generate(),
            name: name.into(),
            listeners: Vec::new(),
            algorithm_policy: "default".to_owned(),
            banner_before_login: None,
            banner_after_login: None,
            limits: ServerLimits::default(),
        }
    }
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its id.
    pub id: ServerId,
    /// Its name, unique in the installation.
    pub name: String,
    /// The addresses it listens on, as the settings write them.
    pub listeners: Vec<String>,
    /// The name of its algorithm policy.
    pub algorithm_policy: String,
    /// Shown before login.
    pub banner_before_login: Option<String>,
    /// Shown after login.
    pub banner_after_login: Option<String>,
    /// Its limits.
    pub limits: ServerLimits,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub changed: Timestamp,
}

/// Queries on servers.
#[derive(Clone, Copy)]
pub struct ServersTable<'a> {
    engine: &'a Engine,
}

impl<'a> ServersTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// Makes a server.
    ///
    /// # Errors
    /// `Conflict` where its name or id is taken.
    pub async fn create(&self, server: &NewServer, now: Timestamp) -> Result<Server> {
        let query = Query::new("create server", &server.name, INSERT)
            .bind(&server.id)
            .bind(&server.name)
            .bind(to_json("listeners", &server.listeners)?)
            .bind(&server.algorithm_policy)
            .bind(server.banner_before_login.clone())
            .bind(server.banner_after_login.clone())
            .bind(to_json("limits", &server.limits)?)
            .bind(now);
        self.engine.execute(&query).await?;
        Ok(Server {
            id: server.id.clone(),
            name: server.name.clone(),
            listeners: server.listeners.clone(),
            algorithm_policy: server.algorithm_policy.clone(),
            banner_before_login: server.banner_before_login.clone(),
            banner_after_login: server.banner_after_login.clone(),
            limits: server.limits.clone(),
            created: now,
            changed: now,
        })
    }

    /// The server of this name; made by `server` where there is none. Nodes that start at once
    /// end up with the same one.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn find_or_create(&self, server: &NewServer, now: Timestamp) -> Result<Server> {
        if let Some(found) = self.by_name(&server.name).await? {
            return Ok(found);
        }
        match self.create(server, now).await {
            Err(error) if error.kind() == model::ErrorKind::Conflict => {
                let found = self.by_name(&server.name).await?;
                found.ok_or(error)
            }
            made => made,
        }
    }

    /// The server of this id.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn by_id(&self, id: &ServerId) -> Result<Option<Server>> {
        let sql = concat!("SELECT ", columns!(servers), " FROM servers WHERE id = $1");
        let query = Query::new("look up server", id, sql).bind(id);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(server).transpose()
    }

    /// The server of this name.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn by_name(&self, name: &str) -> Result<Option<Server>> {
        let sql = concat!(
            "SELECT ",
            columns!(servers),
            " FROM servers WHERE name = $1"
        );
        let query = Query::new("look up server", name, sql).bind(name);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(server).transpose()
    }

    /// All servers, by name.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn list(&self) -> Result<Vec<Server>> {
        let sql = concat!("SELECT ", columns!(servers), " FROM servers ORDER BY name");
        let rows = self
            .engine
            .fetch_all(&Query::new("list", "servers", sql))
            .await?;
        rows.iter().map(server).collect()
    }

    /// Writes everything of a server but its id and when it was made.
    ///
    /// # Errors
    /// `NotFound` where there is no such server, `Conflict` where its new name is taken.
    pub async fn update(&self, server: &Server, now: Timestamp) -> Result<()> {
        let query = Query::new("update server", &server.name, UPDATE)
            .bind(&server.id)
            .bind(&server.name)
            .bind(to_json("listeners", &server.listeners)?)
            .bind(&server.algorithm_policy)
            .bind(server.banner_before_login.clone())
            .bind(server.banner_after_login.clone())
            .bind(to_json("limits", &server.limits)?)
            .bind(now);
        match self.engine.execute(&query).await? {
            0 => Err(Error::not_found("update server", server.id.as_str())),
            _ => Ok(()),
        }
    }

    /// Removes a server with its host keys, groups and users.
    ///
    /// # Errors
    /// `NotFound` where there is no such server.
    pub async fn remove(&self, id: &ServerId) -> Result<()> {
        let sql = "DELETE FROM servers WHERE id = $1";
        let query = Query::new("remove server", id, sql).bind(id);
        match self.engine.execute(&query).await? {
            0 => Err(Error::not_found("remove server", id.as_str())),
            _ => Ok(()),
        }
    }
}

const INSERT: &str = "INSERT INTO servers (id, name, listeners, algorithm_policy, \
     banner_before_login, banner_after_login, limits, created, changed) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";

const UPDATE: &str = "UPDATE servers SET name = $2, listeners = $3, algorithm_policy = $4, \
     banner_before_login = $5, banner_after_login = $6, limits = $7, changed = $8 WHERE id = $1";

fn server(row: &Row) -> Result<Server> {
    Ok(Server {
        id: row.parsed("id")?,
        name: row.text("name")?,
        listeners: row.json("listeners")?,
        algorithm_policy: row.text("algorithm_policy")?,
        banner_before_login: row.text_or_null("banner_before_login")?,
        banner_after_login: row.text_or_null("banner_after_login")?,
        limits: row.json("limits")?,
        created: row.time("created")?,
        changed: row.time("changed")?,
    })
}
