//! Users of a shop's own database: a query of its own, on MySQL, MariaDB or PostgreSQL.

use std::time::Duration;

use futures::TryStreamExt as _;
use model::ErrorKind;
use sqlx::mysql::{MySqlConnectOptions, MySqlRow};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Row as _};

use super::arrivals::Arrivals;
use super::csv;
use super::row::Row;
use crate::{Error, Result};

/// How long a query may take.
const DEADLINE: Duration = Duration::from_secs(300);
/// The most users of one query.
const MOST: usize = 1_000_000;

/// A row as names of columns and texts.
type Texts = Vec<(String, Option<String>)>;

/// Asks a database. `map` says for each field which column holds it; without one, columns are called
/// like fields (`SELECT login AS name`). What the query says is not written to: the session is for
/// reading alone.
///
/// # Errors
/// `Invalid` where the URL is none, the query fails, or a column is missing; `Unavailable` where the
/// database does not answer within five minutes. A row whose user is wrong is a finding.
pub async fn read(
    url: &str,
    query: &str,
    map: Option<&[(String, String)]>,
    home: Option<&str>,
) -> Result<Arrivals> {
    let rows = tokio::time::timeout(DEADLINE, rows(url, query)).await;
    let late = || failed(ErrorKind::Unavailable, "it took more than five minutes");
    arrivals(rows.map_err(|_| late())??, map, home)
}

/// The texts of a row. Without parameters both engines answer in text, whatever the type.
macro_rules! texts {
    ($row:expr) => {{
        let row = $row;
        let text = |column: usize| row.try_get_unchecked::<Option<String>, _>(column);
        let columns = row.columns().iter().enumerate();
        columns
            .map(|(at, column)| Ok((column.name().to_owned(), text(at)?)))
            .collect::<std::result::Result<Texts, sqlx::Error>>()
    }};
}
async fn rows(url: &str, query: &str) -> Result<Vec<Texts>> {
    let (kind, _) = url.split_once("://").unwrap_or_default();
    match kind {
        "mysql" | "mariadb" => {
            let url = format!("mysql://{}", url.split_once("://").map_or("", |(_, it)| it));
            let options = url.parse::<MySqlConnectOptions>();
            let options = options.map_err(|error| not_a_url().caused_by(error))?;
            let connected = options.disable_statement_logging().connect().await;
            let mut connection = connected.map_err(unanswered)?;
            let alone = sqlx::raw_sql("SET SESSION TRANSACTION READ ONLY");
            alone.execute(&mut connection).await.map_err(unanswered)?;
            let asked = sqlx::raw_sql(AssertSqlSafe(query.to_owned()));
            let rows = asked.fetch(&mut connection).map_err(refused);
            let rows = collect(rows.map_ok(|row: MySqlRow| texts!(row))).await;
            // Nothing depends on how it says goodbye.
            let _ = connection.close().await;
            rows
        }
        "postgres" | "postgresql" => {
            let options = url.parse::<PgConnectOptions>();
            let options = options.map_err(|error| not_a_url().caused_by(error))?;
            let options = options.options([("default_transaction_read_only", "on")]);
            let connected = options.disable_statement_logging().connect().await;
            let mut connection = connected.map_err(unanswered)?;
            let asked = sqlx::raw_sql(AssertSqlSafe(query.to_owned()));
            let rows = asked.fetch(&mut connection).map_err(refused);
            let rows = collect(rows.map_ok(|row: PgRow| texts!(row))).await;
            let _ = connection.close().await;
            rows
        }
        _ => Err(not_a_url()),
    }
}

async fn collect(
    rows: impl futures::Stream<Item = Result<std::result::Result<Texts, sqlx::Error>>>,
) -> Result<Vec<Texts>> {
    let mut rows = std::pin::pin!(rows);
    let mut all = Vec::new();
    while let Some(row) = rows.try_next().await? {
        if all.len() >= MOST {
            let reason = format!("it gives more than {MOST} users");
            return Err(failed(ErrorKind::Invalid, reason));
        }
        all.push(row.map_err(refused)?);
    }
    Ok(all)
}

fn arrivals(
    rows: Vec<Texts>,
    map: Option<&[(String, String)]>,
    home: Option<&str>,
) -> Result<Arrivals> {
    if let Some(first) = rows.first() {
        match map {
            Some(map) => check_map(map, first)?,
            None => csv::check(
                &first
                    .iter()
                    .map(|(name, _)| name.clone())
                    .collect::<Vec<_>>(),
            )?,
        }
    }
    let mut arrivals = Arrivals::default();
    for (number, texts) in (1..).zip(rows) {
        let mut row = Row::at(format!("row {number}"));
        for (column, text) in texts {
            let Some(text) = text else { continue };
            match map {
                None => row.set(column, text),
                // A column may hold more than one field: a name that is a folder, too.
                Some(map) => {
                    for (field, _) in map.iter().filter(|(_, of)| *of == column) {
                        row.set(field.as_str(), text.clone());
                    }
                }
            }
        }
        let mut findings = Vec::new();
        let user = row.read(home, &mut findings);
        arrivals.findings.append(&mut findings);
        arrivals.push_or_tell(user);
    }
    Ok(arrivals)
}

fn check_map(map: &[(String, String)], first: &Texts) -> Result<()> {
    let fields: Vec<String> = map.iter().map(|(field, _)| field.clone()).collect();
    csv::check(&fields)?;
    let has = |wanted: &String| first.iter().any(|(column, _)| column == wanted);
    match map.iter().find(|(_, column)| !has(column)) {
        None => Ok(()),
        Some((field, column)) => {
            let reason = format!("it gives no column {column}, which the map has for {field}");
            Err(failed(ErrorKind::Invalid, reason))
        }
    }
}

/// Reads a map: TOML, `field = "column"`.
///
/// # Errors
/// `Invalid` where it is none.
pub fn map(text: &str) -> Result<Vec<(String, String)>> {
    let pairs: std::collections::BTreeMap<String, String> =
        toml::from_str(text).map_err(|error| {
            let reason = "expected lines of field = \"column\"";
            Error::new(ErrorKind::Invalid, "read", "the map", reason).caused_by(error)
        })?;
    Ok(pairs.into_iter().collect())
}

fn not_a_url() -> Error {
    let reason = "expected mysql://USER@HOST/DATABASE or postgres://USER@HOST/DATABASE";
    Error::new(
        ErrorKind::Invalid,
        "read",
        "the URL of the database",
        reason,
    )
}

fn failed(kind: ErrorKind, reason: impl Into<String>) -> Error {
    Error::new(kind, "ask", "the database", reason)
}

fn unanswered(error: sqlx::Error) -> Error {
    let reason = "no connection could be made: look at the host, the user and his password";
    failed(ErrorKind::Unavailable, reason).caused_by(error)
}

fn refused(error: sqlx::Error) -> Error {
    failed(ErrorKind::Invalid, "the query failed").caused_by(error)
}
