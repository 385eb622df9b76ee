//! A source moves in: compared, reported, and done at once or not at all.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread::available_parallelism;

use anyhow::Context as _;
use database::User;
use identity::Passwords;
use identity::defence::DeniedNames;
use model::ErrorKind;
use moving::users::{Arrivals, Generated, Here, Options, Plan, Prepared, Report};

use super::progress::Progress;
use crate::cli::ImportArgs;
use crate::commands::print_json;
use crate::target::State;

/// Compares, reports and, unless it is to be dry, does it.
pub(super) async fn move_in(
    source: &'static str,
    arrivals: Arrivals,
    arguments: &ImportArgs,
    state: &State,
) -> anyhow::Result<()> {
    let options = Options {
        source,
        group: arguments.into_group.clone(),
        role: arguments.role.clone(),
        replace: arguments.replace,
        without_credentials: arguments.without_credentials
            || !state.config.identity.certificate_authorities.is_empty(),
        now: state.clock.now(),
    };
    // Nobody else wants this machine's cores now.
    let cores = available_parallelism().map_or(1, usize::from);
    let cost = identity::Settings::default().hash_cost;
    let passwords = Passwords::new(cost, cores)?;
    let here = Here::read(&state.database, &state.server.id).await?;
    let work = Prepared::work(&arrivals, &here);
    let progress = Progress::new("passwords compared", work);
    let prepared = Prepared::new(&arrivals, &here, &passwords, &|| progress.step()).await?;
    drop(progress);
    let denied = DeniedNames::new(state.config.defence.denied_names.iter().map(String::as_str));
    let mut plan = Plan::new(arrivals, &here, &prepared, &options, &|user| {
        check(user, &denied)
    });
    let faults = plan.faults();
    let blocked = faults > 0 && !arguments.skip_faulty;
    if !arguments.dry_run && !blocked {
        let moved = carry_out(
            &mut plan,
            &passwords,
            arguments.passwords_to.as_deref(),
            state,
        );
        Box::pin(moved).await?;
    }
    let report = Report::of(&plan, arguments.dry_run);
    let report = match blocked {
        true => report.blocked(),
        false => report,
    };
    match arguments.json {
        true => print_json(&serde_json::to_value(&report)?)?,
        false => println!("{report}"),
    }
    anyhow::ensure!(
        !blocked,
        "{faults} faults, so nothing was moved: mend them at the source, or leave behind what they \
         are about with --skip-faulty"
    );
    Ok(())
}

fn check(user: &User, denied: &DeniedNames) -> Result<(), String> {
    if denied.contains(user.name.as_str()) {
        let why = "his name is on the deny-list (defence.denied_names): nobody can log in under it";
        return Err(why.to_owned());
    }
    gateway::check_home(
        &user.name,
        user.home_type,
        &user.home_directory,
        &user.mappings,
    )
    .and_then(|()| gateway::check_limits(&user.limits))
    .map_err(|error| error.to_string())
}

/// Makes passwords and keeps them in a file, then does it all.
async fn carry_out(
    plan: &mut Plan,
    passwords: &Passwords,
    file: Option<&Path>,
    state: &State,
) -> anyhow::Result<()> {
    let generated = plan.generate();
    let file = match (generated.is_empty(), file) {
        (true, _) => None,
        (false, Some(file)) => {
            keep(&generated, file)?;
            Some(file)
        }
        (false, None) => anyhow::bail!(
            "{} passwords are to be generated: say with --passwords-to FILE where they are to be \
             written",
            generated.len()
        ),
    };
    if plan.is_empty() {
        return Ok(());
    }
    let progress = Progress::new("passwords hashed", plan.work());
    let now = state.clock.now();
    let step = || progress.step();
    let moved = plan.carry_out(&state.database, passwords, now, &step);
    let moved = Box::pin(moved).await;
    drop(progress);
    if let (Err(error), Some(file)) = (&moved, file)
        // Where nobody knows whether it was done, the passwords may be in force.
        && error.kind() != ErrorKind::Unavailable
    {
        let _ = std::fs::remove_file(file);
    }
    Ok(moved?)
}

/// Writes passwords to a file that is new, and its owner's alone, before they are in force.
fn keep(generated: &[Generated], file: &Path) -> anyhow::Result<()> {
    let what = || format!("write the generated passwords to {}", file.display());
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(file);
    let mut out = std::io::BufWriter::new(opened.with_context(what)?);
    writeln!(out, "name,password").with_context(what)?;
    for Generated { name, password } in generated {
        let name = name.as_str().replace('"', "\"\"");
        writeln!(out, "\"{name}\",{}", password.expose()).with_context(what)?;
    }
    let file = out.into_inner().map_err(|error| error.into_error());
    file.and_then(|file| file.sync_all()).with_context(what)
}
