//! `pierhead ban`: who is kept out by address.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context as _;
use database::Ban;
use identity::defence::Source;
use ipnet::IpNet;
use serde_json::json;

use super::{print_json, utc};
use crate::cli::ban::{BanAddArgs, BanCommand};
use crate::target::State;

/// Runs it.
pub(crate) async fn run(command: BanCommand) -> anyhow::Result<()> {
    match command {
        BanCommand::List { target, json } => list(&State::of(&target).await?, json).await,
        BanCommand::Add(arguments) => add(arguments).await,
        BanCommand::Remove {
            network,
            target,
            by,
        } => {
            let state = State::of(&target).await?;
            let done = remove(&state, &network, &by).await;
            state.database.close().await;
            done
        }
    }
}

async fn list(state: &State, json: bool) -> anyhow::Result<()> {
    let now = state.clock.now();
    let table = state.database.bans();
    let rows = table.ending_after(&state.server.id, now).await?;
    if json {
        let rows = rows.iter().map(|row| as_json(&row.ban)).collect();
        return print_json(&serde_json::Value::Array(rows));
    }
    if rows.is_empty() {
        println!("nobody is banned");
    }
    for row in rows {
        let ban = row.ban;
        let until = match ban.until {
            Ban::NEVER => "removed".to_owned(),
            until => utc(until),
        };
        let by = ban.by.map_or_else(String::new, |by| format!(" (by {by})"));
        println!(
            "{:<20} until {until}  {}{by}",
            ban.network.to_string(),
            ban.reason
        );
    }
    Ok(())
}

fn as_json(ban: &Ban) -> serde_json::Value {
    json!({
        "network": ban.network,
        "reason": ban.reason,
        "since": utc(ban.since),
        "until": (ban.until != Ban::NEVER).then(|| utc(ban.until)),
        "by": ban.by,
        "repeated": ban.repeated,
    })
}

async fn add(arguments: BanAddArgs) -> anyhow::Result<()> {
    let state = State::of(&arguments.target).await?;
    let network = network(&arguments.network)?;
    let exempt = &state.config.defence.exempt;
    let trusted = &state.config.sftp.proxy_trusted;
    if let Some(other) = exempt.iter().find(|other| overlap(other, &network)) {
        anyhow::bail!(
            "ban {network}: {other} is exempt (defence.exempt), so nothing of it would be kept out"
        );
    }
    if let Some(other) = trusted.iter().find(|other| overlap(other, &network)) {
        println!("note: {other} is a balancer's network; clients behind it are not concerned");
    }
    let now = state.clock.now();
    let length: Option<Duration> = arguments.length.map(|span| span.duration());
    let ban = Ban {
        network,
        reason: arguments.reason,
        since: now,
        until: length.map_or(Ban::NEVER, |length| now.plus(length)),
        by: Some(arguments.by),
        repeated: 0,
    };
    let table = state.database.bans();
    table.put(&state.server.id, &ban, now).await?;
    state.database.close().await;
    println!("banned {network}; every node knows within seconds");
    Ok(())
}

async fn remove(state: &State, text: &str, by: &str) -> anyhow::Result<()> {
    let network = network(text)?;
    let table = state.database.bans();
    let now = state.clock.now();
    if !table.lift(&state.server.id, network, by, now).await? {
        let around = table.ending_after(&state.server.id, now).await?;
        let around = around.iter().find(|row| row.ban.network.contains(&network));
        match around {
            Some(row) => anyhow::bail!(
                "{network} has no ban of its own; it lies in {}, which has",
                row.ban.network
            ),
            None => anyhow::bail!("{network} is not banned; `pierhead ban list` shows who is"),
        }
    }
    println!("lifted the ban of {network}; every node knows within seconds");
    Ok(())
}

/// An address stands for what is banned with it: itself, or the /64 of IPv6 that it lies in.
fn network(text: &str) -> anyhow::Result<IpNet> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Source::of(address).network());
    }
    let network: IpNet = text.parse().with_context(|| {
        format!("{text:?} is neither an address nor a network, as 192.0.2.1 or 192.0.2.0/24")
    })?;
    anyhow::ensure!(
        network.trunc() == network,
        "{network} has bits behind its length: is it {} or {}?",
        network.trunc(),
        network.addr()
    );
    anyhow::ensure!(
        network.prefix_len() > 0,
        "{network} would keep out everybody"
    );
    Ok(network)
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_read() {
        for (text, read) in [
            ("192.0.2.1", "192.0.2.1/32"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("2001:db8::1", "2001:db8::/64"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("2001:db8::1/128", "2001:db8::1/128"),
        ] {
            assert_eq!(network(text).expect(text).to_string(), read);
        }
        for (text, why) in [
            ("acme", "neither"),
            ("192.0.2.1/24", "192.0.2.0/24 or 192.0.2.1"),
            ("0.0.0.0/0", "everybody"),
        ] {
            let error = network(text).expect_err(text).to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
