//! A user's session at one channel.

use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use identity::Authenticated;
use model::{BucketName, ErrorKind, ServerId, SessionId, Timestamp, UserId, UserName, VirtualPath};
use storage::{ObjectStore, Stores};
use tokio_util::task::TaskTracker;

use crate::attendance::{Presence, Standing};
use crate::bounds::Bounds;
use crate::gateway::Shared;
use crate::handles::Handles;
use crate::mount::Mounts;
use crate::open_file::{Fate, OpenFiles};
use crate::refusals::Refusals;
use crate::rights::Rights;
use crate::seats::Seat;
use crate::{Error, HandleId, Pace, Peer, Result, Turns};

/// Log lines about odd names that one session may cause.
const MOST_ODD_DIRECTORIES: usize = 100;

/// A user's session at one channel (an SFTP subsystem or an `scp` command).
///
/// Verbs may be called side by side; those on one path are ordered by [`Session::turns`]. Every
/// verb that changes something returns when the change is in the store and its facts are in the
/// database. The verbs stand in files of their own, see `ops`.
#[derive(Debug)]
pub struct Session {
    pub(crate) id: SessionId,
    pub(crate) server: ServerId,
    pub(crate) user: UserName,
    pub(crate) user_id: UserId,
    pub(crate) peer: Peer,
    /// When it began; shown as the time of directories, which object stores do not keep.
    pub(crate) began: Timestamp,
    pub(crate) mounts: Arc<Mounts>,
    /// The buckets as this session reaches them: by the gateway's own credentials, or as the IAM
    /// role that its user's role names.
    pub(crate) stores: Arc<Stores>,
    pub(crate) bounds: Bounds,
    pace: Option<Arc<Pace>>,
    pub(crate) handles: Handles,
    pub(crate) open_files: OpenFiles,
    pub(crate) shared: Arc<Shared>,
    /// Directories whose odd names were logged.
    odd: Mutex<HashSet<VirtualPath>>,
    /// What this session does besides its verbs.
    pub(crate) tasks: TaskTracker,
    turns: Turns,
    pub(crate) standing: Arc<Standing>,
    /// What policy lets it do.
    pub(crate) rights: Arc<Rights>,
    pub(crate) refusals: Refusals,
    place: Mutex<Option<(Seat, Presence)>>,
    /// For verbs that go on when nobody waits for them any more.
    this: Weak<Self>,
}

/// What a session begins with.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) peer: Peer,
    pub(crate) bounds: Bounds,
    pub(crate) rights: Arc<Rights>,
    pub(crate) mounts: Arc<Mounts>,
    pub(crate) stores: Arc<Stores>,
    pub(crate) place: (Seat, Presence),
}

impl Session {
    pub(crate) fn begin(
        authenticated: &Authenticated,
        beginning: Beginning,
        shared: Arc<Shared>,
    ) -> Arc<Self> {
        let user = authenticated.user();
        let Beginning {
            peer,
            bounds,
            rights,
            mounts,
            stores,
            place,
        } = beginning;
        let pace = shared.paces.of(user.id, &bounds.limits);
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            id: SessionId::generate(),
            server: user.server.clone(),
            user: user.name.clone(),
            user_id: user.id,
            peer,
            began: shared.clock.now(),
            mounts,
            stores,
            bounds,
            pace,
            handles: Handles::new(shared.settings.max_handles),
            open_files: OpenFiles::default(),
            shared,
            odd: Mutex::default(),
            tasks: TaskTracker::new(),
            turns: Turns::default(),
            standing: Arc::clone(&place.1.standing),
            rights,
            refusals: Refusals::default(),
            place: Mutex::new(Some(place)),
        })
    }

    /// Its id, as events and audit rows name it.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Whose it is.
    pub fn user(&self) -> &UserName {
        &self.user
    }

    /// Where relative paths begin: `/` for a logical home, `/bucket/prefix` for one by path.
    pub fn working_directory(&self) -> &VirtualPath {
        self.mounts.working_directory()
    }

    /// How fast its user may send and be sent bytes; none where nothing limits that. All of his
    /// sessions on this node share it.
    pub fn pace(&self) -> Option<Arc<Pace>> {
        self.pace.clone()
    }

    /// Waits until the user's right to this session is taken away, and says why in words for
    /// him; none where the session ends before.
    pub async fn revoked(&self) -> Option<&'static str> {
        self.standing.revoked().await
    }

    /// Reads a path as a client sent it; it need not exist.
    ///
    /// # Errors
    /// `Invalid` where it is not UTF-8, holds control characters or is too long.
    pub fn resolve(&self, raw: &[u8]) -> Result<VirtualPath> {
        VirtualPath::parse(raw, self.working_directory())
            .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))
    }

    /// The order of verbs on one path.
    pub fn turns(&self) -> &Turns {
        &self.turns
    }

    /// The path a handle was opened with (or renamed to since).
    ///
    /// # Errors
    /// `Invalid` where there is no such handle.
    pub fn handle_path(&self, handle: HandleId) -> Result<VirtualPath> {
        self.handles.get(handle).map(|handle| handle.file.path())
    }

    /// The connection is gone: what was not CLOSEd is left unfinished, commits in progress are
    /// waited for (bounded), and every handle is released.
    pub async fn end(&self) {
        let reason = "the connection ended before CLOSE";
        let mut open = self.open_files.clear();
        for handle in self.handles.end() {
            self.note_download(&handle.file);
            open.extend(handle.file.removed_file());
        }
        let mut ended = HashSet::new();
        for file in open {
            if !ended.insert(file.transfer.id()) {
                continue;
            }
            let Some(session) = self.this() else {
                continue;
            };
            self.tasks.spawn(async move {
                match file.fate() {
                    Fate::Discard => file.transfer.abandon(reason).await,
                    Fate::Publish | Fate::Rename(..) => {
                        session.leave(&file, reason).await;
                    }
                }
            });
        }
        self.note_untold_refusals();
        self.tasks.close();
        let deadline = self.shared.settings.end_deadline;
        if tokio::time::timeout(deadline, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(session = %self.id, "commits go on behind the end of their session");
        }
        drop(
            self.place
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }

    /// Runs a verb to its end, also where its caller goes away: half a rename helps nobody.
    pub(crate) async fn to_the_end<T, F>(
        &self,
        operation: &str,
        path: &VirtualPath,
        verb: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let broke_off = || {
            let text = format!("{operation} {path}: the session is being closed");
            Error::new(ErrorKind::Internal, text)
        };
        let this = self.this.upgrade().ok_or_else(broke_off)?;
        let ended = self.tasks.spawn(verb(this)).await;
        ended.unwrap_or_else(|error| Err(broke_off().caused_by(error).with_unknown_outcome(true)))
    }

    /// Whether a directory is worth a line in the log: not one that had it, and not without end.
    pub(crate) fn first_time_odd(&self, directory: &VirtualPath) -> bool {
        let mut odd = self.odd.lock().unwrap_or_else(PoisonError::into_inner);
        odd.len() < MOST_ODD_DIRECTORIES && odd.insert(directory.clone())
    }

    /// This session, for what goes on when its caller does not wait.
    pub(crate) fn this(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }

    /// The store that holds a bucket.
    pub(crate) async fn store(
        &self,
        operation: &str,
        path: &VirtualPath,
        bucket: &BucketName,
    ) -> Result<Arc<dyn ObjectStore>> {
        let store = self.stores.bucket(bucket).await;
        store.map_err(|error| Error::store(operation, path, error))
    }

    /// Where uploads into a bucket stage.
    pub(crate) async fn staging(
        &self,
        operation: &str,
        path: &VirtualPath,
        bucket: &BucketName,
    ) -> Result<Arc<dyn ObjectStore>> {
        let store = self.stores.staging(bucket).await;
        store.map_err(|error| Error::store(operation, path, error))
    }
}
