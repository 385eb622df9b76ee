//! The bytes of one file of a source, in order, and whether they are of one state.

use async_trait::async_trait;
use bytes::Bytes;
use storage::ObjectHead;
use transfer::Attributes;

use crate::Result;

/// An open file.
#[async_trait]
pub trait Content: Send {
    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// `Conflict` where it changed, and what the source fails with.
    async fn next(&mut self) -> Result<Option<Vec<Bytes>>>;

    /// Whether it is still as it was when it was found; asked once it was read.
    ///
    /// # Errors
    /// What the source fails with.
    async fn is_unchanged(&mut self) -> Result<bool>;

    /// What is to be set of it at its target, where that is more than the walk knew.
    fn attributes(&self) -> Option<Attributes> {
        None
    }

    /// What the object says of itself, where it is one: kept at the target.
    fn head(&self) -> Option<&ObjectHead> {
        None
    }

    /// Gives it back.
    async fn close(self: Box<Self>) {}
}
