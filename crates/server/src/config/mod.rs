//! The configuration: what the file may say, with its defaults.
//!
//! One TOML file, overlaid by `PIERHEAD_*` variables (meant for secrets), parsed once into these
//! types. `docs/CONFIGURATION.md` is generated from [`mod@reference`].

mod admin;
mod changes;
mod database;
mod defence;
mod drain;
mod env;
mod error;
mod hidden;
mod identity;
mod load;
mod log;
mod node;
mod password;
pub mod reference;
mod s3;
mod secrets;
mod sftp;
mod storage;
mod stores;
mod sweeper;
mod transfer;
mod units;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::database::DatabaseConfig;
pub use self::identity::{
    DynamoDbConfig, HttpConfig, IdentityConfig, LambdaConfig, LdapConfig, ProviderConfig,
    ProviderKind,
};
pub use self::log::{LogConfig, LogFormat};
pub use self::storage::{LocalConfig, StorageConfig, StorageKind};
pub use self::transfer::{Completeness, TransferConfig, UnfinishedUploads};
pub use admin::{AdminConfig, TlsConfig};
pub use changes::Changes;
pub use defence::DefenceConfig;
pub use drain::DrainConfig;
pub use env::process_environment;
pub use error::ConfigError;
pub use hidden::Hidden;
pub use load::{load, load_text};
pub use node::NodeConfig;
pub use password::PasswordConfig;
pub use s3::{EncryptionKind, S3Config};
pub use secrets::SecretsConfig;
pub(crate) use secrets::key_bytes;
pub use sftp::{OwnerChangesKind, SftpConfig};
pub use stores::StoreConfig;
pub use sweeper::SweeperConfig;
pub use units::{ByteSize, Span};

/// Everything a node is told. Each section has a file of its own.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where a node keeps its embedded state, its control socket and, by default, its files.
    pub data: PathBuf,
    /// Users, keys, transfers and events.
    pub database: DatabaseConfig,
    /// Where files go.
    pub storage: StorageConfig,
    /// `[[stores]]`
    pub stores: Vec<StoreConfig>,
    /// The SFTP and SCP door.
    pub sftp: SftpConfig,
    /// Who is kept out before he is asked who he is.
    pub defence: DefenceConfig,
    /// What a password that is set has to satisfy.
    pub password: PasswordConfig,
    /// Health and metrics.
    pub admin: AdminConfig,
    /// Limits of the transfer engine.
    pub transfer: TransferConfig,
    /// Logs.
    pub log: LogConfig,
    /// What dead nodes left.
    pub sweeper: SweeperConfig,
    /// How long a node counts as alive.
    pub node: NodeConfig,
    /// How a node goes down.
    pub drain: DrainConfig,
    /// Keys that seal what the database holds.
    pub secrets: SecretsConfig,
    /// Who is asked about logins, and what users have to show.
    pub identity: IdentityConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("./pierhead-data"),
            database: DatabaseConfig::default(),
            storage: StorageConfig::default(),
            stores: Vec::new(),
            sftp: SftpConfig::default(),
            defence: DefenceConfig::default(),
            password: PasswordConfig::default(),
            admin: AdminConfig::default(),
            transfer: TransferConfig::default(),
            log: LogConfig::default(),
            sweeper: SweeperConfig::default(),
            node: NodeConfig::default(),
            drain: DrainConfig::default(),
            secrets: SecretsConfig::default(),
            identity: IdentityConfig::default(),
        }
    }
}

impl Config {
    /// The defaults, with everything under one folder.
    pub fn for_data(data: PathBuf) -> Self {
        Self {
            data,
            ..Self::default()
        }
    }

    /// The database's URL. May hold a password.
    pub fn database_url(&self) -> model::Secret<String> {
        self.database.url.secret().cloned().unwrap_or_else(|| {
            let path = self.data.join("pierhead.db");
            model::Secret::new(format!("sqlite://{}", path.display()))
        })
    }

    /// The folder of the local store.
    pub fn local_root(&self) -> PathBuf {
        self.storage
            .local
            .root
            .clone()
            .unwrap_or_else(|| self.data.join("objects"))
    }

    /// Takes over what a running node can: see [`Changes`].
    pub(crate) fn take_live(&mut self, wanted: &Self) {
        self.sftp = SftpConfig {
            listen: std::mem::take(&mut self.sftp.listen),
            proxy_listen: std::mem::take(&mut self.sftp.proxy_listen),
            proxy_trusted: std::mem::take(&mut self.sftp.proxy_trusted),
            max_handles: self.sftp.max_handles,
            rename_wait: self.sftp.rename_wait,
            owner_changes: self.sftp.owner_changes,
            ..wanted.sftp.clone()
        };
        self.defence = wanted.defence.clone();
        self.log.level.clone_from(&wanted.log.level);
        self.drain = wanted.drain.clone();
        self.identity = wanted.identity.clone();
    }

    /// The socket that `pierhead reload` speaks to.
    pub fn control_socket(&self) -> PathBuf {
        self.data.join("control.sock")
    }
}
