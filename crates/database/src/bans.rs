//! The table `bans`: who is kept out, until when, and who said so. Whatever changes a ban writes its
//! audit row and its event with it, in one transaction.

use std::net::IpAddr;

use ipnet::IpNet;
use model::{Event, EventKind, ServerId, Timestamp};
use serde_json::json;

use crate::columns::columns;
use crate::engine::{Engine, Transaction};
use crate::query::Query;
use crate::row::{Row, corrupt};
use crate::{AuditEntry, Outcome, Result, audit, events};

/// An address or a network that is kept out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Who is kept out.
    pub network: IpNet,
    /// Why: the offence that led to it, or what staff wrote.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; in the past where it was lifted or has run out.
    pub until: Timestamp,
    /// Who said so; none where it was earned.
    pub by: Option<String>,
    /// How many came before it, one soon after the other.
    pub repeated: u32,
}

impl Ban {
    /// The end of one that has none.
    pub const NEVER: Timestamp = Timestamp::from_micros(i64::MAX);
}

/// A ban that was earned on this node, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarnedBan {
    /// The ban.
    pub ban: Ban,
    /// The address that earned it; the network is banned with it.
    pub address: IpAddr,
}

/// A ban and when its row was changed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBan {
    /// The ban.
    pub ban: Ban,
    /// When it was made, extended or lifted.
    pub changed: Timestamp,
}

/// Queries on bans. Time is what callers pass in.
#[derive(Clone, Copy)]
pub struct BansTable<'a> {
    engine: &'a Engine,
}

impl<'a> BansTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// The bans that end after `time`, in the order of their text: with the present time, those
    /// that hold.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn ending_after(&self, server: &ServerId, time: Timestamp) -> Result<Vec<StoredBan>> {
        let sql = concat!(
            "SELECT ",
            columns!(bans),
            " FROM bans WHERE server = $1 AND until > $2 ORDER BY network"
        );
        let query = Query::new("list", "bans", sql).bind(server).bind(time);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(stored).collect()
    }

    /// The bans that were made, extended or lifted since `time`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn changed_since(
        &self,
        server: &ServerId,
        time: Timestamp,
    ) -> Result<Vec<StoredBan>> {
        let sql = concat!(
            "SELECT ",
            columns!(bans),
            " FROM bans WHERE server = $1 AND changed >= $2 ORDER BY changed, network"
        );
        let query = Query::new("list", "changed bans", sql)
            .bind(server)
            .bind(time);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(stored).collect()
    }

    /// Keeps a network out because somebody says so, whatever its row said before.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn put(&self, server: &ServerId, ban: &Ban, now: Timestamp) -> Result<()> {
        let mut transaction = self.engine.begin().await?;
        let sql = "INSERT INTO bans (server, network, reason, since, until, by_whom, repeated, \
                   changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                   ON CONFLICT (server, network) DO UPDATE SET reason = excluded.reason, \
                   since = excluded.since, until = excluded.until, by_whom = excluded.by_whom, \
                   repeated = excluded.repeated, changed = excluded.changed";
        let query = values(Query::new("ban", ban.network, sql), server, ban, now);
        transaction.execute(&query).await?;
        let fact = Fact {
            server,
            kind: EventKind::Ban,
            address: ban.network.network(),
            detail: detail(ban),
        };
        fact.write(now, &mut transaction).await?;
        transaction.commit().await
    }

    /// Ends a ban because somebody says so, and forgets the score of its source and how often it
    /// was banned. False where none holds.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn lift(
        &self,
        server: &ServerId,
        network: IpNet,
        by: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let mut transaction = self.engine.begin().await?;
        let sql = "UPDATE bans SET until = $3, changed = $3, repeated = 0 \
                   WHERE server = $1 AND network = $2 AND until > $3";
        let query = Query::new("lift ban of", network, sql)
            .bind(server)
            .bind(network.to_string())
            .bind(now);
        let lifted = transaction.execute(&query).await? > 0;
        forget_score(server, network, &mut transaction).await?;
        if lifted {
            let fact = Fact {
                server,
                kind: EventKind::Unban,
                address: network.network(),
                detail: json!({ "network": network, "by": by }),
            };
            fact.write(now, &mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(lifted)
    }

    /// Forgets bans that ended before `time`. Returns how many.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn forget(&self, server: &ServerId, time: Timestamp) -> Result<u64> {
        let sql = "DELETE FROM bans WHERE server = $1 AND until < $2 AND changed < $2";
        let query = Query::new("forget", "bans", sql).bind(server).bind(time);
        self.engine.execute(&query).await
    }
}

/// Writes a ban that was earned, unless one stands that holds for longer: then nothing changed that
/// anybody would be told of. What led to it is paid.
pub(crate) async fn earn(
    server: &ServerId,
    earned: &EarnedBan,
    now: Timestamp,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "INSERT INTO bans (server, network, reason, since, until, by_whom, repeated, \
               changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
               ON CONFLICT (server, network) DO UPDATE SET reason = excluded.reason, \
               since = excluded.since, until = excluded.until, by_whom = excluded.by_whom, \
               repeated = excluded.repeated, changed = excluded.changed \
               WHERE bans.until < excluded.until";
    let ban = &earned.ban;
    let query = values(Query::new("ban", ban.network, sql), server, ban, now);
    if transaction.execute(&query).await? > 0 {
        let fact = Fact {
            server,
            kind: EventKind::Ban,
            address: earned.address,
            detail: detail(ban),
        };
        fact.write(ban.since, transaction).await?;
    }
    forget_score(server, ban.network, transaction).await
}

/// What happened to a ban, for the audit log and for everybody else.
struct Fact<'a> {
    server: &'a ServerId,
    kind: EventKind,
    address: IpAddr,
    detail: serde_json::Value,
}

impl Fact<'_> {
    async fn write(self, time: Timestamp, transaction: &mut Transaction) -> Result<()> {
        let mut entry = AuditEntry::new(self.kind.as_str(), Outcome::Success, time);
        entry.server = Some(self.server.clone());
        entry.address = Some(self.address);
        entry.detail = self.detail;
        audit::insert(&entry, transaction).await?;
        let mut event = Event::new(self.kind, time, self.server.clone());
        event.client_address = Some(self.address);
        events::append(&event, transaction).await
    }
}

fn detail(ban: &Ban) -> serde_json::Value {
    json!({
        "network": ban.network,
        "reason": ban.reason,
        // As rows have times: microseconds since 1970.
        "until": (ban.until != Ban::NEVER).then_some(ban.until),
        "by": ban.by,
        "repeated": ban.repeated,
    })
}

async fn forget_score(
    server: &ServerId,
    source: IpNet,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "DELETE FROM scores WHERE server = $1 AND source = $2";
    let query = Query::new("forget score of", source, sql)
        .bind(server)
        .bind(source.to_string());
    transaction.execute(&query).await.map(drop)
}

fn values(query: Query, server: &ServerId, ban: &Ban, now: Timestamp) -> Query {
    query
        .bind(server)
        .bind(ban.network.to_string())
        .bind(&ban.reason)
        .bind(ban.since)
        .bind(ban.until)
        .bind(ban.by.clone())
        .bind(ban.repeated)
        .bind(now)
}

fn stored(row: &Row) -> Result<StoredBan> {
    let ban = Ban {
        network: row.parsed("network")?,
        reason: row.text("reason")?,
        since: row.time("since")?,
        until: row.time("until")?,
        by: row.text_or_null("by_whom")?,
        repeated: u32::try_from(row.unsigned("repeated")?)
            .map_err(|error| corrupt("repeated", error))?,
    };
    let changed = row.time("changed")?;
    Ok(StoredBan { ban, changed })
}
