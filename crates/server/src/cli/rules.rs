//! The words of `pierhead role`, `pierhead policy` and `pierhead access`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Target;
use crate::config::ByteSize;

#[derive(Debug, Subcommand)]
pub(crate) enum RoleCommand {
    /// Add a role
    Add(RoleAddArgs),
    /// List the roles
    List {
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one role, its policies and its users
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a role; what is not named stays. Takes hold in open sessions within seconds
    Set(RoleSetArgs),
    /// Remove a role; its policies stay
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        target: Target,
        /// Even while users have it: their sessions end, and they cannot log in
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RoleAddArgs {
    /// Its name: up to 64 of letters, digits and _+=,.@-
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) target: Target,
    /// A policy of its users; may be repeated. Without any, they may do nothing
    #[arg(long = "policy", value_name = "NAME")]
    pub(crate) policies: Vec<String>,
    /// The ARN that identity providers know it by
    #[arg(long)]
    pub(crate) arn: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// The named store connection that its users work on
    #[arg(long, value_name = "NAME")]
    pub(crate) store: Option<String>,
    /// The IAM role that its users' sessions assume at the store, so that S3 enforces it too
    #[arg(long, value_name = "ARN")]
    pub(crate) iam_role: Option<String>,
    /// What the IAM role's trust policy wants to hear besides
    #[arg(long, value_name = "ID", requires = "iam_role")]
    pub(crate) external_id: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RoleSetArgs {
    /// Its name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) target: Target,
    /// The policies of its users, in the place of those it has; may be repeated
    #[arg(long = "policy", value_name = "NAME")]
    pub(crate) policies: Vec<String>,
    /// No policies: its users may do nothing
    #[arg(long, conflicts_with = "policies")]
    pub(crate) no_policies: bool,
    /// The ARN that identity providers know it by; "" takes it away
    #[arg(long)]
    pub(crate) arn: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// The named store connection that its users work on; "" takes it away
    #[arg(long, value_name = "NAME")]
    pub(crate) store: Option<String>,
    /// The IAM role that its users' sessions assume at the store; "" takes it away
    #[arg(long, value_name = "ARN")]
    pub(crate) iam_role: Option<String>,
    /// What the IAM role's trust policy wants to hear besides; "" takes it away
    #[arg(long, value_name = "ID")]
    pub(crate) external_id: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Save an IAM document as a policy; what lint finds is printed
    Add {
        /// Its name: up to 64 of letters, digits and _+=,.@-
        name: String,
        /// The document (`-`: standard input)
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// List the policies
    List {
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a policy's document
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        target: Target,
        /// As JSON, with the roles that have it
        #[arg(long)]
        json: bool,
    },
    /// Give a policy another document. Takes hold in open sessions within seconds
    Set {
        /// Its name
        name: String,
        /// The document (`-`: standard input)
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// Remove a policy that no role has
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        target: Target,
    },
    /// Say whether a document would be taken, and what in it is probably not meant
    ///
    /// Exits 1 where the document would be refused or somebody may reach what he should not.
    Lint {
        /// The document (`-`: standard input)
        file: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccessCommand {
    /// Say whether a user may do something, and which statements say so
    Explain(ExplainArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The user's name
    #[arg(long, value_name = "NAME")]
    pub(crate) user: String,
    /// What he would do: get, put, overwrite, append, ls, stat, chmod, mkdir, rmdir, rm, mv, cp, or
    /// an operation of docs/POLICIES.md
    #[arg(long, value_name = "OPERATION")]
    pub(crate) op: String,
    /// To which path, as he sees it
    #[arg(long)]
    pub(crate) path: String,
    /// Towards which path, for mv and cp
    #[arg(long, value_name = "PATH")]
    pub(crate) to: Option<String>,
    /// From which address
    #[arg(long, value_name = "IP")]
    pub(crate) source_ip: Option<IpAddr>,
    /// With how many bytes, for what writes a file: `10MiB`
    #[arg(long, value_name = "BYTES")]
    pub(crate) size: Option<ByteSize>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}
