//! Policies through real sessions: what each verb asks, what it refuses, and what takes hold while
//! a session runs.
#![expect(clippy::unwrap_used, reason = "the evaluator's tests are written so")]

mod changes;
mod guarded;
mod homes;
mod matrix;
mod refusals;
mod roles;
mod sending;

#[allow(dead_code, reason = "the verbs' tests use the rest of it")]
#[path = "../verbs/world.rs"]
mod world;

/// The slow obvious evaluator of policies, with what generates documents and people for it.
#[path = "../../../policy/tests/properties/documents.rs"]
mod documents;
#[allow(dead_code, reason = "the evaluator's own tests use the rest of it")]
#[path = "../../../policy/tests/properties/generate.rs"]
mod generate;
#[path = "../../../policy/tests/properties/oracle.rs"]
mod oracle;
#[path = "../../../policy/tests/properties/signs.rs"]
mod signs;
