//! `Claimed`: the right to change the object at a key, on this node and among all nodes.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use database::{Claim, ClaimingTransfer, Demand, Publication, PublicationRequest};
use model::{ErrorKind, Location, Timestamp, TransferId};
use tokio::time::Instant;

use crate::transfers::Core;
use crate::{Fence, Transfers};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Why the right to change an object was not granted. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unclaimed {
    /// Somebody else has it, and did not give it back in time.
    #[error("somebody else is changing it; try again")]
    Busy,
    /// The intent of the transfer that asks could not be recorded.
    #[error("its intent could not be recorded")]
    Unrecorded(ErrorKind),
    /// The upload does not fit into its owner's quota: why, in words for him.
    #[error("{0}")]
    Full(String),
    /// The database refuses it or does not answer.
    #[error("the database does not grant it")]
    Database(#[from] database::Error),
}

impl Unclaimed {
    /// What kind of failure this is: `Conflict` where another session goes on with the transfer
    /// that asked, `Exhausted` where its owner's quota is, else `Unavailable`.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Busy => ErrorKind::Unavailable,
            Self::Unrecorded(kind) => *kind,
            Self::Full(_) => ErrorKind::Exhausted,
            Self::Database(error) => error.kind(),
        }
    }

    /// In words that are fit for clients.
    pub fn reason(&self) -> String {
        match self {
            Self::Database(error) if error.kind() == ErrorKind::Conflict => {
                "it was continued by another session".to_owned()
            }
            other => other.to_string(),
        }
    }
}

/// The right to change the object at a key. Nobody else changes it meanwhile: not in this process,
/// and not on another node, unless this one dies or says nothing for
/// [`crate::Settings::stale_claim`].
///
/// Commit what was changed with [`Self::publication`], then call [`Self::committed`]. One that is
/// dropped before is given back, unless [`Self::keep`] says that nobody knows what was changed.
#[derive(Debug)]
#[must_use = "the right is given back when this is dropped"]
pub struct Claimed {
    core: Arc<Core>,
    publication: Publication,
    ended: bool,
    _fence: Fence,
}

impl Transfers {
    /// Waits for the right to change the object at `location`: the one door before every PUT,
    /// completion, copy and delete on a final key.
    ///
    /// # Errors
    /// See [`Unclaimed`].
    pub async fn claim(&self, location: &Location) -> Result<Claimed, Unclaimed> {
        claim(location, TransferId::generate(), None, self.core()).await
    }

    /// The same for several objects, which are claimed in an order that no two callers can block
    /// each other by. The answer is in the order of `locations`; none comes twice in them.
    ///
    /// # Errors
    /// See [`Unclaimed`].
    pub async fn claim_all<const N: usize>(
        &self,
        locations: [&Location; N],
    ) -> Result<[Claimed; N], Unclaimed> {
        let mut order: Vec<usize> = (0..N).collect();
        order.sort_by_key(|index| locations[*index]);
        let mut claimed: [Option<Claimed>; N] = std::array::from_fn(|_| None);
        for index in order {
            claimed[index] = Some(self.claim(locations[index]).await?);
        }
        Ok(claimed.map(|claimed| claimed.expect("each index was filled above")))
    }

    /// The same for the transfer `id`, whose intent is on record: it becomes `publishing`.
    ///
    /// # Errors
    /// `Conflict` where it has ended or its epoch is another one by now; see [`Unclaimed`].
    pub async fn claim_for(
        &self,
        location: &Location,
        id: TransferId,
        epoch: u64,
    ) -> Result<Claimed, Unclaimed> {
        self.claim_fitting(location, id, epoch, None).await
    }

    /// The same where it must fit into its owner's quota.
    pub(crate) async fn claim_fitting(
        &self,
        location: &Location,
        id: TransferId,
        epoch: u64,
        demand: Option<Demand>,
    ) -> Result<Claimed, Unclaimed> {
        let transfer = ClaimingTransfer {
            epoch,
            intent: None,
            demand,
        };
        claim(location, id, Some(transfer), self.core()).await
    }
}

/// Raises the fence of this process, then waits for the one in the database.
pub(crate) async fn claim(
    location: &Location,
    holder: TransferId,
    transfer: Option<ClaimingTransfer>,
    core: &Arc<Core>,
) -> Result<Claimed, Unclaimed> {
    let fence = core.fences.raise(location).await;
    let publication = grant(location, holder, transfer, core).await?;
    Ok(Claimed {
        core: Arc::clone(core),
        publication,
        ended: false,
        _fence: fence,
    })
}

async fn grant(
    location: &Location,
    holder: TransferId,
    transfer: Option<ClaimingTransfer>,
    core: &Core,
) -> Result<Publication, Unclaimed> {
    let deadline = Instant::now() + core.settings.claim_deadline;
    let mut pause = FIRST_PAUSE;
    loop {
        let now = core.clock.now();
        let request = PublicationRequest {
            location: location.clone(),
            holder,
            node: core.settings.node,
            now,
            stale_before: before(now, core.settings.stale_claim),
            transfer: transfer.clone(),
        };
        let (by, since) = match core.database.writer().claim_publication(request).await? {
            Claim::Granted(publication) => return Ok(publication),
            Claim::Full(why) => return Err(Unclaimed::Full(why)),
            Claim::Held { by, since } => (by, since),
        };
        if Instant::now() + pause >= deadline {
            tracing::warn!(%location, %by, since = since.as_seconds(), "a key is held too long");
            return Err(Unclaimed::Busy);
        }
        tokio::time::sleep(jittered(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

impl Claimed {
    /// What a commit of the change is to carry.
    pub fn publication(&self) -> &Publication {
        &self.publication
    }

    /// The object.
    pub fn location(&self) -> &Location {
        &self.publication.location
    }

    /// Runs work that may take long, and says meanwhile that it goes on, so that nobody takes over.
    pub fn during<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        let every = self.core.settings.stale_claim / 3;
        let mut work = Box::pin(work);
        async move {
            loop {
                match tokio::time::timeout(every, &mut work).await {
                    Ok(done) => return done,
                    Err(_) => self.renew().await,
                }
            }
        }
    }

    /// Asks for the same right once more, behind whoever has taken it over meanwhile; for the
    /// transfer that holds it, in this epoch.
    pub(crate) async fn reclaim(&mut self, epoch: u64) -> Result<(), Unclaimed> {
        let transfer = ClaimingTransfer {
            epoch,
            intent: None,
            demand: None,
        };
        let (location, holder) = (self.publication.location.clone(), self.publication.holder);
        self.publication = grant(&location, holder, Some(transfer), &self.core).await?;
        Ok(())
    }

    async fn renew(&self) {
        let now = self.core.clock.now();
        let writer = self.core.database.writer();
        match writer
            .renew_publication(self.publication.clone(), now)
            .await
        {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(location = %self.location(), holder = %self.publication.holder,
                "somebody else has taken over the change of an object")
            }
            Err(error) => {
                tracing::warn!(location = %self.location(), %error, "cannot renew a claim")
            }
        }
    }

    /// The change was committed with [`Self::publication`], or that was given back with a commit.
    pub fn committed(mut self) {
        self.ended = true;
    }

    /// Gives the right back, and returns when others can have it.
    pub async fn give_back(mut self) {
        self.ended = true;
        give_back(Arc::clone(&self.core), self.publication.clone()).await;
    }

    /// Nobody knows whether the object was changed: the key stays closed to others until the
    /// claim is stale, so that a late change does not meet one of theirs.
    pub fn keep(mut self) {
        self.ended = true;
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (core, publication) = (Arc::clone(&self.core), self.publication.clone());
        let tasks = core.tasks.clone();
        // Outside of a runtime there is nobody left to wait for the key either.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            tasks.spawn_on(give_back(core, publication), &runtime);
        }
    }
}

async fn give_back(core: Arc<Core>, publication: Publication) {
    let location = publication.location.clone();
    if let Err(error) = core
        .database
        .writer()
        .release_publication(publication)
        .await
    {
        tracing::warn!(%location, %error, "cannot give a key back; it is free when that is stale");
    }
}

/// `length` before `now`.
pub(crate) fn before(now: Timestamp, length: Duration) -> Timestamp {
    let length = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.as_micros().saturating_sub(length))
}

/// Between half of it and all of it, so that waiters do not come in step.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    let share = (random % 1024) as u32;
    pause / 2 + pause / 2048 * share
}
