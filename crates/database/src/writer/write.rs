//! The writes themselves, as statements of a transaction. Each can be repeated without harm.

use model::{ErrorKind, Event, Location, Timestamp, TransferId, UserId};

use super::moving::MoveWrite;
use super::private::PrivateWrite;
use super::queue::Class;
use crate::engine::Transaction;
use crate::holdings::{self, Ledger};
use crate::transfers::Ended;
use crate::{
    Attributes, AuditEntry, Claim, CompletedUpload, Error, NewTransfer, PrivateId, PrivateRemoval,
    Publication, PublicationRequest, Result, TransferState, attributes, audit, events,
    private_changes, publications, transfers, unattended,
};

/// An upload whose object stands, to be committed.
#[derive(Debug, Clone)]
pub struct UploadCommit {
    /// Which transfer.
    pub transfer: TransferId,
    /// Its epoch, as its session knows it: where another one went on with it, this fails.
    pub epoch: u64,
    /// Where the object stands: the intent's place, or another since it was renamed.
    pub location: Location,
    /// The right under which it was put there.
    pub publication: Option<Publication>,
    /// What the store said of it.
    pub completed: CompletedUpload,
    /// What the client set. Older attributes at the key go in any case.
    pub attributes: Option<Attributes>,
    /// For the audit log.
    pub audit: AuditEntry,
    /// For everybody else. Its bucket and key are the location's.
    pub event: Event,
    /// Nobody is told: the event says whose the object is, and is not sent.
    pub silent: bool,
}

/// The end of a transfer without an object.
#[derive(Debug, Clone)]
pub struct TransferFailure {
    /// Which transfer.
    pub transfer: TransferId,
    /// Its epoch, as its session knows it.
    pub epoch: u64,
    /// Whether the store may still hold parts of it (failed, and its sweeper looks) or holds
    /// none (given up).
    pub aborted: bool,
    /// Why, fit for the user who looks at his transfers.
    pub error: String,
    /// When.
    pub finished: Timestamp,
    /// A publication to give back.
    pub publication: Option<Publication>,
    /// For the audit log.
    pub audit: Option<AuditEntry>,
    /// For everybody else.
    pub event: Option<Event>,
}

/// An object that was removed.
#[derive(Debug, Clone)]
pub struct ObjectRemoval {
    /// Where it stood.
    pub location: Location,
    /// What is set of a directory that stands there from now on.
    pub attributes: Option<Attributes>,
    /// The right under which it was removed.
    pub publication: Option<Publication>,
    /// For the audit log.
    pub audit: AuditEntry,
    /// For everybody else.
    pub event: Option<Event>,
}

/// An object that has another key.
#[derive(Debug, Clone)]
pub struct ObjectRename {
    /// Where it stood.
    pub from: Location,
    /// Where it stands.
    pub to: Location,
    /// What the client set of it, for its new place.
    pub attributes: Option<Attributes>,
    /// The rights under which both keys were changed.
    pub publications: Vec<Publication>,
    /// For the audit log.
    pub audit: AuditEntry,
    /// For everybody else. Its bucket and key are the new ones.
    pub event: Option<Event>,
}

/// One write, large ones boxed.
#[derive(Debug)]
pub(crate) enum Write {
    Begin(Box<NewTransfer>),
    SetUploadId(TransferId, String),
    Private(Box<PrivateWrite>),
    Claim(Box<PublicationRequest>),
    RenewClaim(Publication, Timestamp),
    Withdraw(PrivateId),
    Release(Publication),
    Commit(Box<UploadCommit>),
    Fail(Box<TransferFailure>),
    SetAttributes(Box<(Attributes, Option<AuditEntry>)>),
    Remove(Box<ObjectRemoval>),
    Rename(Box<ObjectRename>),
    Record(Box<(Option<AuditEntry>, Option<Event>)>),
    Move(Box<MoveWrite>),
}

impl From<MoveWrite> for Write {
    fn from(write: MoveWrite) -> Self {
        Self::Move(Box::new(write))
    }
}

/// What came of a write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Done,
    Claim(Claim),
    Sequence(u64),
    /// Rows that changed.
    Count(u64),
    Adopted(bool),
}

impl Write {
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Claim(_)
            | Self::Release(_)
            | Self::Commit(_)
            | Self::Remove(_)
            | Self::Rename(_) => Class::Commit,
            Self::Begin(_)
            | Self::SetUploadId(..)
            | Self::RenewClaim(..)
            | Self::Withdraw(_)
            | Self::Private(_)
            | Self::Fail(_)
            | Self::SetAttributes(_) => Class::Intent,
            Self::Move(write) => match &**write {
                MoveWrite::End(_) => Class::Commit,
                _ => Class::Intent,
            },
            Self::Record(_) => Class::Record,
        }
    }

    /// What it is about, for errors.
    pub(crate) fn object(&self) -> String {
        match self {
            Self::Begin(new) => new.path.clone(),
            Self::SetUploadId(transfer, _) => transfer.to_string(),
            Self::Private(write) => write.object(),
            Self::Withdraw(file) => file.transfer.to_string(),
            Self::Claim(request) => request.location.to_string(),
            Self::RenewClaim(publication, _) | Self::Release(publication) => {
                publication.location.to_string()
            }
            Self::Commit(commit) => commit.location.to_string(),
            Self::Fail(failure) => failure.transfer.to_string(),
            Self::SetAttributes(set) => set.0.location.to_string(),
            Self::Remove(removal) => removal.location.to_string(),
            Self::Rename(rename) => rename.to.to_string(),
            Self::Move(write) => write.object(),
            Self::Record(record) => match &**record {
                (Some(audit), _) => audit.action.clone(),
                (None, Some(event)) => event.kind.as_str().to_owned(),
                (None, None) => "nothing".to_owned(),
            },
        }
    }

    /// The key whose rows it locks.
    pub(crate) fn key(&self) -> Option<(&str, &str)> {
        let location = match self {
            Self::Begin(_)
            | Self::SetUploadId(..)
            | Self::Withdraw(_)
            | Self::Private(_)
            | Self::Fail(_) => return None,
            Self::Claim(request) => &request.location,
            Self::RenewClaim(publication, _) | Self::Release(publication) => &publication.location,
            Self::Commit(commit) => &commit.location,
            Self::SetAttributes(set) => &set.0.location,
            Self::Remove(removal) => &removal.location,
            Self::Rename(rename) => std::cmp::min(&rename.from, &rename.to),
            Self::Move(write) => return write.key(),
            Self::Record(record) => {
                let event = record.1.as_ref()?;
                return Some((event.bucket.as_deref()?, event.key.as_deref()?));
            }
        };
        Some((location.bucket.as_str(), location.key.as_str()))
    }

    /// Whose objects it changes, as far as it says so itself.
    pub(crate) fn owner(&self) -> Option<UserId> {
        match self {
            Self::Claim(request) => {
                let demand = request.transfer.as_ref()?.demand.as_ref();
                demand.map(|demand| demand.owner)
            }
            Self::Commit(commit) => commit.event.user_id,
            Self::Remove(removal) => removal.audit.user_id,
            Self::Rename(rename) => rename.audit.user_id,
            Self::Move(write) => write.owner(),
            _ => None,
        }
    }

    /// Whether it succeeds only where something fits into a quota.
    pub(crate) fn is_bounded(&self) -> bool {
        matches!(self, Self::Claim(_)) && self.owner().is_some()
    }

    pub(crate) async fn apply(
        &self,
        ledger: &mut Ledger,
        transaction: &mut Transaction,
    ) -> Result<Written> {
        match self {
            Self::Begin(new) => transfers::begin(new, transaction).await?,
            Self::SetUploadId(transfer, upload) => {
                transfers::set_upload_id(*transfer, upload, transaction).await?;
            }
            Self::Private(write) => return write.apply(transaction).await,
            Self::Withdraw(file) => unattended::withdraw(*file, transaction).await?,
            Self::Claim(request) => {
                let claim = publications::claim(request, transaction).await?;
                return Ok(Written::Claim(claim));
            }
            Self::RenewClaim(publication, now) => {
                let renewed = publications::renew(publication, *now, transaction).await?;
                return Ok(Written::Count(u64::from(renewed)));
            }
            Self::Release(publication) => publications::release(publication, transaction).await?,
            Self::Commit(commit) => return commit.apply(ledger, transaction).await,
            Self::Fail(failure) => failure.apply(transaction).await?,
            Self::SetAttributes(set) => {
                let (row, audit) = &**set;
                attributes::set(row, transaction).await?;
                note(audit.as_ref(), None, transaction).await?;
            }
            Self::Remove(removal) => return removal.apply(ledger, transaction).await,
            Self::Rename(rename) => return rename.apply(ledger, transaction).await,
            Self::Move(write) => return write.apply(ledger, transaction).await,
            Self::Record(record) => {
                let (audit, event) = &**record;
                note(audit.as_ref(), event.as_ref(), transaction).await?;
            }
        }
        Ok(Written::Done)
    }
}

impl UploadCommit {
    async fn apply(&self, ledger: &mut Ledger, transaction: &mut Transaction) -> Result<Written> {
        let ended = transfers::complete(
            self.transfer,
            self.epoch,
            &self.location,
            &self.completed,
            transaction,
        )
        .await?;
        if ended == Ended::Before {
            let sequence = events::sequence_of(self.event.id, transaction).await?;
            return Ok(Written::Sequence(sequence.unwrap_or(0)));
        }
        let publication = self.publication.as_ref();
        let sequence = number(&self.location, publication, self.event.time, transaction).await?;
        self.discard_private(transaction).await?;
        self.count(ledger, transaction).await?;
        match &self.attributes {
            Some(set) => attributes::set(set, transaction).await?,
            None => attributes::remove(&self.location, transaction).await?,
        }
        audit::insert(&self.audit, transaction).await?;
        if !self.silent {
            events::insert(&self.event, sequence, transaction).await?;
        }
        Ok(Written::Sequence(sequence))
    }
}

impl UploadCommit {
    async fn count(&self, ledger: &mut Ledger, transaction: &mut Transaction) -> Result<()> {
        let (location, upload) = (&self.location, &self.completed);
        match self.event.user_id {
            Some(owner) => {
                let (size, now) = (upload.size, upload.finished);
                holdings::place(location, owner, size, now, ledger, transaction).await
            }
            None => holdings::remove(location, ledger, transaction).await,
        }
    }

    /// The last CLOSE counts: what its owner left unfinished at the same place is given up.
    async fn discard_private(&self, transaction: &mut Transaction) -> Result<()> {
        let Some(owner) = self.event.user_id else {
            return Ok(());
        };
        let removal = PrivateRemoval {
            owner,
            location: self.location.clone(),
            now: self.completed.finished,
            audit: None,
        };
        let but = Some(self.transfer);
        private_changes::discard(&removal, but, transaction).await?;
        Ok(())
    }
}

impl TransferFailure {
    async fn apply(&self, transaction: &mut Transaction) -> Result<()> {
        let state = match self.aborted {
            true => TransferState::Aborted,
            false => TransferState::Failed,
        };
        transfers::fail(
            self.transfer,
            self.epoch,
            state,
            &self.error,
            self.finished,
            transaction,
        )
        .await?;
        if let Some(publication) = &self.publication {
            publications::release(publication, transaction).await?;
        }
        note(self.audit.as_ref(), self.event.as_ref(), transaction).await
    }
}

impl ObjectRemoval {
    async fn apply(&self, ledger: &mut Ledger, transaction: &mut Transaction) -> Result<Written> {
        if let Some(done) = audit::done(&self.audit, self.event.as_ref(), transaction).await? {
            return Ok(Written::Sequence(done));
        }
        let publication = self.publication.as_ref();
        let time = self.audit.time;
        let sequence = match number(&self.location, publication, time, transaction).await {
            Ok(sequence) => sequence,
            Err(error) => {
                return done_or(error, &self.audit, self.event.as_ref(), transaction).await;
            }
        };
        attributes::remove(&self.location, transaction).await?;
        holdings::remove(&self.location, ledger, transaction).await?;
        if let Some(set) = &self.attributes {
            attributes::set(set, transaction).await?;
        }
        audit::insert(&self.audit, transaction).await?;
        if let Some(event) = &self.event {
            events::insert(event, sequence, transaction).await?;
        }
        Ok(Written::Sequence(sequence))
    }
}

impl ObjectRename {
    pub(super) async fn apply(
        &self,
        ledger: &mut Ledger,
        transaction: &mut Transaction,
    ) -> Result<Written> {
        if let Some(done) = audit::done(&self.audit, self.event.as_ref(), transaction).await? {
            return Ok(Written::Sequence(done));
        }
        let mut sequence = None;
        let mut publications: Vec<_> = self.publications.iter().collect();
        publications.sort_by(|one, other| one.location.cmp(&other.location));
        for publication in publications {
            let number = match publications::finish(publication, transaction).await {
                Ok(number) => number,
                Err(error) => {
                    return done_or(error, &self.audit, self.event.as_ref(), transaction).await;
                }
            };
            if publication.location == self.to {
                sequence = Some(number);
            }
        }
        attributes::remove(&self.from, transaction).await?;
        holdings::rename(&self.from, &self.to, ledger, transaction).await?;
        match &self.attributes {
            Some(set) => attributes::set(set, transaction).await?,
            None => attributes::remove(&self.to, transaction).await?,
        }
        audit::insert(&self.audit, transaction).await?;
        match (&self.event, sequence) {
            (Some(event), Some(sequence)) => events::insert(event, sequence, transaction).await?,
            (Some(event), None) => events::append(event, transaction).await?,
            (None, _) => {}
        }
        Ok(Written::Sequence(sequence.unwrap_or(0)))
    }
}

/// A publication that is over may be so because this very change ended it: its first attempt was
/// still being committed when this one looked for it, and is by now.
async fn done_or(
    error: Error,
    audit: &AuditEntry,
    event: Option<&Event>,
    transaction: &mut Transaction,
) -> Result<Written> {
    if error.kind() != ErrorKind::Conflict {
        return Err(error);
    }
    match audit::done(audit, event, transaction).await? {
        Some(sequence) => Ok(Written::Sequence(sequence)),
        None => Err(error),
    }
}

/// Numbers the change of a key: the end of its publication where there is one.
async fn number(
    location: &Location,
    publication: Option<&Publication>,
    now: Timestamp,
    transaction: &mut Transaction,
) -> Result<u64> {
    if let Some(publication) = publication {
        return publications::finish(publication, transaction).await;
    }
    let (bucket, key) = (location.bucket.as_str(), location.key.as_str());
    publications::next_sequence(bucket, key, now, transaction).await
}

pub(super) async fn note(
    audit: Option<&AuditEntry>,
    event: Option<&Event>,
    transaction: &mut Transaction,
) -> Result<()> {
    if let Some(audit) = audit {
        audit::insert(audit, transaction).await?;
    }
    if let Some(event) = event {
        events::append(event, transaction).await?;
    }
    Ok(())
}
