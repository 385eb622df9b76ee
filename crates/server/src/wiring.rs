//! From configuration to the parts of a node, floor by floor.

mod cloud;
mod providers;
mod trust;

use std::sync::Arc;

use anyhow::Context as _;
use database::{HostKey as StoredKey, Server};
use gateway::Gateway;
use identity::Identity;
use identity::defence::Guard;
use model::{KeyId, NodeId, Secret};
use ssh::{HostKey, HostKeyAlgorithm, HostKeys};
use storage::s3::{Credentials, S3Settings};
use storage::{BufferLimits, Buffers, Connection, Encryption, Stores};
use transfer::{Origin, Sweeper, Transfers};

use crate::config::{
    Completeness, Config, EncryptionKind, OwnerChangesKind, S3Config, StorageKind, StoreConfig,
    UnfinishedUploads, key_bytes,
};
use crate::logins::Logins;
use crate::target::State;

pub(crate) use self::cloud::table;
pub(crate) use self::providers::{Providers, with_providers};
pub(crate) use self::trust::TrustFiles;

/// Host key algorithms, as OpenSSH's clients prefer them.
const PREFERRED: [&str; 3] = ["ssh-ed25519", "ecdsa-", "ssh-rsa"];

/// The parts of a node above its database.
pub(crate) struct Parts {
    /// Reaches the buckets.
    pub(crate) stores: Arc<Stores>,
    /// Uploads in progress.
    pub(crate) transfers: Transfers,
    /// Settles what nodes that died left.
    pub(crate) sweeper: Sweeper,
    /// Sessions.
    pub(crate) gateway: Arc<Gateway>,
    /// Who comes in.
    pub(crate) logins: Logins,
    /// Keeps out who may not even be asked who he is.
    pub(crate) guard: Guard,
    /// The SSH door.
    pub(crate) ssh: ssh::Server,
}

/// Builds the parts of this run of the node. Nothing listens yet and no store is asked yet.
///
/// # Errors
/// Where a setting cannot be, or the server has no usable host key.
pub(crate) async fn build(state: &State, node: NodeId) -> anyhow::Result<Parts> {
    let config = &state.config;
    let Engine {
        stores,
        transfers,
        sweeper,
    } = engine(state, node)?;
    let uploads = Arc::clone(&transfers.buffers().in_flight);
    let gateway = Arc::new(Gateway::new(
        state.database.clone(),
        Arc::clone(&stores),
        transfers.clone(),
        Arc::clone(&state.clock),
        gateway_settings(config),
    ));
    let identity = with_providers(state)?;
    let (trust, trusted) = TrustFiles::read(&config.identity).context("identity")?;
    identity.set_trust(trusted);
    let guard = guard(state).await?;
    let floors = ssh::Floors {
        server: state.server.id.clone(),
        identity: identity.clone(),
        guard: guard.clone(),
        gateway: Arc::clone(&gateway),
        uploads,
        clock: Arc::clone(&state.clock),
    };
    let keys = host_keys(state).await?;
    let ssh =
        ssh::Server::new(floors, ssh_settings(config), &keys).context("start the SSH door")?;
    Ok(Parts {
        stores,
        transfers,
        sweeper,
        gateway,
        logins: Logins::new(identity, trust, config.identity.clone()),
        guard,
        ssh,
    })
}

/// What commands that work beside the nodes need of one.
pub(crate) struct Engine {
    /// Reaches the buckets.
    pub(crate) stores: Arc<Stores>,
    /// Uploads.
    pub(crate) transfers: Transfers,
    /// Settles what nodes that died left.
    pub(crate) sweeper: Sweeper,
}

/// Builds what lies below sessions. No store is asked yet.
///
/// # Errors
/// Where a setting cannot be.
pub(crate) fn engine(state: &State, node: NodeId) -> anyhow::Result<Engine> {
    engine_of(state, node, Origin::Clients)
}

/// The same for uploads that others than clients make.
///
/// # Errors
/// Where a setting cannot be.
pub(crate) fn engine_of(state: &State, node: NodeId, origin: Origin) -> anyhow::Result<Engine> {
    let config = &state.config;
    let stores = Arc::new(stores(config)?);
    let largest_copy = config.transfer.largest_copy;
    let settings = transfer::Settings {
        node,
        parallel_parts: config.transfer.parallel_parts as usize,
        unsaved: config.transfer.unsaved.bytes(),
        largest_copy: largest_copy.map_or(u64::MAX, |size| size.bytes()),
        retention: config.transfer.retention.duration(),
        claim_deadline: config.transfer.claim_wait.duration(),
        stale_claim: config.transfer.stale_claim.duration(),
        origin,
        ..transfer::Settings::default()
    };
    let transfers = Transfers::new(
        state.database.clone(),
        Buffers::new(&buffer_limits(config)),
        Arc::clone(&state.clock),
        settings,
    );
    let sweeper = Sweeper::new(transfers.clone(), Arc::clone(&stores));
    Ok(Engine {
        stores,
        transfers,
        sweeper,
    })
}

/// The built-in users of this installation alone, for whoever looks after them.
pub(crate) fn identity(state: &State) -> anyhow::Result<Identity> {
    let settings = identity::Settings::default();
    let identity = Identity::new(state.database.clone(), settings, Arc::clone(&state.clock))
        .context("start the identity provider")?;
    Ok(identity.with_password_policy(state.config.password.policy()))
}

/// The guard of the server, who remembers what earlier runs and other nodes know.
async fn guard(state: &State) -> anyhow::Result<Guard> {
    let settings = state.config.defence.settings().context("[defence]")?;
    let (server, database) = (state.server.id.clone(), state.database.clone());
    let guard = Guard::new(server, settings, database, Arc::clone(&state.clock));
    Box::pin(guard.remember())
        .await
        .context("read who is banned")?;
    Ok(guard)
}

fn buffer_limits(config: &Config) -> BufferLimits {
    let idle = usize::try_from(config.transfer.upload_memory.bytes()).unwrap_or(usize::MAX);
    BufferLimits {
        in_flight: config.transfer.upload_memory.bytes(),
        read_ahead: config.transfer.download_memory.bytes(),
        unsent: config.transfer.partial_memory.bytes(),
        idle,
        ..BufferLimits::default()
    }
}

/// What the gateway is told.
pub(crate) fn gateway_settings(config: &Config) -> gateway::Settings {
    let sftp = &config.sftp;
    gateway::Settings {
        max_handles: sftp.max_handles as usize,
        max_sessions: sftp.max_sessions as usize,
        max_sessions_per_user: sftp.max_sessions_per_user as usize,
        read_ahead: config.transfer.read_ahead.bytes(),
        rename_wait: sftp.rename_wait.duration(),
        owner_changes: match sftp.owner_changes {
            OwnerChangesKind::Ignore => gateway::OwnerChanges::Ignore,
            OwnerChangesKind::Refuse => gateway::OwnerChanges::Refuse,
        },
        rewrite_metadata: config.transfer.rewrite_metadata,
        unfinished: match config.transfer.unfinished {
            UnfinishedUploads::Resume => gateway::Unfinished::Resume,
            UnfinishedUploads::Discard => gateway::Unfinished::Discard,
        },
        completeness: config.transfer.completeness == Completeness::Declared,
        temporary_suffixes: config.transfer.temporary_suffixes.clone(),
        ..gateway::Settings::default()
    }
}

/// What the SSH door is told.
pub(crate) fn ssh_settings(config: &Config) -> ssh::Settings {
    let sftp = &config.sftp;
    let defaults = ssh::Settings::default();
    ssh::Settings {
        algorithms: ssh::AlgorithmPolicy::named(&sftp.algorithms).unwrap_or(defaults.algorithms),
        pre_auth_banner: sftp.banner.clone(),
        post_login_text: sftp.welcome.clone(),
        limits: ssh::Limits {
            connections: sftp.max_connections as usize,
            connections_per_address: sftp.max_connections_per_address as usize,
            startups: ssh::Startups {
                start: sftp.startups_begin as usize,
                rate: sftp.startups_rate,
                full: sftp.startups_full as usize,
            },
            startups_per_address: sftp.startups_per_address as usize,
            tarpit: config.defence.tarpit_places as usize,
            auth_attempts: sftp.max_login_attempts as usize,
            open_handles: sftp.max_handles.into(),
            ..defaults.limits
        },
        login_grace: sftp.login_grace.duration(),
        tarpit: config.defence.tarpit.duration() * 2,
        idle_timeout: sftp.idle_timeout.duration(),
        drain_deadline: config.drain.deadline.duration(),
        ..defaults
    }
}

/// The default connection and the named ones, each with its buckets.
///
/// # Errors
/// Where a setting cannot be.
pub(crate) fn stores(config: &Config) -> anyhow::Result<Stores> {
    let storage = &config.storage;
    let default = match storage.kind {
        StorageKind::Local => Connection::Local {
            root: config.local_root(),
        },
        StorageKind::S3 => Connection::S3(Box::new(s3_settings(&storage.s3)?)),
    };
    let connect = |store: &StoreConfig| {
        let name = &store.name;
        Ok(match (store.kind, &store.local.root) {
            (StorageKind::Local, Some(root)) => Connection::Local { root: root.clone() },
            (StorageKind::Local, None) => anyhow::bail!("the store {name} has no local.root"),
            (StorageKind::S3, _) => Connection::S3(Box::new(s3_settings(&store.s3)?)),
        })
    };
    let named = config.stores.iter().map(connect);
    let named = named.collect::<anyhow::Result<Vec<_>>>()?;
    let connected = config.connect_stores(default, named);
    connected.map_err(|(key, reason)| anyhow::anyhow!("{key}: {reason}"))
}

fn s3_settings(config: &S3Config) -> anyhow::Result<S3Settings> {
    let defaults = S3Settings::default();
    let credentials = match (
        config.access_key_id.secret(),
        config.secret_access_key.secret(),
    ) {
        (Some(access), Some(secret)) => Credentials::Static {
            access_key: access.expose().clone(),
            secret_key: secret.clone(),
            session_token: None,
        },
        _ => Credentials::Chain,
    };
    let encryption = match config.encryption {
        EncryptionKind::Bucket => Encryption::BucketDefault,
        EncryptionKind::S3 => Encryption::S3Managed,
        EncryptionKind::Kms => Encryption::Kms {
            key_id: config.kms_key_id.clone(),
        },
        EncryptionKind::Customer => {
            let key = config.customer_key.secret().and_then(key_bytes);
            let key = key.context("storage.s3.customer_key is not a key")?;
            Encryption::Customer {
                key: Secret::new(key),
            }
        }
    };
    Ok(S3Settings {
        endpoint: config.endpoint.clone(),
        sts_endpoint: config.sts_endpoint.clone(),
        role_duration: config.role_duration.duration(),
        region: config.region.clone().unwrap_or(defaults.region),
        path_style: config.path_style.unwrap_or(config.endpoint.is_some()),
        credentials,
        encryption,
        checksums: config.checksums,
        ..defaults
    })
}

/// The server's host keys; made at the first start.
///
/// # Errors
/// Where one cannot be read, or none can be made.
pub(crate) async fn host_keys(state: &State) -> anyhow::Result<HostKeys> {
    let table = state.database.host_keys();
    let mut stored = table
        .list(&state.server.id)
        .await
        .context("read the host keys")?;
    if stored.is_empty() {
        let new = make_host_keys(&state.server, state.clock.now()).await?;
        stored = table
            .add_first(&state.server.id, &new)
            .await
            .context("store new host keys")?;
    }
    // In the order that clients prefer them, whenever they came.
    stored.sort_by_key(|key| {
        PREFERRED
            .iter()
            .position(|name| key.algorithm.starts_with(name))
            .unwrap_or(PREFERRED.len())
    });
    let keys = stored.iter().map(|key| {
        HostKey::import(key.private_key.expose(), None)
            .with_context(|| format!("read the host key {}", key.fingerprint))
    });
    HostKeys::new(keys.collect::<anyhow::Result<_>>()?).context("use the host keys")
}

async fn make_host_keys(server: &Server, now: model::Timestamp) -> anyhow::Result<Vec<StoredKey>> {
    let server = server.clone();
    let make = move || {
        let keys = HostKeyAlgorithm::ALL.into_iter().map(|algorithm| {
            let key = HostKey::generate(algorithm)?;
            anyhow::Ok(stored_key(&server, &key, now)?)
        });
        keys.collect::<anyhow::Result<Vec<_>>>()
    };
    tokio::task::spawn_blocking(make)
        .await
        .context("make host keys")?
}

/// The row for a host key.
pub(crate) fn stored_key(
    server: &Server,
    key: &HostKey,
    now: model::Timestamp,
) -> anyhow::Result<StoredKey> {
    Ok(StoredKey {
        id: KeyId::generate(),
        server: server.id.clone(),
        algorithm: key.algorithm(),
        private_key: key.to_openssh()?,
        fingerprint: key.fingerprint(),
        created: now,
    })
}
