//! `torture`: kills real gateways at random moments and looks whether anything was lost. Run by
//! `cargo xtask torture`, which builds what it needs.

mod content;
mod deeds;
mod expected;
mod inspector;
mod ledger;
mod options;
mod others;
mod partner;
mod report;
mod rounds;
mod setting;
mod sweep;
mod watcher;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use options::Options;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("torture: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let fresh_seed = u64::from(rand::random::<u32>());
    let options = Options::parse(std::env::args().skip(1), fresh_seed)?;
    let runtime = tokio::runtime::Runtime::new().context("start a runtime")?;
    runtime.block_on(torture(&options))
}

/// Every combination after the other. What a failed one left stays on disk, and its message says
/// where.
async fn torture(options: &Options) -> Result<()> {
    println!("torture: seed {}", options.seed);
    let mut columns = Vec::new();
    for combination in options.combinations() {
        let (store, database, kills) = combination;
        let title = format!("{} {}", store.name(), database.name());
        println!("torture: {title}, {kills} kills");
        let folder = tempfile::Builder::new().prefix("torture-").tempdir();
        let folder = folder.context("make a folder")?;
        match Box::pin(rounds::run(options, folder.path(), combination)).await {
            Ok(counts) => columns.push((title, counts)),
            Err(error) => {
                let kept = folder.keep();
                let (seed, kept) = (options.seed, kept.display());
                return Err(error.context(format!("{title}, seed {seed}; what is left: {kept}")));
            }
        }
    }
    print!("{}", report::table(&columns));
    Ok(())
}
