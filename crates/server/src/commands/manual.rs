//! `pierhead completions` and `pierhead man`: generated from the command line itself.

use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::cli::Cli;

/// Prints the completion script for `shell`.
pub(crate) fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pierhead", &mut script);
    io::stdout()
        .write_all(&script)
        .context("write the completion script")
}

/// Prints the manual page: of the program, then of each command.
pub(crate) fn man() -> anyhow::Result<()> {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    let render = |command: clap::Command, page: &mut Vec<u8>| {
        clap_mangen::Man::new(command)
            .render(page)
            .context("render the manual page")
    };
    let subcommands: Vec<_> = command.get_subcommands().cloned().collect();
    render(command, &mut page)?;
    for subcommand in subcommands
        .into_iter()
        .filter(|command| command.get_name() != "help")
    {
        let name = format!("pierhead-{}", subcommand.get_name());
        render(subcommand.name(name), &mut page)?;
    }
    io::stdout()
        .write_all(&page)
        .context("write the manual page")
}
