//! `StagingArea`: the staging objects of one upload.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{ErrorKind, ObjectKey};

use super::discard;
use super::gate::Gate;
use super::ledger::Ledger;
use super::multipart::Multipart;
use super::settings::Staging;
use crate::fetch::Original;
use crate::{Body, Error, Pin, PutOptions, Result};

/// How often a tail is put whose reply was lost.
const TAIL_TRIES: u32 = 3;

/// What stands in staging, by name.
#[derive(Debug)]
pub(super) struct StagingArea {
    place: Option<Staging>,
    options: PutOptions,
    gate: Arc<Gate>,
    ledger: Arc<Ledger>,
    pieces: Mutex<BTreeMap<String, Arc<Multipart>>>,
    tails: Mutex<Tails>,
}

/// The tail objects.
#[derive(Debug, Default)]
struct Tails {
    /// Those that may stand there.
    names: BTreeSet<String>,
    /// What another process put there is found by listing only.
    unknown: bool,
}

impl StagingArea {
    pub(super) fn new(
        place: Option<Staging>,
        options: PutOptions,
        gate: Arc<Gate>,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            place,
            options,
            gate,
            ledger,
            pieces: Mutex::default(),
            tails: Mutex::default(),
        }
    }

    /// Where it is.
    ///
    /// # Errors
    /// `Unsupported` where there is no staging.
    pub(super) fn place(&self, name: &str) -> Result<&Staging> {
        self.place.as_ref().ok_or_else(|| {
            let reason = "this needs a staging area, and none is configured";
            Error::new(ErrorKind::Unsupported, "stage", name, reason)
        })
    }

    /// Whether there is one.
    pub(super) fn is_there(&self) -> bool {
        self.place.is_some()
    }

    fn key(&self, name: &str) -> Result<ObjectKey> {
        let prefix = &self.place(name)?.prefix;
        ObjectKey::parse(format!("{prefix}{name}")).map_err(|error| {
            let reason = "the staging key is too long";
            Error::new(ErrorKind::Invalid, "stage", name, reason).caused_by(error)
        })
    }

    /// The piece of this name, new if there was none.
    ///
    /// # Errors
    /// `Unsupported` where there is no staging.
    pub(super) fn piece(&self, name: &str) -> Result<Arc<Multipart>> {
        if let Some(piece) = self.pieces().get(name) {
            return Ok(piece.clone());
        }
        let piece = Arc::new(self.new_piece(name)?);
        let mut pieces = self.pieces();
        Ok(pieces.entry(name.to_owned()).or_insert(piece).clone())
    }

    /// The piece of this name, if there is one.
    pub(super) fn find(&self, name: &str) -> Option<Arc<Multipart>> {
        self.pieces().get(name).cloned()
    }

    /// A piece of this name that is not known yet: see [`Self::adopt`].
    pub(super) fn new_piece(&self, name: &str) -> Result<Multipart> {
        Ok(Multipart::new(
            self.place(name)?.store.clone(),
            self.key(name)?,
            self.options.clone(),
            self.gate.clone(),
            self.ledger.clone(),
            Some(name.to_owned()),
        ))
    }

    /// Takes up a piece that another process began.
    pub(super) fn adopt(&self, name: &str, piece: Multipart) {
        self.pieces().insert(name.to_owned(), Arc::new(piece));
    }

    /// Puts a tail object of these bytes. Idempotent: the name is used but once, and a lost reply
    /// is asked for again.
    pub(super) async fn put_tail(&self, body: Body) -> Result<Original> {
        let name = format!("tail-{:016x}", rand::random::<u64>());
        let (store, key) = (self.place(&name)?.store.clone(), self.key(&name)?);
        self.gate.pass().await?;
        self.tails().names.insert(name);
        let mut tries = 0;
        let written = loop {
            tries += 1;
            match store.put(&key, body.clone(), &self.options).await {
                Err(error) if error.outcome_unknown() && tries < TAIL_TRIES => {}
                other => break other?,
            }
        };
        let pin = Pin {
            etag: written.etag,
            version: written.version,
        };
        Ok(Original { store, key, pin })
    }

    /// The tail object of this name, if it stands there as it was put.
    pub(super) async fn find_tail(&self, name: &str, pin: &Pin) -> Result<Option<Original>> {
        let (store, key) = (self.place(name)?.store.clone(), self.key(name)?);
        self.tails().names.insert(name.to_owned());
        match store.head(&key).await {
            Ok(head) if head.pin() == *pin => Ok(Some(Original {
                store,
                key,
                pin: pin.clone(),
            })),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The name of what stands at `key`.
    pub(super) fn name_of<'a>(&self, key: &'a ObjectKey) -> Option<&'a str> {
        key.as_str().strip_prefix(&self.place.as_ref()?.prefix)
    }

    /// Other processes may have put something there that is not known here.
    pub(super) fn has_unknown(&self) {
        self.tails().unknown = true;
    }

    /// Deletes the tail objects but these.
    pub(super) async fn keep_tails(&self, needed: &BTreeSet<String>) {
        let old: Vec<String> = self.tails().names.difference(needed).cloned().collect();
        for name in old {
            let (Ok(place), Ok(key)) = (self.place(&name), self.key(&name)) else {
                continue;
            };
            match place.store.delete(&key, None).await {
                Ok(()) => drop(self.tails().names.remove(&name)),
                Err(error) => tracing::warn!(%key, %error, "old tail not removed"),
            }
        }
    }

    fn pieces(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Multipart>>> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tails(&self) -> MutexGuard<'_, Tails> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes everything that stands in staging.
    pub(super) async fn clear(&self) {
        let pieces = std::mem::take(&mut *self.pieces());
        for piece in pieces.values() {
            piece.discard().await;
        }
        self.keep_tails(&BTreeSet::new()).await;
        let unknown = std::mem::take(&mut self.tails().unknown);
        if let Some(place) = self.place.as_ref().filter(|_| unknown)
            && let Err(error) = discard::clear(place).await
        {
            tracing::warn!(prefix = place.prefix, %error, "staging not cleared");
        }
    }
}
