//! The command line, as clap reads it.

pub(crate) mod ban;
mod compare;
mod group;
mod identity;
mod import;
mod import_files;
mod rules;
mod usage;
mod user;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::compare::CompareArgs;
pub(crate) use self::identity::{IdentityCommand, IdentityTestArgs};
pub(crate) use self::import::{
    AwsTransferArgs, DynamodbArgs, GroupsAre, ImportArgs, ImportCommand, LdapArgs, SqlArgs,
    UnixArgs,
};
pub(crate) use self::import_files::ImportFilesArgs;
pub(crate) use self::rules::{
    AccessCommand, ExplainArgs, PolicyCommand, RoleAddArgs, RoleCommand, RoleSetArgs,
};
pub(crate) use self::user::{
    HomeKind, KeyCommand, PasswordArgs, StandingArgs, TotpCommand, UserAddArgs, UserCommand,
    UserSetArgs,
};
pub(crate) use group::{BoundsArgs, GroupArgs, GroupCommand, MemberArgs};
pub(crate) use usage::UsageCommand;

/// An SFTP and SCP gateway in front of object storage.
#[derive(Debug, Parser)]
#[command(
    name = "pierhead",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a complete gateway at once: embedded database, local files, a demo user
    Up(UpArgs),
    /// Run a node from a configuration file
    Serve(ServeArgs),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look after users and their keys
    #[command(subcommand)]
    User(UserCommand),
    /// Look after groups of users: what each member may do and have at most
    #[command(subcommand)]
    Group(GroupCommand),
    /// Look how much users have, and count it
    #[command(subcommand)]
    Usage(UsageCommand),
    /// Keep addresses and networks out, and let them in again
    #[command(subcommand)]
    Ban(ban::BanCommand),
    /// Look after roles: what users are given together
    #[command(subcommand)]
    Role(RoleCommand),
    /// Look after policies: the IAM documents of roles
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Find out what a user may do, and why
    #[command(subcommand)]
    Access(AccessCommand),
    /// Look at identity providers
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// Say what partners would notice who are moved from one server to another
    ///
    /// Logs in to both as each of them, and compares host keys, algorithms, banners, listings, sizes,
    /// times, permissions, and the contents of some files. Exits 0 where everything was compared and
    /// nobody would notice anything.
    Compare(CompareArgs),
    /// Look after the server's host keys
    #[command(subcommand)]
    HostKey(HostKeyCommand),
    /// Move in users of other servers, with their passwords and keys, and files
    #[command(subcommand)]
    Import(ImportCommand),
    /// Apply a changed configuration to the running node, without dropping a session
    Reload(Target),
    /// Settle what nodes that died left, and clear away what nobody needs, once and now
    ///
    /// A running node does so by itself, every `sweeper.interval`. This works beside running
    /// nodes: one sweeps at a time. Exits 0 when everything is settled, 1 when something is left
    /// that has to be looked at again.
    Sweep(SweepArgs),
    /// Save the state (users, keys, host keys, transfers, events) to a file, while nodes run
    Backup(BackupArgs),
    /// Make a backup the state of a new installation
    Restore(RestoreArgs),
    /// Print a completion script for a shell
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man,
}

/// Which node's state a command is about.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    /// The node's configuration file
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub(crate) config: Option<PathBuf>,
    /// The quickstart's folder [default: ./pierhead-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = "./pierhead-data")]
    pub(crate) data: PathBuf,
    /// Where SFTP listens; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:2222")]
    pub(crate) sftp: SocketAddr,
    /// Where health and metrics listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8022")]
    pub(crate) admin: SocketAddr,
    /// Put files straight into a bucket; credentials come from the environment
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    pub(crate) s3: Option<String>,
    /// The S3 endpoint's URL, where it is not Amazon's
    #[arg(long, value_name = "URL", requires = "s3")]
    pub(crate) endpoint: Option<String>,
    /// Print one JSON object for scripts: sftp, admin, user, password, fingerprint
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to make, readable by its owner alone; it must not exist
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The file that `pierhead backup` made
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Let go of what the database holds now
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether a configuration file would be accepted
    Check {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Print every key with its default and meaning (Markdown)
    Reference,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HostKeyCommand {
    /// Take over an OpenSSH private host key; its fingerprint stays what partners know
    Import {
        /// The file, such as /etc/ssh/ssh_host_ed25519_key
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// List the host keys
    List {
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the fingerprints, as clients show them
    Fingerprint {
        #[command(flatten)]
        target: Target,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
