//! `StagingArea`: the staging objects of one upload.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{ErrorKind, ObjectKey};

use super::gate::Gate;
use super::multipart::Multipart;
use super::settings::Staging;
use crate::{Error, PutOptions, Result};

/// What stands in staging, by name.
#[derive(Debug)]
pub(super) struct StagingArea {
    place: Option<Staging>,
    options: PutOptions,
    gate: Arc<Gate>,
    pieces: Mutex<BTreeMap<String, Arc<Multipart>>>,
}

impl StagingArea {
    pub(super) fn new(place: Option<Staging>, options: PutOptions, gate: Arc<Gate>) -> Self {
        Self {
            place,
            options,
            gate,
            pieces: Mutex::default(),
        }
    }

    /// The piece of this name, new if there was none.
    ///
    /// # Errors
    /// `Unsupported` where there is no staging.
    pub(super) fn piece(&self, name: &str) -> Result<Arc<Multipart>> {
        let Some(Staging { store, prefix }) = &self.place else {
            let reason = "an upload of this size needs a staging area, and none is configured";
            return Err(Error::new(ErrorKind::Unsupported, "stage", name, reason));
        };
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(piece) = pieces.get(name) {
            return Ok(piece.clone());
        }
        let key = ObjectKey::parse(format!("{prefix}{name}")).map_err(|error| {
            Error::new(
                ErrorKind::Invalid,
                "stage",
                name,
                "the staging key is too long",
            )
            .caused_by(error)
        })?;
        let piece = Multipart::new(store.clone(), key, self.options.clone(), self.gate.clone());
        let piece = Arc::new(piece);
        pieces.insert(name.to_owned(), piece.clone());
        Ok(piece)
    }

    /// Removes everything that stands in staging.
    pub(super) async fn clear(&self) {
        let pieces =
            std::mem::take(&mut *self.pieces.lock().unwrap_or_else(PoisonError::into_inner));
        for piece in pieces.values() {
            piece.discard().await;
        }
    }
}
