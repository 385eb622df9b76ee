//! Where files come from and go to, as the command line says it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use client::Endpoint;
use moving::files::Place;
use storage::{DEFAULT_STORE, Stores};

use crate::cli::ImportFilesArgs;
use crate::config::{Config, StorageKind};

/// Where files come from.
#[derive(Debug)]
pub(super) enum From {
    Folder(PathBuf),
    Remote(Endpoint),
    Bucket(Place),
}

impl From {
    /// Reads a source.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        if text.starts_with("sftp://") {
            return Ok(Self::Remote(Endpoint::parse(text)?));
        }
        if let Some(place) = text.strip_prefix("s3://") {
            let place = Place::parse(place).map_err(anyhow::Error::msg);
            return Ok(Self::Bucket(place.with_context(|| format!("read {text}"))?));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            anyhow::bail!("{scheme}:// is no source: name a folder, sftp:// or s3://");
        }
        let folder = Path::new(text).canonicalize();
        Ok(Self::Folder(
            folder.with_context(|| format!("open the folder {text}"))?,
        ))
    }

    /// As the name of the job has it: one place has one text.
    pub(super) fn text(&self, arguments: &ImportFilesArgs) -> String {
        match self {
            Self::Folder(path) => path.display().to_string(),
            Self::Remote(endpoint) => endpoint.to_string(),
            Self::Bucket(place) => {
                let place = format!("s3://{}/{}", place.bucket, place.prefix);
                match &arguments.from_endpoint {
                    Some(endpoint) => format!("{place} at {endpoint}"),
                    None => place,
                }
            }
        }
    }

    /// Refuses a source that lies in its target, or around it.
    pub(super) fn check_apart(
        &self,
        arguments: &ImportFilesArgs,
        target: &Place,
        stores: &Stores,
        config: &Config,
    ) -> anyhow::Result<()> {
        let meets = match self {
            Self::Folder(source) => local_root(target, stores, config).is_some_and(|root| {
                let root = root.join(target.bucket.as_str()).join(&target.prefix);
                let root = root.canonicalize().unwrap_or(root);
                root.starts_with(source) || source.starts_with(&root)
            }),
            Self::Bucket(source) => {
                let (one, other) = (format!("{}/", source.prefix), format!("{}/", target.prefix));
                let (one, other) = (one.trim_start_matches('/'), other.trim_start_matches('/'));
                arguments.from_endpoint.is_none()
                    && source.bucket == target.bucket
                    && (one.starts_with(other) || other.starts_with(one))
            }
            Self::Remote(_) => false,
        };
        anyhow::ensure!(
            !meets,
            "{} and {} lie in one another: files cannot move into themselves",
            arguments.from,
            arguments.to
        );
        Ok(())
    }
}

/// Where files go: the bucket must be reached through a store of the kind that the text says.
pub(super) fn target(text: &str, stores: &Stores, config: &Config) -> anyhow::Result<Place> {
    let (kind, rest) = match (text.strip_prefix("s3://"), text.strip_prefix("local:/")) {
        (Some(rest), _) => (StorageKind::S3, rest),
        (None, Some(rest)) => (StorageKind::Local, rest),
        (None, None) => {
            anyhow::bail!("{text} is no target: name s3://BUCKET/PREFIX or local:/BUCKET/PREFIX")
        }
    };
    let place = Place::parse(rest).map_err(anyhow::Error::msg);
    let place = place.with_context(|| format!("read {text}"))?;
    let name = stores.name_of(&place.bucket);
    let reached = match name {
        DEFAULT_STORE => config.storage.kind,
        name => {
            let named = config.stores.iter().find(|store| store.name == name);
            named.map_or(config.storage.kind, |store| store.kind)
        }
    };
    anyhow::ensure!(
        reached == kind,
        "{text}: the configuration reaches the bucket {} through the store {name}, which is {}",
        place.bucket,
        match reached {
            StorageKind::S3 => "an S3 store: write s3://",
            StorageKind::Local => "a folder: write local:/",
        }
    );
    Ok(place)
}

/// The folder that holds the target's bucket, where it is one.
fn local_root(target: &Place, stores: &Stores, config: &Config) -> Option<PathBuf> {
    match stores.name_of(&target.bucket) {
        DEFAULT_STORE => (config.storage.kind == StorageKind::Local).then(|| config.local_root()),
        name => {
            let store = config.stores.iter().find(|store| store.name == name)?;
            store.local.root.clone()
        }
    }
}
