//! How an upload begins: from what, where to, and what its client said of it.

use std::sync::Arc;

use database::{Opening, SetAttributes};
use model::{BucketName, Location, ObjectKey, TransferId};
use storage::{Base, ObjectStore, Placement};

use crate::Attributes;

/// How an upload begins.
#[derive(Debug, Clone, Default)]
pub struct Beginning {
    /// The content that it begins from; none: from nothing.
    pub base: Option<Base>,
    /// Where its parts go as they fill.
    pub placement: Placement,
    /// The bucket that it stages in; none: the one that it goes to.
    pub staging: Option<Arc<dyn ObjectStore>>,
    /// It has a temporary name: its object waits in staging until it is renamed.
    pub temporary: bool,
    /// What its owner left unfinished at the same place, or closed there under a temporary name,
    /// is given up.
    pub replaces: bool,
    /// The size in bytes that the client declared.
    pub declared: Option<u64>,
    /// It is published only where nothing stands.
    pub absent: bool,
    /// What the client set.
    pub attributes: Attributes,
}

impl Beginning {
    /// As its row has it; a temporary file waits at `key` in `bucket`.
    pub(crate) fn opening(&self, bucket: &BucketName, key: &ObjectKey) -> Opening {
        Opening {
            staging: self.temporary.then(|| Location {
                bucket: bucket.clone(),
                key: key.clone(),
            }),
            replaces: self.replaces,
            declared: self.declared,
            absent: self.absent,
            set: self.attributes.into(),
        }
    }
}

impl From<Attributes> for SetAttributes {
    fn from(set: Attributes) -> Self {
        Self {
            mtime: set.mtime,
            atime: set.atime,
            mode: set.mode,
        }
    }
}

impl From<SetAttributes> for Attributes {
    fn from(set: SetAttributes) -> Self {
        Self {
            mtime: set.mtime,
            atime: set.atime,
            mode: set.mode,
        }
    }
}

/// Where everything stands that belongs to a transfer and that no client sees.
pub(crate) fn staging_prefix(transfer: TransferId) -> String {
    format!(".pierhead/staging/{transfer}/")
}

/// Where the pieces of its upload stand: apart from the object of a temporary file, which
/// outlives them.
pub(crate) fn pieces_prefix(transfer: TransferId) -> String {
    format!(".pierhead/staging/{transfer}/pieces/")
}

/// Where the object of a temporary file waits. Sessions that go on with it write another one, so
/// that a late request of an earlier one changes nothing.
pub(crate) fn temporary_key(transfer: TransferId, epoch: u64) -> ObjectKey {
    let key = format!("{}file-{epoch}", staging_prefix(transfer));
    ObjectKey::parse(key).expect("a short key of plain characters")
}
