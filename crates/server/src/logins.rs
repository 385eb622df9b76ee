//! Who comes in, as a reload changes it: providers, routing, methods, authorities, what is revoked.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use gateway::Gateway;
use identity::Identity;
use identity::certificate::Trust;
use model::Clock;
use tokio::sync::watch;

use crate::config::IdentityConfig;
use crate::wiring::{Providers, TrustFiles};

/// Who comes in to a running node.
pub(crate) struct Logins {
    identity: Identity,
    files: SharedFiles,
    settings: watch::Sender<IdentityConfig>,
}

/// The files of authorities and of revoked keys, for whoever looks whether they changed.
pub(crate) type SharedFiles = Arc<Mutex<TrustFiles>>;

/// A whole `[identity]` that can be taken over: everything that can fail has been done.
pub(crate) struct Wanted {
    providers: Providers,
    files: TrustFiles,
    trust: Trust,
    settings: IdentityConfig,
}

impl Wanted {
    /// Builds the providers and reads the files. Nobody is asked anything yet.
    ///
    /// # Errors
    /// Where a provider cannot be set up, or a file cannot be read.
    pub(crate) fn of(config: &IdentityConfig, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let providers = Providers::of(config, clock)?;
        let (files, trust) = TrustFiles::read(config).context("identity")?;
        Ok(Self {
            providers,
            files,
            trust,
            settings: config.clone(),
        })
    }
}

impl Logins {
    /// Those of a node that starts.
    pub(crate) fn new(identity: Identity, files: TrustFiles, settings: IdentityConfig) -> Self {
        Self {
            identity,
            files: Arc::new(Mutex::new(files)),
            settings: watch::Sender::new(settings),
        }
    }

    /// Who tells who somebody is.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The files that are followed.
    pub(crate) fn files(&self) -> SharedFiles {
        Arc::clone(&self.files)
    }

    /// How often sessions are asked about, and what follows where nobody answers.
    pub(crate) fn settings(&self) -> watch::Receiver<IdentityConfig> {
        self.settings.subscribe()
    }

    /// From now on this holds: the next login is asked about where it says, and sessions that came
    /// in by what is trusted no longer end.
    pub(crate) fn take_over(&self, wanted: Wanted, gateway: &Gateway) {
        wanted.providers.take_over(&self.identity);
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        *files = wanted.files;
        self.identity.set_trust(wanted.trust);
        drop(files);
        gateway.end_distrusted_sessions(&self.identity);
        self.settings.send_replace(wanted.settings);
    }
}
