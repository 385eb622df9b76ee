//! Opens the source of an import.

use std::sync::Arc;

use anyhow::Context as _;
use client::{Credential, Endpoint, HostKeyCheck};
use model::Secret;
use moving::files::{Bucket, Folder, Job, Place, Remote, Source};
use storage::s3::{Credentials, S3Settings};
use storage::{Connection, ObjectStore, Stores};

use super::place::From;
use crate::cli::ImportFilesArgs;
use crate::wiring::Engine;

/// What it takes to reach a source.
pub(super) struct Reached<'a> {
    pub(super) arguments: &'a ImportFilesArgs,
    pub(super) job: &'a Job,
    pub(super) engine: &'a Engine,
    pub(super) store: &'a Arc<dyn ObjectStore>,
}

impl Reached<'_> {
    /// Opens it.
    pub(super) async fn source(&self, from: &From) -> anyhow::Result<Arc<dyn Source>> {
        Ok(match from {
            From::Folder(path) => Arc::new(Folder::open(path)?),
            From::Remote(endpoint) => Arc::new(self.remote(endpoint).await?),
            From::Bucket(place) => Arc::new(self.bucket(place).await?),
        })
    }

    async fn remote(&self, endpoint: &Endpoint) -> anyhow::Result<Remote> {
        let user = endpoint.user.clone();
        let user = user.context("say who logs in to the source: sftp://USER@HOST/DIR")?;
        let credential = self.credential()?;
        let check = self.host_key_check()?;
        let connections = usize::from(self.arguments.connections);
        let connected = Remote::connect(endpoint.clone(), user, credential, check, connections);
        let (remote, shown) = connected.await?;
        let shown = shown.to_string();
        if self.job.host_key() != Some(shown.as_str()) {
            self.job.remember_host_key(&shown).await?;
            eprintln!("the source's host key is {shown}");
        }
        Ok(remote)
    }

    fn credential(&self) -> anyhow::Result<Credential> {
        match (&self.arguments.identity, &self.arguments.password_file) {
            (Some(file), _) => Ok(Credential::key_file(file)?),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file);
                let text = text.with_context(|| format!("read {}", file.display()))?;
                let password = text.lines().next().unwrap_or_default();
                Ok(Credential::Password(Secret::new(password.to_owned())))
            }
            (None, None) => anyhow::bail!(
                "say what to log in to the source with: --identity FILE or --password-file FILE"
            ),
        }
    }

    /// What was said now counts more than what was seen before.
    fn host_key_check(&self) -> anyhow::Result<HostKeyCheck> {
        let known = self.arguments.host_key.as_deref().or(self.job.host_key());
        match known {
            Some(known) => Ok(HostKeyCheck::Known(vec![known.parse()?])),
            None if self.arguments.trust_host_key => Ok(HostKeyCheck::TrustFirst),
            None => anyhow::bail!(
                "say which host key the source has: --host-key SHA256:.. (its `ssh-keygen -lf` prints \
                 it), or --trust-host-key to take what it shows the first time"
            ),
        }
    }

    async fn bucket(&self, place: &Place) -> anyhow::Result<Bucket> {
        let other;
        let stores: &Stores = match &self.arguments.from_endpoint {
            None => &self.engine.stores,
            Some(endpoint) => {
                other = Stores::new(self.connection(endpoint));
                &other
            }
        };
        let store = stores.bucket(&place.bucket).await;
        let store = store.with_context(|| format!("open the source {}", self.arguments.from))?;
        let buffers = self.engine.transfers.buffers().clone();
        Ok(Bucket::new(store, &place.prefix, &**self.store, buffers))
    }

    fn connection(&self, endpoint: &str) -> Connection {
        let defaults = S3Settings::default();
        let region = self.arguments.from_region.clone();
        Connection::S3(Box::new(S3Settings {
            endpoint: Some(endpoint.to_owned()),
            region: region.unwrap_or(defaults.region),
            path_style: true,
            credentials: Credentials::Chain,
            ..defaults
        }))
    }
}
