//! `pierhead sweep`: what a node does every few minutes, once and now.

use anyhow::Context as _;
use serde_json::json;
use transfer::{SweepEntry, SweepError, SweepOutcome, SweepReport};

use crate::cli::SweepArgs;
use crate::membership::Membership;
use crate::target::State;
use crate::wiring::{self, Engine};

/// Runs it.
pub(crate) async fn run(arguments: &SweepArgs) -> anyhow::Result<()> {
    let state = State::of(&arguments.target).await?;
    let swept = Box::pin(sweep(arguments, &state)).await;
    state.database.close().await;
    let report = swept?;
    if arguments.json {
        super::print_json(&as_json(&report))?;
    } else {
        print(&report);
    }
    anyhow::ensure!(
        !report.left_anything(),
        "something is left that has to be looked at again: the rows marked `left` say why"
    );
    Ok(())
}

async fn sweep(arguments: &SweepArgs, state: &State) -> anyhow::Result<SweepReport> {
    let (database, clock) = (&state.database, &state.clock);
    if arguments.dry_run {
        let engine = wiring::engine(state, model::NodeId::NOBODY)?;
        return engine.sweeper.dry_run().await.context("look around");
    }
    // Claims count while their node lives, so this is one as long as it sweeps.
    let member = Membership::enter_command("sweep", database, clock, &state.config).await?;
    let engine = wiring::engine(state, member.id())?;
    let swept = member.during(Box::pin(sweep_as_node(&engine))).await;
    member.leave().await;
    swept
}

async fn sweep_as_node(engine: &Engine) -> anyhow::Result<SweepReport> {
    let swept = engine.sweeper.sweep().await;
    // Renames that were taken up go on until they are done.
    engine.transfers.drain().await;
    swept.map_err(|error| match error {
        SweepError::Taken => {
            anyhow::anyhow!("another node sweeps right now; its log says what it did")
        }
        error => anyhow::Error::new(error).context("sweep"),
    })
}

fn print(report: &SweepReport) {
    if report.is_empty() {
        println!("nothing to do");
        return;
    }
    println!("{:<14} {:<8} {:<36} WHERE", "WHAT", "OUTCOME", "UPLOAD");
    for entry in report.entries() {
        let upload = entry.transfer.map(|id| id.to_string());
        println!(
            "{:<14} {:<8} {:<36} {}{}",
            entry.deed.as_str(),
            entry.outcome.as_str(),
            upload.unwrap_or_default(),
            entry.location,
            reason(entry)
                .map(|why| format!("  ({why})"))
                .unwrap_or_default(),
        );
    }
    println!("\n{}", report.summary());
}

fn as_json(report: &SweepReport) -> serde_json::Value {
    let entries: Vec<_> = report
        .entries()
        .iter()
        .map(|entry| {
            json!({
                "what": entry.deed.as_str(),
                "outcome": entry.outcome.as_str(),
                "reason": reason(entry),
                "upload": entry.transfer.map(|id| id.to_string()),
                "bucket": entry.location.bucket.as_str(),
                "key": entry.location.key.as_str(),
            })
        })
        .collect();
    let counts: Vec<_> = report
        .counts()
        .iter()
        .map(|((deed, outcome), count)| {
            json!({ "what": deed.as_str(), "outcome": outcome, "count": count })
        })
        .collect();
    json!({ "entries": entries, "counts": counts, "left": report.left_anything() })
}

fn reason(entry: &SweepEntry) -> Option<&str> {
    match &entry.outcome {
        SweepOutcome::Left(reason) => Some(reason),
        SweepOutcome::Done | SweepOutcome::Planned => None,
    }
}
