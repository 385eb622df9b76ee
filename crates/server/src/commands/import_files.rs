//! `pierhead import files`: one pass of a job that moves files in.

mod place;
mod source;
mod watch;

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use model::NodeId;
use moving::files::{FileMap, Import, Job, JobName, Pace, Parts, Report, ReportFormat, Settings};
use tokio_util::sync::CancellationToken;
use transfer::Origin;

use self::source::Reached;
use crate::cli::ImportFilesArgs;
use crate::membership::Membership;
use crate::target::State;
use crate::wiring;

/// Runs it.
pub(crate) async fn run(arguments: &ImportFilesArgs) -> anyhow::Result<()> {
    let state = State::of(&arguments.target).await?;
    let done = Box::pin(import(arguments, &state)).await;
    state.database.close().await;
    anyhow::ensure!(
        done?,
        "not everything stands at its target as it is at the source: the report names each difference; \
         the same command again moves what can move then"
    );
    Ok(())
}

/// Runs a pass and tells of it. Says whether everything is in step.
async fn import(arguments: &ImportFilesArgs, state: &State) -> anyhow::Result<bool> {
    if arguments.dry_run {
        let report = Box::pin(pass(arguments, state, NodeId::NOBODY)).await?;
        return tell(arguments, report).await;
    }
    // Uploads count while their node lives, so this is one as long as it moves files.
    let (database, clock) = (&state.database, &state.clock);
    let member = Membership::enter_command("import", database, clock, &state.config).await?;
    let passed = member
        .during(Box::pin(pass(arguments, state, member.id())))
        .await;
    let told = match passed {
        Ok(report) => tell(arguments, report).await,
        Err(error) => Err(error),
    };
    member.leave().await;
    told
}

async fn pass(arguments: &ImportFilesArgs, state: &State, node: NodeId) -> anyhow::Result<Report> {
    let origin = Origin::Import {
        events: arguments.events,
    };
    let engine = wiring::engine_of(state, node, origin)?;
    let target = place::target(&arguments.to, &engine.stores, &state.config)?;
    let from = place::From::parse(&arguments.from)?;
    from.check_apart(arguments, &target, &engine.stores, &state.config)?;
    let name = JobName {
        source: from.text(arguments),
        target: arguments.to.trim_end_matches('/').to_owned(),
        map: map(arguments.map.as_deref())?,
    };
    let (folder, now) = (state.config.data.join("imports"), state.clock.now());
    let job = match arguments.dry_run {
        true => Job::rehearse(name, &folder, now).await?,
        false => Job::begin(name, &folder, &state.database, node, now).await?,
    };
    let store = engine.stores.bucket(&target.bucket).await;
    let store = store.with_context(|| format!("open the target {}", arguments.to))?;
    let reach = Reached {
        arguments,
        job: &job,
        engine: &engine,
        store: &store,
    };
    let source = Box::pin(reach.source(&from)).await?;
    let stop = CancellationToken::new();
    let import = Import::new(
        job,
        Parts {
            source,
            target,
            store,
            stores: engine.stores,
            database: state.database.clone(),
            transfers: engine.transfers,
            server: state.server.id.clone(),
            clock: state.clock.clone(),
            settings: settings(arguments),
            stop: stop.clone(),
        },
    );
    let progress = import.progress();
    let report = watch::during(&progress, stop, Box::pin(import.run())).await?;
    Ok(report)
}

fn settings(arguments: &ImportFilesArgs) -> Settings {
    Settings {
        workers: usize::from(arguments.workers),
        checksum: arguments.checksum,
        verify: arguments.verify,
        delete: arguments.delete,
        events: arguments.events,
        pace: arguments.rate.map(|rate| Pace::new(rate.bytes())),
        ..Settings::default()
    }
}

fn map(file: Option<&Path>) -> anyhow::Result<FileMap> {
    let Some(file) = file else {
        return Ok(FileMap::default());
    };
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("read the map {}", file.display()))?;
    FileMap::parse(&text).with_context(|| format!("read the map {}", file.display()))
}

/// Writes report and manifest. Says whether everything is in step.
async fn tell(arguments: &ImportFilesArgs, report: Report) -> anyhow::Result<bool> {
    let format = match arguments.json {
        true => ReportFormat::Json,
        false => ReportFormat::Text,
    };
    if let Some(path) = &arguments.report {
        let mut file = new_file(path)?;
        report.write(format, &mut file).await?;
        file.sync_all()
            .with_context(|| format!("write {}", path.display()))?;
    }
    if let Some(path) = &arguments.manifest {
        let mut file = std::io::BufWriter::new(new_file(path)?);
        report.manifest(&mut file).await?;
        file.flush()
            .with_context(|| format!("write {}", path.display()))?;
    }
    report.write(format, &mut std::io::stdout()).await?;
    let in_step = report.is_in_step().await?;
    report.end().await?;
    Ok(in_step)
}

/// A file for its owner alone: names of files may be nobody else's to know.
fn new_file(path: &Path) -> anyhow::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(path)
        .with_context(|| format!("make {}", path.display()))
}
