//! The table `audit`: who did what, from where, and what came of it.

use std::net::IpAddr;

use model::{AuditId, Event, Protocol, ServerId, SessionId, Timestamp, UserId};

use crate::Result;
use crate::columns::columns;
use crate::engine::{Engine, Transaction};
use crate::events;
use crate::query::Query;
use crate::row::{Row, corrupt};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was not allowed.
    Refused,
    /// It went wrong.
    Failed,
}

impl Outcome {
    /// The word in the row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl std::str::FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Success, Self::Refused, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not an outcome"))
    }
}

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub time: Timestamp,
    /// At which server.
    pub server: Option<ServerId>,
    /// Who, where he is known.
    pub user_id: Option<UserId>,
    /// The name he gave.
    pub user: Option<String>,
    /// In which session.
    pub session: Option<SessionId>,
    /// Through which protocol.
    pub protocol: Option<Protocol>,
    /// From where.
    pub address: Option<IpAddr>,
    /// What: "upload", "login".
    pub action: String,
    /// On which path, as the user sees it.
    pub path: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// Whatever else there is to say: a JSON object.
    pub detail: serde_json::Value,
}

impl AuditEntry {
    /// An entry with its required fields; the rest is filled in by who knows it.
    pub fn new(action: impl Into<String>, outcome: Outcome, time: Timestamp) -> Self {
        Self {
            id: AuditId::generate(),
            time,
            server: None,
            user_id: None,
            user: None,
            session: None,
            protocol: None,
            address: None,
            action: action.into(),
            path: None,
            outcome,
            detail: serde_json::Value::Object(serde_json::Map::new()),
        }
    }
}

/// Queries on the audit log. It is written through [`crate::Writer`].
#[derive(Clone, Copy)]
pub struct AuditTable<'a> {
    engine: &'a Engine,
}

impl<'a> AuditTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// The entries since `since`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn since(&self, since: Timestamp, limit: u32) -> Result<Vec<AuditEntry>> {
        let sql = concat!(
            "SELECT ",
            columns!(audit),
            " FROM audit WHERE time >= $1 ORDER BY time, id LIMIT $2"
        );
        let query = Query::new("list", "audit entries", sql)
            .bind(since)
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(entry).collect()
    }

    /// The entries of a user, newest first, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn of_user(&self, user: UserId, limit: u32) -> Result<Vec<AuditEntry>> {
        let sql = concat!(
            "SELECT ",
            columns!(audit),
            " FROM audit WHERE user_id = $1 ORDER BY time DESC, id DESC LIMIT $2"
        );
        let query = Query::new("list audit entries of user", user, sql)
            .bind(user)
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(entry).collect()
    }
}

/// Writes an entry; fine where it is written already (a retry).
pub(crate) async fn insert(entry: &AuditEntry, transaction: &mut Transaction) -> Result<()> {
    let sql = "INSERT INTO audit (id, time, server, user_id, user_name, session, protocol, \
               address, action, path, outcome, detail) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
               ON CONFLICT (id) DO NOTHING";
    let query = Query::new("record", &entry.action, sql)
        .bind(entry.id)
        .bind(entry.time)
        .bind(entry.server.clone())
        .bind(entry.user_id)
        .bind(entry.user.clone())
        .bind(entry.session)
        .bind(entry.protocol.map(protocol_name))
        .bind(entry.address)
        .bind(&entry.action)
        .bind(entry.path.clone())
        .bind(entry.outcome.as_str())
        .bind(entry.detail.to_string());
    transaction.execute(&query).await.map(drop)
}

/// Whether a change is committed already, told by its audit entry, and the number of its event
/// then (0 without one): this is a retry.
pub(crate) async fn done(
    entry: &AuditEntry,
    event: Option<&Event>,
    transaction: &mut Transaction,
) -> Result<Option<u64>> {
    let sql = "SELECT id FROM audit WHERE id = $1";
    let query = Query::new("look up audit entry", entry.id, sql).bind(entry.id);
    if transaction.fetch_optional(&query).await?.is_none() {
        return Ok(None);
    }
    match event {
        Some(event) => Ok(events::sequence_of(event.id, transaction)
            .await?
            .or(Some(0))),
        None => Ok(Some(0)),
    }
}

fn entry(row: &Row) -> Result<AuditEntry> {
    Ok(AuditEntry {
        id: row.parsed("id")?,
        time: row.time("time")?,
        server: row.parsed_or_null("server")?,
        user_id: row.parsed_or_null("user_id")?,
        user: row.text_or_null("user_name")?,
        session: row.parsed_or_null("session")?,
        protocol: row
            .text_or_null("protocol")?
            .map(|name| protocol(&name))
            .transpose()?,
        address: row.parsed_or_null("address")?,
        action: row.text("action")?,
        path: row.text_or_null("path")?,
        outcome: row.parsed("outcome")?,
        detail: row.json("detail")?,
    })
}

pub(crate) fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Scp => "scp",
        _ => "sftp",
    }
}

pub(crate) fn protocol(name: &str) -> Result<Protocol> {
    match name {
        "sftp" => Ok(Protocol::Sftp),
        "scp" => Ok(Protocol::Scp),
        _ => Err(corrupt("protocol", format_args!("{name:?} is no protocol"))),
    }
}
