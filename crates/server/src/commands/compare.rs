//! `pierhead compare`: what partners would notice of the switch.

use anyhow::Context as _;
use client::{Endpoint, HostKeyCheck};
use moving::compare::{Door, Notices, Partner, Settings, Weight, compare};

use crate::cli::CompareArgs;

/// Runs it.
pub(crate) async fn run(arguments: &CompareArgs) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(&arguments.users);
    let text = text.with_context(|| format!("read {}", arguments.users.display()))?;
    let partners = Partner::parse_all(&text)?;
    let old = door(&arguments.old, &arguments.old_host_key, arguments)?;
    let new = door(&arguments.new, &arguments.new_host_key, arguments)?;
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
        notices.is_as_before(),
        "partners would notice the switch, or not everything could be compared: see above"
    );
    Ok(())
}

fn door(place: &str, host_keys: &[String], arguments: &CompareArgs) -> anyhow::Result<Door> {
    let endpoint = Endpoint::parse(place)?;
    anyhow::ensure!(
        endpoint.user.is_none(),
        "{place}: the users are in {}",
        arguments.users.display()
    );
    let check = match host_keys {
        [] if arguments.trust_host_keys => HostKeyCheck::TrustFirst,
        [] => anyhow::bail!(
            "say which host key {place} has (--old-host-key, --new-host-key), or --trust-host-keys to \
             send passwords to whoever answers"
        ),
        known => {
            let known = known.iter().map(|text| text.parse());
            HostKeyCheck::Known(known.collect::<Result<_, _>>()?)
        }
    };
    Ok(Door { endpoint, check })
}

fn print(notices: &Notices) {
    let sections = [
        ("DIFFERENCES", Weight::Difference),
        (
            "REMARKS: different, and no client makes anything of it",
            Weight::Remark,
        ),
    ];
    for (title, weight) in sections {
        let of_it = notices
            .notices
            .iter()
            .filter(|notice| notice.weight == weight);
        let lines: Vec<String> = of_it.map(ToString::to_string).collect();
        section(title, &lines);
    }
    section("NOT COMPARED", &notices.unseen);
    if notices.more > 0 {
        println!(
            "{} more differences are not told one by one\n",
            notices.more
        );
    }
    println!(
        "{} partners, {} files and directories, contents of {} files: {}",
        notices.partners,
        notices.entries,
        notices.contents,
        match notices.differences() {
            0 if notices.unseen.is_empty() => "nobody would notice anything".to_owned(),
            0 => "no differences in what was compared".to_owned(),
            1 => "1 difference".to_owned(),
            differences => format!("{differences} differences"),
        }
    );
}

fn section(title: &str, lines: &[String]) {
    if !lines.is_empty() {
        println!("{title}");
        for line in lines {
            println!("{line}");
        }
        println!();
    }
}
