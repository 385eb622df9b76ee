//! The life of an upload: from the intent that precedes its first request, to the commit that
//! makes the object, its attributes, its audit row and its event one fact.

mod beginning;
mod claim;
mod copy;
mod detach;
mod end;
mod error;
mod fence;
mod intent;
mod late;
mod leftovers;
mod metadata;
pub mod metrics;
mod moves;
mod naming;
mod proof;
mod publish;
mod record;
mod recording;
mod remove;
mod resume;
mod set_aside;
mod settings;
mod stage;
mod sweep;
mod transfer;
mod transfers;

pub use beginning::Beginning;
pub use claim::{Claimed, Unclaimed};
pub use copy::Original;
pub use detach::{Leaving, Left};
pub use error::{Error, Result};
pub use fence::{Fence, Fences};
pub use intent::{Condition, Intent};
pub use leftovers::Cleared;
pub use metadata::{Attributes, mark, transfer_of};
pub use moves::{MoveClaims, MoveRequest, Moving, ResumedMoves};
pub use naming::Naming;
pub use remove::Removed;
pub use resume::Resumed;
pub use settings::{Origin, Settings};
pub use sweep::{
    Deed, Entry as SweepEntry, Outcome as SweepOutcome, Report as SweepReport, SweepError, Sweeper,
};
pub use transfer::{Publication, Published, Transfer};
pub use transfers::Transfers;
