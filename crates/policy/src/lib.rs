//! What a principal may do: IAM documents that decide about requests, and the sets of actions
//! that mounts grant. Pure values, no I/O.
//!
//! A [`Document`] is parsed once, when it is saved and at login; what it holds that is not
//! understood refuses it whole. Documents of one origin make a [`PolicySet`] (their union);
//! [`compile`] fills in the principal's [`Variables`] and gives [`Compiled`], which allows what
//! every set allows and no statement denies. [`Operation`] says which S3 actions a file operation
//! needs, [`lint`] what in a document is probably not meant.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

mod action;
mod check;
mod compiled;
mod condition;
mod condition_key;
mod context;
mod date;
mod decision;
mod document;
mod error;
mod explain;
mod filling;
mod glob;
mod json;
mod lint;
mod operation;
mod operator;
mod permissions;
mod permit;
mod resource;
mod s3_action;
mod spelling;
mod statement;
mod store_policy;
mod template;
mod variables;

pub use action::Action;
pub use compiled::{Compiled, PolicySet, compile};
pub use condition_key::ConditionKey;
pub use context::{Context, Request};
pub use decision::{Decision, Denial, StatementRef};
pub use document::{Document, limits};
pub use error::{Error, Place, Result};
pub use explain::{Explanation, Outcome, StatementReport};
pub use lint::{Finding, Severity, lint};
pub use operation::{Need, Operation, Subject};
pub use permissions::{Permissions, UnknownAction};
pub use permit::{Paths, Verdict};
pub use resource::Resource;
pub use s3_action::S3Action;
pub use statement::Effect;
pub use variables::{Home, Variable, Variables};
