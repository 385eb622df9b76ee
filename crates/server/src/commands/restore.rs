//! `pierhead restore`: a backup becomes the state of a new installation.

use std::fs::File;
use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::Context as _;
use database::DatabaseUrl;
use flate2::read::GzDecoder;
use model::{Clock as _, SystemClock};

use super::utc;
use crate::cli::{RestoreArgs, Target};
use crate::config::{Config, load, process_environment};
use crate::target::{State, make_private_folder};

/// Runs it.
pub(crate) async fn run(arguments: &RestoreArgs) -> anyhow::Result<()> {
    let config = configuration(&arguments.target)?;
    anyhow::ensure!(
        UnixStream::connect(config.control_socket()).is_err(),
        "a node runs with this data folder ({}): end it first",
        config.data.display()
    );
    let what = || format!("restore {}", arguments.file.display());
    let file = File::open(&arguments.file).with_context(what)?;
    let mut lines = BufReader::new(GzDecoder::new(BufReader::new(file)));
    make_private_folder(&config.data)?;
    let url = DatabaseUrl::parse(config.database_url().expose()).context("database.url")?;
    let now = SystemClock.now();
    let restored = database::restore(&url, &mut lines, arguments.force, now).await;
    let restored = restored.with_context(what)?;
    println!(
        "{url}: {} rows, as of {}",
        restored.rows,
        utc(restored.taken)
    );
    Box::pin(name_the_host_keys(config)).await
}

/// Unlike other commands this one may find no data folder: the machine was lost.
fn configuration(target: &Target) -> anyhow::Result<Config> {
    match &target.config {
        Some(file) => Ok(load(file, &process_environment())?),
        None => {
            let data = target.data.clone();
            let data = data.unwrap_or_else(|| PathBuf::from("./pierhead-data"));
            Ok(Config::for_data(data))
        }
    }
}

/// Shows that partners will know the server again, or says what is missing.
async fn name_the_host_keys(config: Config) -> anyhow::Result<()> {
    let state = Box::pin(State::open(config)).await?;
    let keys = state.database.host_keys().list(&state.server.id).await;
    let keys = keys.context(
        "the state is restored, but its host keys cannot be read: give the sealing key of the \
         old configuration (secrets.sealing_key)",
    )?;
    for key in keys {
        println!("host key  {} {}", key.fingerprint, key.algorithm);
    }
    state.database.close().await;
    Ok(())
}
