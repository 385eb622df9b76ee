//! The life of an upload: from the intent that precedes its first request, to the commit that
//! makes the object, its attributes, its audit row and its event one fact.

mod error;
mod fence;
mod metadata;

pub use error::{Error, Result};
pub use fence::{Fence, Fences};
pub use metadata::{Attributes, mark, transfer_of};
