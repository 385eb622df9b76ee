//! What two servers show everybody: host keys, algorithms and version.

use std::collections::BTreeMap;

use client::{
    Connection, Endpoint, Fingerprint, HostKeyCheck, HostKeyKind, LogIn, Offer, Seen, Settings,
    Sftp,
};

use super::notice::{Collector, Notices, Weight};
use super::users::Partner;
use crate::{Error, Result};

/// Parts of names of algorithms that newer servers leave away, while old clients know no others.
const OLD: [&str; 6] = ["sha1", "md5", "-cbc", "arcfour", "ssh-dss", "ripemd"];
const LOCKED_OUT: &str = "a client that knows no others is locked out";
const WARNED: &str = "clients that remember it warn, or refuse to connect";
const ASKED: &str = "clients that remember another kind may ask";

/// A server, and which host key it must have.
#[derive(Debug, Clone)]
pub struct Door {
    /// Where it is, and where on it the comparison begins.
    pub endpoint: Endpoint,
    /// Its host keys: any of those that are known is enough.
    pub check: HostKeyCheck,
}

/// A server that was looked at, and how to connect to it.
#[derive(Debug, Clone)]
pub(crate) struct Entrance {
    door: Door,
    settings: Settings,
}

/// A session of a partner at one of the servers.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) sftp: Sftp,
    pub(crate) home: Vec<u8>,
    /// Ends with this.
    _connection: Connection,
}

/// What a server shows before anybody logs in.
struct Shown {
    offer: Offer,
    keys: BTreeMap<HostKeyKind, Fingerprint>,
    agreed: Seen,
}

impl Door {
    /// Looks at a server, host key by host key, and finds out with which it is to be connected to.
    async fn look(&self) -> Result<(Entrance, Shown)> {
        let settings = Settings::default();
        let offer = Offer::of(&self.endpoint, &settings).await.map_err(failed)?;
        let mut keys = BTreeMap::new();
        for kind in HostKeyKind::ALL {
            if kind.is_offered(&offer.host_keys) {
                let seen = self.seen(&HostKeyCheck::TrustFirst, only(kind)).await?;
                keys.extend(seen.host_key.map(|key| (kind, key.fingerprint)));
            }
        }
        let known = |(_, key): &(&HostKeyKind, &Fingerprint)| match &self.check {
            HostKeyCheck::Known(known) => known.contains(key),
            HostKeyCheck::TrustFirst => false,
        };
        let host_key = keys.iter().find(known).map(|(kind, _)| *kind);
        let settings = Settings {
            host_key,
            ..settings
        };
        let entrance = Entrance {
            door: self.clone(),
            settings,
        };
        // One who is not who he should be is refused here.
        let agreed = entrance.connect().await?.seen();
        let shown = Shown {
            offer,
            keys,
            agreed,
        };
        Ok((entrance, shown))
    }

    async fn seen(&self, check: &HostKeyCheck, settings: Settings) -> Result<Seen> {
        let connected = Connection::connect(&self.endpoint, check.clone(), settings).await;
        let connection = connected.map_err(failed)?;
        let seen = connection.seen();
        connection.close().await;
        Ok(seen)
    }
}

fn only(kind: HostKeyKind) -> Settings {
    Settings {
        host_key: Some(kind),
        ..Settings::default()
    }
}

impl Entrance {
    async fn connect(&self) -> Result<Connection> {
        let (door, settings) = (&self.door, self.settings.clone());
        let connected = Connection::connect(&door.endpoint, door.check.clone(), settings);
        connected.await.map_err(failed)
    }

    /// Logs in; none where that is refused.
    pub(crate) async fn enter(&self, partner: &Partner) -> Result<(Seen, Option<Place>)> {
        let mut connection = self.connect().await?;
        let taken = connection.log_in(&partner.name, &partner.credential).await;
        if taken.map_err(failed)? == LogIn::Refused {
            return Ok((connection.seen(), None));
        }
        let sftp = connection.sftp().await.map_err(failed)?;
        let path = self.door.endpoint.path.as_bytes();
        let home = sftp.real_path(path).await.map_err(failed)?;
        let seen = connection.seen();
        let place = Place {
            sftp,
            home: home.to_vec(),
            _connection: connection,
        };
        Ok((seen, Some(place)))
    }
}

/// Compares what is shown before anybody logs in.
pub(crate) async fn compare_servers(
    old: &Door,
    new: &Door,
) -> Result<((Entrance, Entrance), Notices)> {
    let (one, other) = tokio::try_join!(Box::pin(old.look()), Box::pin(new.look()))?;
    let ((old, before), (new, after)) = (one, other);
    let mut found = Collector::new(None, usize::MAX);
    compare_host_keys(&before, &after, &mut found);
    compare_offers(&before.offer, &after.offer, &mut found);
    let shown = |shown: &Shown| shown.agreed.algorithms.as_ref().map(agreed);
    let remarks = [
        (
            "algorithms that a client of today agrees on",
            shown(&before),
            shown(&after),
        ),
        (
            "version",
            Some(before.offer.version),
            Some(after.offer.version),
        ),
    ];
    for (what, one, other) in remarks {
        found.add(Weight::Remark, what, None, (one, other), None);
    }
    Ok(((old, new), found.told))
}

fn compare_host_keys(before: &Shown, after: &Shown, found: &mut Collector) {
    for kind in HostKeyKind::ALL {
        let key = |shown: &Shown| shown.keys.get(&kind).map(Fingerprint::to_string);
        let (one, other) = (key(before), key(after));
        let (weight, meaning) = match one.is_some() {
            true => (Weight::Difference, WARNED),
            false => (Weight::Remark, ASKED),
        };
        let of = Some(kind.name());
        found.add(weight, "host key", of, (one, other), Some(meaning));
    }
}

fn compare_offers(before: &Offer, after: &Offer, found: &mut Collector) {
    let lists = [
        ("key exchanges", &before.key_exchanges, &after.key_exchanges),
        ("host key algorithms", &before.host_keys, &after.host_keys),
        ("ciphers", &before.ciphers, &after.ciphers),
        ("MACs", &before.macs, &after.macs),
        ("compressions", &before.compressions, &after.compressions),
    ];
    for (what, one, other) in lists {
        let is_old =
            |name: &&String| OLD.iter().any(|part| name.contains(part)) || **name == "ssh-rsa";
        let lost = || one.iter().filter(|name| !other.contains(name));
        let gained = other.iter().filter(|name| !one.contains(name));
        let needed = (joined(lost().filter(is_old)), None);
        found.add(Weight::Difference, what, None, needed, Some(LOCKED_OUT));
        let others = lost().filter(|name| !is_old(name));
        found.add(
            Weight::Remark,
            what,
            None,
            (joined(others), joined(gained)),
            None,
        );
    }
}

/// As one text; none where there are none.
fn joined<'n>(names: impl Iterator<Item = &'n String>) -> Option<String> {
    let names: Vec<&str> = names.map(String::as_str).collect();
    (!names.is_empty()).then(|| format!("{} alone", names.join(" ")))
}

fn agreed(agreed: &client::Algorithms) -> String {
    let mac = match agreed.cipher.contains("gcm") || agreed.cipher.contains("poly1305") {
        true => "",
        false => agreed.mac.as_str(),
    };
    let (kex, host_key, cipher) = (&agreed.key_exchange, &agreed.host_key, &agreed.cipher);
    format!("{kex} {host_key} {cipher} {mac}")
        .trim_end()
        .to_owned()
}

pub(crate) fn failed(error: client::Error) -> Error {
    let reason = error.to_string();
    Error::new(error.kind(), "compare", "the servers", reason).caused_by(error)
}
