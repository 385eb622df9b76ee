//! The life of an upload: from the intent that precedes its first request, to the commit that
//! makes the object, its attributes, its audit row and its event one fact.

mod claim;
mod copy;
mod error;
mod fence;
mod intent;
mod metadata;
pub mod metrics;
mod moves;
mod proof;
mod publish;
mod record;
mod recover;
mod remove;
mod settings;
mod transfer;
mod transfers;

pub use claim::{Claimed, Unclaimed};
pub use copy::Original;
pub use error::{Error, Result};
pub use fence::{Fence, Fences};
pub use intent::{Condition, Intent};
pub use metadata::{Attributes, mark, transfer_of};
pub use moves::{MoveClaims, MoveRequest, Moving, ResumedMoves};
pub use recover::Recovered;
pub use remove::Removed;
pub use settings::Settings;
pub use transfer::{Publication, Published, Transfer};
pub use transfers::Transfers;
