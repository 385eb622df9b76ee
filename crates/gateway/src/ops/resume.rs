//! OPEN for writing of a file that its owner left unfinished, or closed under a temporary name.

use std::sync::Arc;

use database::PrivateFile;
use model::{ErrorKind, VirtualPath};
use storage::{Download, DownloadSettings, Metadata, ObjectHead, ObjectStore, Placement};
use transfer::{Condition, Leaving, Left, Resumed};

use crate::handles::FileHandle;
use crate::open_file::OpenFile;
use crate::overlay::{Overlaid, unfinished};
use crate::place::Place;
use crate::reading::Reading;
use crate::rights::Grant;
use crate::settings::Unfinished;
use crate::{Error, HandleId, OpenOptions, Result, Session};

const OPERATION: &str = "open";

impl Session {
    /// Goes on with what stands at a place for its owner alone.
    pub(crate) async fn continue_file(
        &self,
        place: Place,
        overlaid: &Overlaid,
        options: &OpenOptions,
        store: &Arc<dyn ObjectStore>,
    ) -> Result<Arc<OpenFile>> {
        let placement = match (overlaid, options.read) {
            (Overlaid::Unfinished(file), true) => {
                return Err(unfinished("open for reading", &place.path, file));
            }
            (Overlaid::Temporary(_), true) => Placement::Staged,
            (_, false) => Placement::Direct,
        };
        let file = overlaid.file();
        self.check_base(&place, file, store).await?;
        let declared = options.attributes.size;
        let most = self.room(&place, declared, Some(file.id())).await?;
        let resumed = self.resume(&place, file, placement).await?;
        let condition = match resumed.condition {
            Condition::Any if !place.may_replace() => Condition::Absent,
            condition => condition,
        };
        tracing::info!(session = %self.id, user = %self.user, transfer = %resumed.transfer.id(), path = %place.path, safe = resumed.transfer.len(), "upload continued");
        let opened = self.shared.clock.now();
        let (transfer, attributes) = (resumed.transfer, resumed.attributes);
        let file = OpenFile::new(place, transfer, condition, attributes, opened);
        Ok(Arc::new(file.bounded(most)))
    }

    pub(crate) async fn resume(
        &self,
        place: &Place,
        file: &PrivateFile,
        placement: Placement,
    ) -> Result<Resumed> {
        let intent = self.intent(place)?;
        let (transfers, stores) = (&self.shared.transfers, &self.stores);
        let resumed = transfers.resume(file, intent, placement, stores).await;
        resumed.map_err(|error| Error::transfer(OPERATION, &place.path, error))
    }

    /// An upload that began from older content is published only onto that; where it is gone
    /// there is no use in sending more.
    async fn check_base(
        &self,
        place: &Place,
        file: &PrivateFile,
        store: &Arc<dyn ObjectStore>,
    ) -> Result<()> {
        let Some(base) = &file.transfer.intent.base_etag else {
            return Ok(());
        };
        let standing = self.look_for_file(OPERATION, place, &**store).await?;
        if standing.is_some_and(|head| head.etag == *base) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "{OPERATION} {}: the file that this upload adds to was changed meanwhile; remove the unfinished upload and begin anew",
                place.path
            ),
        ))
    }

    /// Leaves a file unfinished that cannot be published, as the settings say.
    pub(crate) async fn leave(&self, file: &OpenFile, reason: &str) -> Left {
        if let Some(why) = file.refused() {
            file.transfer.abandon(why).await;
            return Left::Nothing;
        }
        match self.shared.settings.unfinished {
            Unfinished::Discard => {
                file.transfer.abandon(reason).await;
                Left::Nothing
            }
            Unfinished::Resume => file.transfer.detach(leaving(file, reason)).await,
        }
    }

    /// The same in the background.
    pub(crate) fn leave_soon(&self, file: Arc<OpenFile>, reason: &'static str) {
        let Some(session) = self.this() else {
            return;
        };
        self.tasks.spawn(async move {
            session.leave(&file, reason).await;
        });
    }

    /// Opens a closed temporary file for reading, where it waits.
    pub(crate) async fn read_temporary(
        &self,
        place: Place,
        file: PrivateFile,
        grant: Grant,
    ) -> Result<HandleId> {
        let Some(staged) = &file.staged else {
            return Err(unfinished("open for reading", &place.path, &file));
        };
        let path = place.path.clone();
        let store = self
            .store(OPERATION, &path, &staged.location.bucket)
            .await?;
        let head = ObjectHead {
            size: staged.object.size,
            etag: staged.object.etag.clone(),
            version: staged.object.version.clone(),
            last_modified: staged.object.finished,
            metadata: Metadata::new(),
            content_type: None,
        };
        let (key, settings) = (staged.location.key.clone(), self.download_settings());
        let opened = Download::open(store, key, Some(head), settings).await;
        let download = opened.map_err(|error| Error::store(OPERATION, &path, error))?;
        let attributes = self.overlaid(&Overlaid::Temporary(Box::new(file)));
        let reading = Reading::private(place, download, attributes);
        let handle = FileHandle::Reading(Box::new(reading));
        self.handles.insert(&path, handle, grant)
    }

    pub(crate) fn download_settings(&self) -> DownloadSettings {
        DownloadSettings {
            max_window: self.shared.settings.read_ahead,
            ..DownloadSettings::new(self.shared.transfers.buffers())
        }
    }

    /// Where the client said how long the file is, it is not published with fewer bytes: it stays
    /// unfinished.
    pub(crate) async fn check_complete(&self, file: &OpenFile, path: &VirtualPath) -> Result<()> {
        let len = file.transfer.len();
        let Some(declared) = file.transfer.declared().filter(|declared| len < *declared) else {
            return Ok(());
        };
        if !self.shared.settings.completeness {
            return Ok(());
        }
        let reason = format!("{len} of the {declared} bytes that were declared have come");
        file.transfer.detach(leaving(file, &reason)).await;
        Err(Error::new(
            ErrorKind::Invalid,
            format!("close {path}: {reason}; it is kept unfinished, continue it"),
        ))
    }
}

fn leaving(file: &OpenFile, reason: &str) -> Leaving {
    Leaving {
        reason: reason.to_owned(),
        attributes: file.attributes(),
        path: file.path(),
    }
}
