//! `pierhead compare`, as clap reads it.

use std::path::PathBuf;

use clap::Args;

/// Which servers, as whom, and how much of them.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The server that partners use now: sftp://HOST[:PORT][/DIR]
    pub(crate) old: String,
    /// The one that they shall use: sftp://HOST[:PORT][/DIR]
    pub(crate) new: String,
    /// Who logs in to both: TOML, [[users]] with name and either password or key (a file)
    #[arg(long, value_name = "FILE")]
    pub(crate) users: PathBuf,
    /// The fingerprint of a host key of the old server, as `ssh-keygen -lf` prints it; may be repeated
    #[arg(long, value_name = "SHA256:..")]
    pub(crate) old_host_key: Vec<String>,
    /// The same of the new one
    #[arg(long, value_name = "SHA256:..")]
    pub(crate) new_host_key: Vec<String>,
    /// Take the host keys that the servers show, where none is said: passwords are sent to whoever
    /// answers
    #[arg(long)]
    pub(crate) trust_host_keys: bool,
    /// Files of each user whose contents are compared
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) sample: u16,
    /// Users at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) parallel: u16,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}
