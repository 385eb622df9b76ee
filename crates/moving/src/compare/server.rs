//! What two servers show everybody: host keys, algorithms, version and banner.

use client::{Connection, Endpoint, HostKeyCheck, LogIn, Seen, Settings, Sftp};

use super::notice::{Collector, Notices};
use super::users::Partner;
use crate::{Error, Result};

/// A server, and which host key it must have.
#[derive(Debug, Clone)]
pub struct Door {
    /// Where it is, and where on it the comparison begins.
    pub endpoint: Endpoint,
    /// Its host key.
    pub check: HostKeyCheck,
}

/// A session of a partner at one of the servers.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) sftp: Sftp,
    pub(crate) home: Vec<u8>,
    /// Ends with this.
    _connection: Connection,
}

impl Door {
    async fn connect(&self) -> Result<Connection> {
        let connected =
            Connection::connect(&self.endpoint, self.check.clone(), Settings::default());
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
        let home = sftp
            .real_path(self.endpoint.path.as_bytes())
            .await
            .map_err(failed)?;
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
pub(crate) async fn compare_servers(old: &Door, new: &Door) -> Result<Notices> {
    let (one, other) = tokio::try_join!(old.connect(), new.connect())?;
    let (one, other) = (one.seen(), other.seen());
    let mut found = Collector::new(None, usize::MAX);
    found.compare("host key", None, host_key(&one), host_key(&other));
    let agreed = |seen: &Seen, which: fn(&client::Algorithms) -> &str| {
        seen.algorithms
            .as_ref()
            .map(|agreed| which(agreed).to_owned())
    };
    let names: [(&'static str, fn(&client::Algorithms) -> &str); 4] = [
        ("key exchange", |agreed| &agreed.key_exchange),
        ("host key algorithm", |agreed| &agreed.host_key),
        ("cipher", |agreed| &agreed.cipher),
        ("mac", |agreed| &agreed.mac),
    ];
    for (what, which) in names {
        found.compare(what, None, agreed(&one, which), agreed(&other, which));
    }
    found.compare("version", None, one.version, other.version);
    Ok(found.told)
}

fn host_key(seen: &Seen) -> Option<String> {
    let key = seen.host_key.as_ref()?;
    Some(format!("{} {}", key.algorithm, key.fingerprint))
}

pub(crate) fn failed(error: client::Error) -> Error {
    let reason = error.to_string();
    Error::new(error.kind(), "compare", "the servers", reason).caused_by(error)
}
