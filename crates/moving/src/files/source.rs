//! The port that every source is behind.

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::content::Content;
use super::item::{Found, Item};
use crate::Result;

/// Where files come from.
#[async_trait]
pub trait Source: Send + Sync + std::fmt::Debug + 'static {
    /// Tells everything that there is, directories before what is in them, and waits while `found`
    /// is full. What cannot be looked at is told as that, and the walk goes on.
    ///
    /// # Errors
    /// Where the beginning itself cannot be looked at, or the source is lost on the way.
    async fn walk(&self, found: mpsc::Sender<Found>) -> Result<()>;

    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound` where it has gone meanwhile, and what the source fails with.
    async fn open(&self, item: &Item) -> Result<Box<dyn Content>>;
}

/// The walk was given up, since nobody listens any more.
pub(crate) async fn tell(found: &mpsc::Sender<Found>, what: Found) -> bool {
    found.send(what).await.is_ok()
}

/// A name below a directory, which is empty for the beginning.
pub(crate) fn below(directory: &[u8], name: &[u8]) -> Vec<u8> {
    match directory {
        [] => name.to_vec(),
        directory => [directory, b"/", name].concat(),
    }
}
