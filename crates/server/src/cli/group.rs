//! The arguments of `pierhead group`, and what bounds a user.

use clap::{Args, Subcommand};

use super::Target;

#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Add a group: what each of its members may do and have at most
    Add {
        /// Its name
        name: String,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        changes: GroupArgs,
    },
    /// List the groups
    List {
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one group and its members
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a group; sessions of its members end
    Set {
        /// Its name
        name: String,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        changes: GroupArgs,
    },
    /// Remove a group that has no members
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, Args)]
pub(crate) struct GroupArgs {
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    #[command(flatten)]
    pub(crate) bounds: BoundsArgs,
}

/// What somebody may do and have at most.
#[derive(Debug, Args)]
pub(crate) struct BoundsArgs {
    /// What may be done: `all`, `none`, or some of read, list, write, overwrite, rename, delete,
    /// mkdir between commas
    #[arg(long, value_name = "LIST")]
    pub(crate) permissions: Option<String>,
    /// Sessions at the same time on one node; `none` takes the limit away
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_sessions: Option<String>,
    /// Bytes of all files together, such as 10GiB; `none` takes the limit away
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_bytes: Option<String>,
    /// Files in all; `none` takes the limit away
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_files: Option<String>,
    /// Bytes of one file, such as 500MiB; `none` takes the limit away
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_file_size: Option<String>,
    /// Names that files may be given, such as `*.csv,*.xml`; `none` allows any
    #[arg(long, value_name = "GLOBS")]
    pub(crate) allow_names: Option<String>,
    /// Names that files may not be given, such as `*.exe`; `none` denies none
    #[arg(long, value_name = "GLOBS")]
    pub(crate) deny_names: Option<String>,
    /// Bytes a second that are taken on one node, such as 1MiB; `none` takes the limit away
    #[arg(long, value_name = "SIZE")]
    pub(crate) upload_rate: Option<String>,
    /// Bytes a second that are sent on one node, such as 1MiB; `none` takes the limit away
    #[arg(long, value_name = "SIZE")]
    pub(crate) download_rate: Option<String>,
}

/// What can be changed of a user's place among others.
#[derive(Debug, Args)]
pub(crate) struct MemberArgs {
    /// His group; `none` takes him out of it
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// Other mappings of his tree onto the store, instead of those he has; may be repeated
    #[arg(long, value_name = "ENTRY=/BUCKET/TARGET[:PERMISSIONS]")]
    pub(crate) map: Vec<String>,
    #[command(flatten)]
    pub(crate) bounds: BoundsArgs,
}
