//! What the SSH layer asks and tells while it works: the host key, algorithms, banners.

use std::sync::{Arc, Mutex, PoisonError};

use russh::Names;
use russh::client::{self, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};

use crate::{Algorithms, Fingerprint, HostKey, HostKeyCheck, Seen};

/// Host keys that a server may announce, and bytes of its banner, that are kept.
const ANNOUNCED: usize = 32;
const BANNER: usize = 64 << 10;

/// Looks at what the server shows, and keeps it.
pub(crate) struct Observer {
    check: HostKeyCheck,
    seen: Arc<Mutex<Seen>>,
}

impl Observer {
    pub(crate) fn new(check: HostKeyCheck, seen: Arc<Mutex<Seen>>) -> Self {
        Self { check, seen }
    }

    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl client::Handler for Observer {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let shown = host_key(&key.public_key());
        let taken = self.check.takes(&shown.fingerprint);
        self.note(|seen| seen.host_key = Some(shown));
        Ok(taken)
    }

    async fn kex_done(
        &mut self,
        _secret: Option<&[u8]>,
        names: &Names,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let version = String::from_utf8_lossy(session.remote_sshid())
            .trim()
            .to_owned();
        let agreed = Algorithms {
            key_exchange: names.kex.as_ref().to_owned(),
            host_key: names.key.as_str().to_owned(),
            cipher: names.cipher.as_ref().to_owned(),
            mac: names.client_mac.as_ref().to_owned(),
            strict: names.strict_kex(),
        };
        self.note(|seen| {
            seen.version.get_or_insert(version);
            seen.algorithms.get_or_insert(agreed);
        });
        Ok(())
    }

    async fn auth_banner(
        &mut self,
        banner: &str,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.note(|seen| {
            let all = seen.banner.get_or_insert_default();
            let room = BANNER.saturating_sub(all.len());
            all.extend(banner.chars().take(room));
        });
        Ok(())
    }

    async fn openssh_ext_host_keys_announced(
        &mut self,
        keys: Vec<PublicKey>,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.note(|seen| seen.announced = keys.iter().take(ANNOUNCED).map(host_key).collect());
        Ok(())
    }
}

fn host_key(key: &PublicKey) -> HostKey {
    HostKey {
        algorithm: key.algorithm().as_str().to_owned(),
        fingerprint: Fingerprint::of(key),
    }
}
