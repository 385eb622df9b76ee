//! The command line, as clap reads it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// Look after the server's host keys
    #[command(subcommand)]
    HostKey(HostKeyCommand),
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

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum HomeKind {
    /// `/` is the home directory
    Logical,
    /// `/bucket/prefix` is the home directory
    Path,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user
    Add(UserAddArgs),
    /// List the users
    List {
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one user
    Show {
        /// His name
        name: String,
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a user another password
    Passwd {
        /// His name
        name: String,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Keep a user from logging in, his files and keys stay
    Disable {
        /// His name
        name: String,
        #[command(flatten)]
        target: Target,
        /// Let him in again
        #[arg(long)]
        undo: bool,
    },
    /// Remove a user and his keys; his files stay
    Remove {
        /// His name
        name: String,
        #[command(flatten)]
        target: Target,
    },
    /// Look after a user's SSH public keys
    #[command(subcommand)]
    Key(KeyCommand),
}

#[derive(Debug, Args)]
pub(crate) struct UserAddArgs {
    /// The name he logs in with
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) password: PasswordArgs,
    /// His home directory: /BUCKET/PREFIX
    #[arg(long, value_name = "/BUCKET/PREFIX", required_unless_present = "map")]
    pub(crate) home: Option<String>,
    /// How he sees it
    #[arg(long, value_name = "KIND", default_value = "logical")]
    pub(crate) home_type: HomeKind,
    /// A mapping of his tree onto the store, instead of a home; may be repeated
    #[arg(long, value_name = "ENTRY=/BUCKET/TARGET")]
    pub(crate) map: Vec<String>,
    /// A file with his SSH public keys, a line each; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Vec<PathBuf>,
    /// He may read and list, and change nothing
    #[arg(long)]
    pub(crate) read_only: bool,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct PasswordArgs {
    /// Read the password from standard input, one line
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Generate a password and print it once
    #[arg(long)]
    pub(crate) generate_password: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Add keys from a file (`-`: standard input), in the format of authorized_keys
    Add {
        /// The user's name
        name: String,
        /// The file
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// List a user's keys
    List {
        /// The user's name
        name: String,
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a key
    Remove {
        /// The user's name
        name: String,
        /// The key's fingerprint, as `list` shows it
        fingerprint: String,
        #[command(flatten)]
        target: Target,
    },
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
