//! `pierhead compare`: what partners would notice of the switch.

use anyhow::Context as _;
use client::{Endpoint, HostKeyCheck};
use moving::compare::{Door, Notices, Partner, Settings, compare};

use crate::cli::CompareArgs;

/// Runs it.
pub(crate) async fn run(arguments: &CompareArgs) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(&arguments.users);
    let text = text.with_context(|| format!("read {}", arguments.users.display()))?;
    let partners = Partner::parse_all(&text)?;
    let old = door(&arguments.old, arguments.old_host_key.as_deref(), arguments)?;
    let new = door(&arguments.new, arguments.new_host_key.as_deref(), arguments)?;
    let settings = Settings {
        partners: usize::from(arguments.parallel),
        sample: usize::from(arguments.sample),
        ..Settings::default()
    };
    let notices = Box::pin(compare(old, new, partners, settings)).await?;
    match arguments.json {
        true => super::print_json(&serde_json::to_value(&notices)?)?,
        false => print(&notices),
    }
    anyhow::ensure!(
        notices.is_empty(),
        "partners would notice the switch: see above what of it"
    );
    Ok(())
}

fn door(place: &str, host_key: Option<&str>, arguments: &CompareArgs) -> anyhow::Result<Door> {
    let endpoint = Endpoint::parse(place)?;
    anyhow::ensure!(
        endpoint.user.is_none(),
        "{place}: the users are in {}",
        arguments.users.display()
    );
    let check = match host_key {
        Some(text) => HostKeyCheck::Known(vec![text.parse()?]),
        None if arguments.trust_host_keys => HostKeyCheck::TrustFirst,
        None => anyhow::bail!(
            "say which host key {place} has (--old-host-key, --new-host-key), or --trust-host-keys to \
             send passwords to whoever answers"
        ),
    };
    Ok(Door { endpoint, check })
}

fn print(notices: &Notices) {
    for notice in &notices.notices {
        println!("{notice}");
    }
    if notices.more > 0 {
        println!("and {} differences more", notices.more);
    }
    println!(
        "{} partners, {} files and directories, contents of {} files: {}",
        notices.partners,
        notices.entries,
        notices.contents,
        match notices.is_empty() {
            true => "nobody would notice anything".to_owned(),
            false => format!(
                "{} differences",
                notices.notices.len() as u64 + notices.more
            ),
        }
    );
}
