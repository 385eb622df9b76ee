//! `pierhead backup`: the state of all nodes into one file, while they run.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::cli::BackupArgs;
use crate::config::StorageKind;
use crate::target::State;

/// Runs it.
pub(crate) async fn run(arguments: &BackupArgs) -> anyhow::Result<()> {
    let state = State::of(&arguments.target).await?;
    let file = arguments.file.as_path();
    let what = || format!("back up to {}", file.display());
    anyhow::ensure!(
        !file.exists(),
        "{} exists already: name a new file",
        file.display()
    );
    // Under another name until it is whole.
    let partial = partial_name(file);
    let written = write(&partial, &state).await;
    let backed_up = match written {
        Ok(backed_up) => backed_up,
        Err(error) => {
            let _ = std::fs::remove_file(&partial);
            return Err(error).with_context(what);
        }
    };
    std::fs::rename(&partial, file).with_context(what)?;
    println!(
        "{}: {} rows of {} tables, schema {}",
        file.display(),
        backed_up.rows,
        backed_up.tables,
        backed_up.schema
    );
    name_what_is_not_in_it(&state, arguments.target.config.as_deref());
    state.database.close().await;
    Ok(())
}

/// Beside the file, so that a rename does it.
fn partial_name(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    file.with_file_name(name)
}

async fn write(path: &Path, state: &State) -> anyhow::Result<database::BackedUp> {
    let file: File = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    let mut packed = GzEncoder::new(BufWriter::new(file), Compression::default());
    let now = state.clock.now();
    let backed_up = state.database.back_up(&mut packed, now).await?;
    let mut buffered = packed.finish()?;
    buffered.flush()?;
    buffered.get_ref().sync_all()?;
    Ok(backed_up)
}

/// What else a machine that is lost takes along.
fn name_what_is_not_in_it(state: &State, config: Option<&Path>) {
    println!("not in it, keep them elsewhere:");
    if let Some(config) = config {
        println!("  the configuration  {}", config.display());
    }
    match state.config.secrets.sealing_key.secret() {
        Some(_) => println!("  the sealing key    without it the host keys in the backup are lost"),
        None => println!("  (the host keys lie in it unsealed: secrets.sealing_key is not set)"),
    }
    match state.config.storage.kind {
        StorageKind::Local => println!(
            "  the files          {}",
            state.config.local_root().display()
        ),
        StorageKind::S3 => println!("  the files          the buckets keep them"),
    }
}
