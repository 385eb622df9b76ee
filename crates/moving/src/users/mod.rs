//! Users of other servers, and how they become ours.
//!
//! A source is read whole into [`Arrivals`], without touching anything: `unix`, `csv`, `sql` and the
//! like are pure readers of texts. A [`Plan`] compares them with who is [`Here`], and says of everybody
//! whether he is created, changed, left alone or skipped, and why. [`Plan::carry_out`] does all of it
//! in one transaction. A move can be repeated: what was changed at the source since comes over, what
//! was changed here stays.

mod arrivals;
pub mod aws_transfer;
mod bounds;
mod carry_out;
pub mod csv;
pub mod dynamodb;
mod finding;
mod here;
mod json;
pub mod ldif;
mod options;
mod passwords;
mod plan;
mod profile;
mod report;
mod row;
pub mod sftpgo;
pub mod sql;
pub mod unix;

pub use self::arrivals::{
    Arrivals, ArrivingGroup, ArrivingKey, ArrivingPassword, ArrivingRole, ArrivingUser,
};
pub use self::bounds::mapping;
pub use self::finding::{Finding, Weight};
pub use self::here::Here;
pub use self::options::{Options, home_for};
pub use self::passwords::{Generated, Prepared};
pub use self::plan::{Check, Plan};
pub use self::profile::Profile;
pub use self::report::Report;
pub use self::row::{FIELDS, Row};
