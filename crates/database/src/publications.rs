//! The table `publications`: the fence in front of every final key.

use model::{ErrorKind, Location, NodeId, Timestamp, TransferId};

use crate::engine::Transaction;
use crate::nodes::node_is_dead;
use crate::query::Query;
use crate::{Demand, Error, NewTransfer, Result, transfers, usage};

/// A request to be the one who changes the object at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicationRequest {
    /// The object.
    pub location: Location,
    /// Who asks: the transfer, or an id generated for a rename or removal.
    pub holder: TransferId,
    /// On which node.
    pub node: NodeId,
    /// Now.
    pub now: Timestamp,
    /// A publication that was neither granted nor renewed since is taken over, and so is one whose
    /// node is dead.
    pub stale_before: Timestamp,
    /// The transfer that is to be published, where it is one.
    pub transfer: Option<ClaimingTransfer>,
}

/// A transfer that asks to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimingTransfer {
    /// Its epoch, as its session knows it: where another one went on with it, the claim fails.
    pub epoch: u64,
    /// Its intent, where that is not on record yet: it is written with the claim.
    pub intent: Option<Box<NewTransfer>>,
    /// What must fit into its owner's quota; none where that is not asked.
    pub demand: Option<Demand>,
}

/// The right to change the object at a key, until it is committed, released or taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The object.
    pub location: Location,
    /// Whose right.
    pub holder: TransferId,
    /// Grows with each grant of this key. A commit with an older one fails with `Conflict`.
    pub generation: u64,
}

/// The answer to a [`PublicationRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Go ahead.
    Granted(Publication),
    /// Somebody else is at it; ask again when he is done.
    Held {
        /// Who.
        by: TransferId,
        /// Since when.
        since: Timestamp,
    },
    /// The upload does not fit into its owner's quota: why, in words for him.
    Full(String),
}

/// Asks for a publication. Asking again as the same holder grants it anew.
///
/// # Errors
/// `Conflict` where the transfer has ended, or another session goes on with it.
pub(crate) async fn claim(
    request: &PublicationRequest,
    transaction: &mut Transaction,
) -> Result<Claim> {
    let intent = request.transfer.as_ref();
    if let Some(intent) = intent.and_then(|transfer| transfer.intent.as_ref()) {
        transfers::begin(intent, transaction).await?;
    }
    let location = &request.location;
    let demand = intent.and_then(|transfer| transfer.demand.as_ref());
    if let Some(demand) = demand
        && let Some(why) = usage::objection(demand, location, request.holder, transaction).await?
    {
        return Ok(Claim::Full(why));
    }
    let query = Query::new("claim publication of", location, CLAIM)
        .bind(&location.bucket)
        .bind(&location.key)
        .bind(request.holder)
        .bind(request.node)
        .bind(request.now)
        .bind(request.stale_before);
    let Some(row) = transaction.fetch_optional(&query).await? else {
        return held(location, transaction).await;
    };
    if let Some(transfer) = &request.transfer {
        let reserved = demand.map(|demand| demand.size);
        let (id, now) = (request.holder, request.now);
        transfers::publishing(id, transfer.epoch, reserved, now, transaction).await?;
    }
    Ok(Claim::Granted(Publication {
        location: location.clone(),
        holder: request.holder,
        generation: row.unsigned("generation")?,
    }))
}

const CLAIM: &str = concat!(
    "INSERT INTO publications (bucket, object_key, generation, sequence, holder, node, since) ",
    "VALUES ($1, $2, 1, 0, $3, $4, $5) ON CONFLICT (bucket, object_key) DO UPDATE ",
    "SET generation = publications.generation + 1, holder = excluded.holder, ",
    "node = excluded.node, since = excluded.since ",
    "WHERE publications.holder IS NULL OR publications.holder = excluded.holder ",
    "OR publications.since < $6 OR ",
    node_is_dead!("publications", "$5"),
    " RETURNING generation"
);

/// Says that the holder is still at it, so that nobody takes over. False where somebody has.
pub(crate) async fn renew(
    publication: &Publication,
    now: Timestamp,
    transaction: &mut Transaction,
) -> Result<bool> {
    let location = &publication.location;
    let sql = "UPDATE publications SET since = $5 \
               WHERE bucket = $1 AND object_key = $2 AND holder = $3 AND generation = $4";
    let query = Query::new("renew publication of", location, sql)
        .bind(&location.bucket)
        .bind(&location.key)
        .bind(publication.holder)
        .bind(publication.generation)
        .bind(now);
    if transaction.execute(&query).await? == 0 {
        return Ok(false);
    }
    transfers::still_publishing(publication.holder, now, transaction).await?;
    Ok(true)
}

async fn held(location: &Location, transaction: &mut Transaction) -> Result<Claim> {
    let sql = "SELECT holder, since FROM publications WHERE bucket = $1 AND object_key = $2";
    let query = Query::new("look up publication of", location, sql)
        .bind(&location.bucket)
        .bind(&location.key);
    let row = transaction.fetch_optional(&query).await?;
    let row =
        row.ok_or_else(|| Error::not_found("look up publication of", location.to_string()))?;
    match row.parsed_or_null("holder")? {
        Some(by) => Ok(Claim::Held {
            by,
            since: row.time("since")?,
        }),
        // Released between the two statements; asking again succeeds.
        None => Err(Error::new(
            ErrorKind::Unavailable,
            "claim publication of",
            location.to_string(),
            "another publication ended just now",
        )),
    }
}

/// Ends a publication and counts one event of its key.
///
/// # Errors
/// `Conflict` where it was taken over meanwhile.
pub(crate) async fn finish(
    publication: &Publication,
    transaction: &mut Transaction,
) -> Result<u64> {
    let location = &publication.location;
    let sql = "UPDATE publications SET holder = NULL, sequence = sequence + 1 \
               WHERE bucket = $1 AND object_key = $2 AND holder = $3 AND generation = $4 \
               RETURNING sequence";
    let query = Query::new("publish", location, sql)
        .bind(&location.bucket)
        .bind(&location.key)
        .bind(publication.holder)
        .bind(publication.generation);
    match transaction.fetch_optional(&query).await? {
        Some(row) => row.unsigned("sequence"),
        None => Err(Error::new(
            ErrorKind::Conflict,
            "publish",
            location.to_string(),
            "a later upload has taken its place",
        )),
    }
}

/// Gives a publication back without an event; fine where it was taken over meanwhile.
pub(crate) async fn release(
    publication: &Publication,
    transaction: &mut Transaction,
) -> Result<()> {
    let location = &publication.location;
    let sql = "UPDATE publications SET holder = NULL \
               WHERE bucket = $1 AND object_key = $2 AND holder = $3 AND generation = $4";
    let query = Query::new("release publication of", location, sql)
        .bind(&location.bucket)
        .bind(&location.key)
        .bind(publication.holder)
        .bind(publication.generation);
    transaction.execute(&query).await.map(drop)
}

/// Counts one event of a key without a publication.
pub(crate) async fn next_sequence(
    bucket: &str,
    key: &str,
    now: Timestamp,
    transaction: &mut Transaction,
) -> Result<u64> {
    let sql = "INSERT INTO publications \
               (bucket, object_key, generation, sequence, holder, node, since) \
               VALUES ($1, $2, 0, 1, NULL, '', $3) \
               ON CONFLICT (bucket, object_key) DO UPDATE \
               SET sequence = publications.sequence + 1 RETURNING sequence";
    let query = Query::new("number event of", key, sql)
        .bind(bucket)
        .bind(key)
        .bind(now);
    let row = transaction.fetch_optional(&query).await?;
    row.ok_or_else(|| Error::not_found("number event of", key))?
        .unsigned("sequence")
}
