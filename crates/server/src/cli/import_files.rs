//! `pierhead import files`, as clap reads it.

use std::path::PathBuf;

use clap::Args;

use super::Target;
use crate::config::ByteSize;

/// What moves, where to, and how.
#[derive(Debug, Args)]
pub(crate) struct ImportFilesArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Where the files are: a folder, sftp://USER@HOST[:PORT]/DIR or s3://BUCKET/PREFIX
    #[arg(long, value_name = "PLACE")]
    pub(crate) from: String,
    /// Where they go: s3://BUCKET/PREFIX or local:/BUCKET/PREFIX, in a store of the configuration
    #[arg(long, value_name = "PLACE")]
    pub(crate) to: String,
    /// What goes where: TOML, a table [map] of "source/prefix" = "target/prefix"
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the report to this file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write the SHA-256 of each file that stands at its target to this file, as sha256sum does
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Read files of unchanged size and time as well, and move those whose bytes differ
    #[arg(long)]
    pub(crate) checksum: bool,
    /// Read back what stands at the targets and compare
    #[arg(long)]
    pub(crate) verify: bool,
    /// Remove what has gone from the source, where an earlier pass brought it and nobody changed it
    #[arg(long)]
    pub(crate) delete: bool,
    /// Tell consumers of events of each file
    #[arg(long)]
    pub(crate) events: bool,
    /// Bytes a second at most, such as 20MiB
    #[arg(long, value_name = "SIZE")]
    pub(crate) rate: Option<ByteSize>,
    /// Files that are moved at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) workers: u16,
    /// sftp://: a private key without a passphrase
    #[arg(long, value_name = "FILE", conflicts_with = "password_file")]
    pub(crate) identity: Option<PathBuf>,
    /// sftp://: a file whose first line is the password
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// sftp://: the fingerprint of the host key, as `ssh-keygen -lf` prints it; remembered
    #[arg(long, value_name = "SHA256:..", conflicts_with = "trust_host_key")]
    pub(crate) host_key: Option<String>,
    /// sftp://: take the host key that the server shows the first time, and remember it
    #[arg(long)]
    pub(crate) trust_host_key: bool,
    /// sftp://: connections at once
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub(crate) connections: u16,
    /// s3://: the endpoint's URL, where the bucket is in no store of the configuration; credentials
    /// come from the environment
    #[arg(long, value_name = "URL")]
    pub(crate) from_endpoint: Option<String>,
    /// s3://: its region
    #[arg(long, value_name = "NAME", requires = "from_endpoint")]
    pub(crate) from_region: Option<String>,
}
