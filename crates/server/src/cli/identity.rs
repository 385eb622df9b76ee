//! `pierhead identity`, as clap reads it.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Target;

#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    /// Say what would become of a login, without one
    ///
    /// Prints what AWS Transfer's TestIdentityProvider would answer, then who was asked, and which
    /// home, role, policy and mappings the user would have. With neither --password-stdin nor
    /// --key it says what is known of him. Nothing is recorded. Exits 0 where he would come in, 1
    /// where he would not.
    Test(IdentityTestArgs),
}

#[derive(Debug, Args)]
pub(crate) struct IdentityTestArgs {
    /// The server's name or id [default: the one of this installation]
    #[arg(long, value_name = "SERVER")]
    pub(crate) server: Option<String>,
    /// The login name, with @@PROVIDER where a client would send it so
    #[arg(long, value_name = "NAME")]
    pub(crate) user: String,
    /// Read the user's password from standard input, one line
    #[arg(long, conflicts_with = "key")]
    pub(crate) password_stdin: bool,
    /// A file with the public key that the user would sign by
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// The address that the user would come from
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub(crate) source_ip: IpAddr,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}
