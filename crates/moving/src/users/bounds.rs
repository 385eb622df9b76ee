//! Networks, times and sizes as other servers write them.

use std::net::IpAddr;

use database::{Mapping, MappingKind, UserNetworks};
use identity::Networks;
use ipnet::{IpNet, Ipv4Net};
use model::Timestamp;
use policy::Permissions;

/// Networks that may come and may not, each a network or an address.
pub(crate) fn networks(allow: Vec<String>, deny: Vec<String>) -> Result<UserNetworks, String> {
    let tidy = |list: Vec<String>| list.into_iter().map(|text| network(&text)).collect();
    let (allow, deny): (Result<Vec<_>, _>, Result<Vec<_>, _>) = (tidy(allow), tidy(deny));
    let found = UserNetworks {
        allow: allow?,
        deny: deny?,
    };
    let (allow, deny) = (found.allow.iter(), found.deny.iter());
    Networks::parse(allow.map(String::as_str), deny.map(String::as_str))
        .map(|_| found.clone())
        .map_err(|error| error.to_string())
}

/// One network or address. Bits behind the length of a network are cut off, as other servers do.
fn network(text: &str) -> Result<String, String> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_canonical().to_string());
    }
    let short: String = text.chars().take(60).collect();
    match text.parse::<IpNet>() {
        Ok(network) => Ok(network.trunc().to_string()),
        Err(_) => Err(format!("{short:?} is neither an address nor a network")),
    }
}

/// The patterns of `from=` in authorized_keys (`sshd(8)`): addresses, networks, wildcards, each with
/// `!` before it where it may not come. Names of hosts are not looked up here, and so not taken.
pub(crate) fn patterns(list: &str) -> Result<UserNetworks, String> {
    let (mut allow, mut deny) = (Vec::new(), Vec::new());
    for pattern in list.split(',').map(str::trim) {
        match pattern.strip_prefix('!') {
            Some(pattern) => deny.push(pattern_network(pattern)?),
            None => allow.push(pattern_network(pattern)?),
        }
    }
    // Patterns that only say who may not come let nobody in.
    if allow.is_empty() {
        return Err("its from= names nobody who may come".to_owned());
    }
    // Anybody: `*` beside exceptions.
    if allow.iter().any(String::is_empty) {
        allow.clear();
    }
    if deny.iter().any(String::is_empty) {
        return Err("its from= lets nobody in".to_owned());
    }
    networks(allow, deny)
}

/// A network; empty where the pattern is everybody's.
fn pattern_network(pattern: &str) -> Result<String, String> {
    if pattern == "*" {
        return Ok(String::new());
    }
    if let Some(network) = wildcard(pattern) {
        return Ok(network.to_string());
    }
    network(pattern).map_err(|_| {
        let short: String = pattern.chars().take(60).collect();
        format!(
            "its from= holds {short:?}, which is neither an address nor a network; names of hosts \
             are not looked up here: write their addresses"
        )
    })
}

/// `192.0.2.*` and `192.0.*`: whole octets at the end.
fn wildcard(pattern: &str) -> Option<Ipv4Net> {
    let octets: Vec<&str> = pattern.split('.').collect();
    let known = octets.iter().take_while(|octet| **octet != "*").count();
    let stars = octets.get(known..)?;
    let whole = !stars.is_empty() && known > 0 && octets.len() <= 4;
    if !whole || stars.iter().any(|star| *star != "*") {
        return None;
    }
    let mut address = [0_u8; 4];
    for (place, octet) in address.iter_mut().zip(octets.get(..known)?) {
        *place = octet.parse().ok()?;
    }
    Ipv4Net::new(address.into(), u8::try_from(known * 8).ok()?).ok()
}

/// `2027-01-31`, `2027-01-31T12:00:00Z`, `2027-01-31 12:00:00` (UTC), or seconds since 1970.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Timestamp::from_seconds);
    }
    let whole = match text.split_once([' ', 'T']) {
        None => format!("{text}T00:00:00Z"),
        Some((day, rest)) if rest.contains(['Z', '+']) || rest.contains('-') => {
            format!("{day}T{}", rest.replace(' ', ""))
        }
        Some((day, rest)) => format!("{day}T{rest}Z"),
    };
    let time: jiff::Timestamp = whole.parse().ok()?;
    Some(Timestamp::from_seconds(time.as_second()))
}

/// The start of a day that is counted from 1970.
pub(crate) fn day(days: i64) -> Timestamp {
    Timestamp::from_seconds(days.saturating_mul(86_400))
}

/// As people read it, in UTC.
pub(crate) fn date(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_second(time.as_seconds());
    time.map(|time| time.strftime("%Y-%m-%d").to_string())
        .unwrap_or_default()
}

/// Bytes: `1073741824`, `1GiB`, `10MB`, `5K`.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "kb" => 1_000,
        "m" | "mib" => 1 << 20,
        "mb" => 1_000_000,
        "g" | "gib" => 1 << 30,
        "gb" => 1_000_000_000,
        "t" | "tib" => 1 << 40,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Yes or no, as tables write it.
pub(crate) fn yes(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "y" | "yes" | "t" | "true" | "on" => Some(true),
        "" | "0" | "n" | "no" | "f" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// `ENTRY=/BUCKET/TARGET`, with `:PERMISSIONS` behind it where less may be done there. A target
/// that is one object says `file:` before it. Keys may hold colons: only what reads as permissions
/// behind the last one is taken for some.
///
/// # Errors
/// Says what was expected.
pub fn mapping(text: &str) -> Result<Mapping, String> {
    let Some((entry, rest)) = text.split_once('=') else {
        let short: String = text.chars().take(80).collect();
        return Err(format!(
            "{short:?} is not ENTRY=/BUCKET/TARGET or ENTRY=/BUCKET/TARGET:PERMISSIONS"
        ));
    };
    let (kind, rest) = match rest.strip_prefix("file:") {
        Some(rest) => (MappingKind::File, rest),
        None => (MappingKind::Directory, rest),
    };
    let split = rest.rsplit_once(':');
    let split = split.and_then(|(target, list)| Some((target, list.parse::<Permissions>().ok()?)));
    let (target, permissions) = match split {
        Some((target, permissions)) => (target, Some(permissions)),
        None => (rest, None),
    };
    Ok(Mapping {
        entry: entry.trim().to_owned(),
        target: target.trim().to_owned(),
        kind,
        permissions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_from_become_networks() {
        let found = patterns("192.0.2.0/24,198.51.*,!192.0.2.7,2001:db8::1").expect("networks");
        assert_eq!(
            found.allow,
            ["192.0.2.0/24", "198.51.0.0/16", "2001:db8::1"]
        );
        assert_eq!(found.deny, ["192.0.2.7"]);
        let anybody = patterns("*,!203.0.113.9").expect("networks");
        assert!(anybody.allow.is_empty());
        for wrong in [
            "*.example.com",
            "!192.0.2.7",
            "192.0.2.?",
            "*,!*",
            "",
            "1.*.3.4",
        ] {
            assert!(patterns(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_days_instants_and_seconds() {
        let day = Timestamp::from_seconds(1_801_353_600);
        for text in [
            "2027-01-31",
            "2027-01-31T00:00:00Z",
            "2027-01-31 00:00:00",
            "2027-01-31 01:00:00+01:00",
            "1801353600",
        ] {
            assert_eq!(time(text), Some(day), "{text}");
        }
        assert_eq!(date(day), "2027-01-31");
        for wrong in ["", "soon", "31.1.2027", "2027-02-30", "0000-00-00 00:00:00"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("10"), Some(10));
        assert_eq!(bytes("1 GiB"), Some(1 << 30));
        assert_eq!(bytes("2MB"), Some(2_000_000));
        for wrong in ["", "x", "-1", "1 parsec", "99999999999T"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
