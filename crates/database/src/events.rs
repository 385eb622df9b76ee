//! The table `events`: the outbox, written in the transaction of the fact.

use model::{Event, EventId, Location, Timestamp};

use crate::Result;
use crate::columns::columns;
use crate::engine::{Engine, Transaction};
use crate::publications;
use crate::query::Query;
use crate::row::{Row, to_json};

/// An event and its place among those of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// The event.
    pub event: Event,
    /// Grows with each event of the same bucket and key; 0 where it is not about one.
    pub sequence: u64,
}

/// Queries on the outbox. It is written through [`crate::Writer`].
#[derive(Clone, Copy)]
pub struct EventsTable<'a> {
    engine: &'a Engine,
}

impl<'a> EventsTable<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// The event of this id.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn by_id(&self, id: EventId) -> Result<Option<StoredEvent>> {
        let sql = concat!("SELECT ", columns!(events), " FROM events WHERE id = $1");
        let query = Query::new("look up event", id, sql).bind(id);
        let row = self.engine.fetch_optional(&query).await?;
        row.as_ref().map(stored).transpose()
    }

    /// The events since `since`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn since(&self, since: Timestamp, limit: u32) -> Result<Vec<StoredEvent>> {
        let sql = concat!(
            "SELECT ",
            columns!(events),
            " FROM events WHERE time >= $1 ORDER BY time, id LIMIT $2"
        );
        let query = Query::new("list", "events", sql).bind(since).bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(stored).collect()
    }

    /// The events of an object in their order, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn of_object(&self, location: &Location, limit: u32) -> Result<Vec<StoredEvent>> {
        let sql = concat!(
            "SELECT ",
            columns!(events),
            " FROM events WHERE bucket = $1 AND object_key = $2 \
                   ORDER BY sequence LIMIT $3"
        );
        let query = Query::new("list events of", location, sql)
            .bind(&location.bucket)
            .bind(&location.key)
            .bind(limit);
        let rows = self.engine.fetch_all(&query).await?;
        rows.iter().map(stored).collect()
    }
}

/// The number of an event that is written already: whatever it belongs to is done then, and this
/// is a retry.
pub(crate) async fn sequence_of(id: EventId, transaction: &mut Transaction) -> Result<Option<u64>> {
    let sql = "SELECT sequence FROM events WHERE id = $1";
    let query = Query::new("look up event", id, sql).bind(id);
    let row = transaction.fetch_optional(&query).await?;
    row.map(|row| row.unsigned("sequence")).transpose()
}

/// Writes an event with this place among those of its file.
pub(crate) async fn insert(
    event: &Event,
    sequence: u64,
    transaction: &mut Transaction,
) -> Result<()> {
    let sql = "INSERT INTO events (id, kind, time, bucket, object_key, sequence, payload) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING";
    let query = Query::new("record event", event.kind.as_str(), sql)
        .bind(event.id)
        .bind(event.kind.as_str())
        .bind(event.time)
        .bind(event.bucket.clone())
        .bind(event.key.clone())
        .bind(sequence)
        .bind(to_json("payload", event)?);
    transaction.execute(&query).await.map(drop)
}

/// Writes an event behind those of its file; fine where it is written already (a retry).
pub(crate) async fn append(event: &Event, transaction: &mut Transaction) -> Result<()> {
    if sequence_of(event.id, transaction).await?.is_some() {
        return Ok(());
    }
    let sequence = match (&event.bucket, &event.key) {
        (Some(bucket), Some(key)) => {
            publications::next_sequence(bucket, key, event.time, transaction).await?
        }
        _ => 0,
    };
    insert(event, sequence, transaction).await
}

fn stored(row: &Row) -> Result<StoredEvent> {
    Ok(StoredEvent {
        event: row.json("payload")?,
        sequence: row.unsigned("sequence")?,
    })
}
