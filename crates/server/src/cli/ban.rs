//! The command line of `pierhead ban`.

use clap::{Args, Subcommand};

use super::Target;
use crate::config::Span;

#[derive(Debug, Subcommand)]
pub(crate) enum BanCommand {
    /// List who is kept out now
    List {
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Keep an address or a network out; what it has open ends
    Add(BanAddArgs),
    /// Let an address or a network in again, and forget what led to its ban
    Remove {
        /// The address or network, as `list` shows it
        network: String,
        #[command(flatten)]
        target: Target,
        /// Who says so
        #[arg(long, value_name = "NAME", default_value = "staff")]
        by: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct BanAddArgs {
    /// 192.0.2.1, 192.0.2.0/24, 2001:db8::/32; an address of IPv6 stands for its /64
    pub(crate) network: String,
    #[command(flatten)]
    pub(crate) target: Target,
    /// For how long: 30m, 2h, 7d [default: until it is removed]
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) length: Option<Span>,
    /// Why, for whoever reads the list
    #[arg(long, value_name = "TEXT", default_value = "by hand")]
    pub(crate) reason: String,
    /// Who says so
    #[arg(long, value_name = "NAME", default_value = "staff")]
    pub(crate) by: String,
}
