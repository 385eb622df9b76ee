//! The tables `scores` and `familiar`: what nodes tell each other of those who try to log in.

use std::time::Duration;

use ipnet::IpNet;
use model::{ServerId, Timestamp};

use crate::columns::columns;
use crate::engine::{Engine, Transaction};
use crate::query::Query;
use crate::row::Row;
use crate::{EarnedBan, Result, bans};

/// What one node has seen since it last told the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sightings {
    /// Bans that were earned. Each is written with its audit row and its event.
    pub bans: Vec<EarnedBan>,
    /// By how many microseconds scores grew, or shrank.
    pub scores: Vec<(IpNet, i64)>,
    /// Users who got in from somewhere, and until when that is remembered.
    pub familiar: Vec<(IpNet, String, Timestamp)>,
}

impl Sightings {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.bans.is_empty() && self.scores.is_empty() && self.familiar.is_empty()
    }
}

/// Which telling of whose this is, so that it counts once, however often it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telling<'a> {
    /// Who tells: another text for each run of each node.
    pub teller: &'a str,
    /// The first, the second: never the same for anything else.
    pub number: u64,
}

/// How long a telling is known, for who tries it again.
const TELLING_KNOWN: Duration = Duration::from_secs(60 * 60);
/// Before the tellers' names, in the table of leases: each holds what it told last.
const TELLER: &str = "telling/";

/// A source's score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// Whose.
    pub source: IpNet,
    /// When it is zero again.
    pub clean: Timestamp,
}

/// Queries on what was seen.
#[derive(Clone, Copy)]
pub struct SightingsTable<'a> {
    engine: &'a Engine,
}

impl<'a> SightingsTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// Tells the other nodes, in one transaction. What a teller told last counts once, also where
    /// he tells it again.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer; then nothing was written, unless the
    /// outcome is unknown: then the same telling is to be tried again before another.
    pub async fn tell(
        &self,
        server: &ServerId,
        telling: Telling<'_>,
        mut seen: Sightings,
        now: Timestamp,
    ) -> Result<()> {
        // Always in the same order, so that nodes that tell of the same sources do not wait for
        // each other in a circle.
        seen.bans.sort_by_key(|earned| earned.ban.network);
        seen.scores.sort();
        seen.familiar.sort();
        let mut transaction = self.engine.begin().await?;
        if !is_news(telling, now, &mut transaction).await? {
            transaction.roll_back().await;
            return Ok(());
        }
        for (source, change) in &seen.scores {
            change_score(server, *source, *change, now, &mut transaction).await?;
        }
        for earned in &seen.bans {
            bans::earn(server, earned, now, &mut transaction).await?;
        }
        for (source, user, until) in &seen.familiar {
            let sql = "INSERT INTO familiar (server, source, user_name, until, changed) \
                       VALUES ($1, $2, $3, $4, $5) ON CONFLICT (server, source, user_name) \
                       DO UPDATE SET until = excluded.until, changed = excluded.changed \
                       WHERE familiar.until < excluded.until";
            let query = Query::new("remember user", user, sql)
                .bind(server)
                .bind(source.to_string())
                .bind(user)
                .bind(*until)
                .bind(now);
            transaction.execute(&query).await?;
        }
        transaction.commit().await
    }

    /// The scores that changed since `since` and are not zero at `now`, the latest first, at most
    /// `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn scores(
        &self,
        server: &ServerId,
        since: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Score>> {
        let sql = concat!(
            "SELECT ",
            columns!(scores),
            " FROM scores WHERE server = $1 AND changed >= $2 AND clean > $3 \
              ORDER BY changed DESC LIMIT $4"
        );
        let query = Query::new("list", "scores", sql)
            .bind(server)
            .bind(since)
            .bind(now)
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(score).collect()
    }

    /// Where users got in from, as told since `since` and remembered at `now`, the latest first, at
    /// most `limit`: source, user, and until when.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn familiar(
        &self,
        server: &ServerId,
        since: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(IpNet, String, Timestamp)>> {
        let sql = concat!(
            "SELECT ",
            columns!(familiar),
            " FROM familiar WHERE server = $1 AND changed >= $2 AND until > $3 \
              ORDER BY changed DESC LIMIT $4"
        );
        let query = Query::new("list", "familiar sources", sql)
            .bind(server)
            .bind(since)
            .bind(now)
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        let row = |row: &Row| {
            let source = row.parsed("source")?;
            Ok((source, row.text("user_name")?, row.time("until")?))
        };
        rows.iter().map(row).collect()
    }

    /// Forgets what says nothing any more.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn forget(&self, server: &ServerId, now: Timestamp) -> Result<()> {
        for sql in [
            "DELETE FROM scores WHERE server = $1 AND clean < $2",
            "DELETE FROM familiar WHERE server = $1 AND until < $2",
        ] {
            let query = Query::new("forget", "sightings", sql)
                .bind(server)
                .bind(now);
            self.engine.execute(&query).await?;
        }
        let sql = "DELETE FROM leases WHERE name >= $1 AND name < $2 AND expires < $3";
        let query = Query::new("forget", "tellers", sql)
            .bind(TELLER)
            // '0' follows '/'.
            .bind("telling0")
            .bind(now);
        self.engine.execute(&query).await.map(drop)
    }
}

/// Whether this was not told yet. Whoever else tells the same at this moment waits here.
async fn is_news(
    telling: Telling<'_>,
    now: Timestamp,
    transaction: &mut Transaction,
) -> Result<bool> {
    let sql = "INSERT INTO leases (name, holder, expires) VALUES ($1, $2, $3) \
               ON CONFLICT (name) DO UPDATE \
               SET holder = excluded.holder, expires = excluded.expires \
               WHERE leases.holder <> excluded.holder";
    let query = Query::new("note telling of", telling.teller, sql)
        .bind(format!("{TELLER}{}", telling.teller))
        .bind(telling.number.to_string())
        .bind(now.plus(TELLING_KNOWN));
    Ok(transaction.execute(&query).await? > 0)
}

async fn change_score(
    server: &ServerId,
    source: IpNet,
    change: i64,
    now: Timestamp,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "INSERT INTO scores (server, source, clean, changed) VALUES ($1, $2, $3 + $4, $3) \
               ON CONFLICT (server, source) DO UPDATE SET changed = excluded.changed, \
               clean = $4 + CASE WHEN scores.clean > $3 THEN scores.clean ELSE $3 END";
    let query = Query::new("change score of", source, sql)
        .bind(server)
        .bind(source.to_string())
        .bind(now)
        .bind(change);
    transaction.execute(&query).await.map(drop)
}

fn score(row: &Row) -> Result<Score> {
    Ok(Score {
        source: row.parsed("source")?,
        clean: row.time("clean")?,
    })
}
