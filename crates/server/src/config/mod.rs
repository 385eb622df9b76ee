//! The configuration: what the file may say, with its defaults.
//!
//! One TOML file, overlaid by `PIERHEAD_*` variables (meant for secrets), parsed once into these
//! types. `docs/CONFIGURATION.md` is generated from [`mod@reference`].

mod changes;
mod defence;
mod env;
mod identity;
mod load;
mod node;
mod password;
pub mod reference;
mod stores;
mod units;

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use self::identity::{
    DynamoDbConfig, HttpConfig, IdentityConfig, LambdaConfig, LdapConfig, ProviderConfig,
    ProviderKind,
};
pub use changes::Changes;
pub use defence::DefenceConfig;
pub use env::process_environment;
pub(crate) use load::key_bytes;
pub use load::{ConfigError, load, load_text};
pub use node::NodeConfig;
pub use password::PasswordConfig;
pub use stores::StoreConfig;
pub use units::{ByteSize, Span};

/// Everything a node is told.
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

/// `[database]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `sqlite://PATH` or `postgres://…`; `sqlite://DATA/pierhead.db` where absent.
    pub url: Hidden,
    /// How long a write is tried again while the database does not answer.
    pub write_deadline: Span,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: Hidden::default(),
            write_deadline: Span::seconds(30),
        }
    }
}

/// `[storage]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// `local` or `s3`.
    pub kind: StorageKind,
    /// The local store.
    pub local: LocalConfig,
    /// An S3 endpoint.
    pub s3: S3Config,
}

/// Which store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// A folder of this machine.
    #[default]
    Local,
    /// Amazon S3 or a server that speaks its API.
    S3,
}

/// `[storage.local]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocalConfig {
    /// The folder whose sub-folders are buckets; `DATA/objects` where absent.
    pub root: Option<PathBuf>,
}

/// `[storage.s3]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3Config {
    /// The endpoint's URL; Amazon's own where absent.
    pub endpoint: Option<String>,
    /// The URL of STS, for roles that name IAM roles; `endpoint`, else Amazon's own where absent.
    pub sts_endpoint: Option<String>,
    /// How long the keys of an IAM role are asked for.
    pub role_duration: Span,
    /// The region; from the environment or the instance where absent.
    pub region: Option<String>,
    /// Buckets in the path instead of the host name. On where an endpoint is given.
    pub path_style: Option<bool>,
    /// Static credentials; the AWS credential chain where absent.
    pub access_key_id: Hidden,
    /// See `access_key_id`.
    pub secret_access_key: Hidden,
    /// Encryption at rest by the store.
    pub encryption: EncryptionKind,
    /// For `kms`: the key's id, ARN or alias.
    pub kms_key_id: Option<String>,
    /// For `customer`: 32 bytes in base64.
    pub customer_key: Hidden,
    /// CRC64NVME on every part and object.
    pub checksums: bool,
    /// The bucket for staging; the bucket of each upload where absent.
    pub staging_bucket: Option<String>,
}

/// Encryption at rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EncryptionKind {
    /// As the bucket says.
    #[default]
    Bucket,
    /// SSE-S3.
    S3,
    /// SSE-KMS.
    Kms,
    /// SSE-C.
    Customer,
}

impl S3Config {
    /// What is wrong with `role_duration`, if anything is: STS hands out keys for 15 minutes to 12
    /// hours.
    pub(crate) fn role_duration_objection(&self) -> Option<String> {
        let minutes = self.role_duration.duration().as_secs() / 60;
        let fits = (15..=12 * 60).contains(&minutes);
        (!fits).then(|| "must be 15m to 12h: STS hands out keys for no other time".to_owned())
    }
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            endpoint: None,
            sts_endpoint: None,
            role_duration: Span::minutes(60),
            region: None,
            path_style: None,
            access_key_id: Hidden::default(),
            secret_access_key: Hidden::default(),
            encryption: EncryptionKind::default(),
            kms_key_id: None,
            customer_key: Hidden::default(),
            checksums: true,
            staging_bucket: None,
        }
    }
}

/// `[sftp]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SftpConfig {
    /// Addresses to listen on; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// Addresses to listen on for balancers that speak the PROXY protocol.
    pub proxy_listen: Vec<SocketAddr>,
    /// The networks of those balancers.
    pub proxy_trusted: Vec<IpNet>,
    /// The algorithm policy: `default`, `aws-2025` or `legacy`.
    pub algorithms: String,
    /// Text shown before the login.
    pub banner: Option<String>,
    /// Text shown after the login.
    pub welcome: Option<String>,
    /// Connections that have not logged in yet: from this many on, some are refused.
    pub startups_begin: u32,
    /// Per cent refused from `startups_begin` on, rising to all at `startups_full`.
    pub startups_rate: u8,
    /// From this many on, all are refused.
    pub startups_full: u32,
    /// Of one address, at most so many.
    pub startups_per_address: u32,
    /// Connections in all.
    pub max_connections: u32,
    /// Connections from one address.
    pub max_connections_per_address: u32,
    /// Sessions of one user.
    pub max_sessions_per_user: u32,
    /// Sessions of this server, all users.
    pub max_sessions: u32,
    /// Open handles of one session.
    pub max_handles: u32,
    /// From the connection to the login.
    pub login_grace: Span,
    /// Without a request (keepalives do not count).
    pub idle_timeout: Span,
    /// Tries to log in on one connection.
    pub max_login_attempts: u32,
    /// How long RENAME of a file waits for its copy before it answers.
    pub rename_wait: Span,
    /// What becomes of a change of owner or group.
    pub owner_changes: OwnerChangesKind,
}

/// What becomes of a change that nothing keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnerChangesKind {
    /// It is answered OK.
    #[default]
    Ignore,
    /// It is refused.
    Refuse,
}

impl Default for SftpConfig {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 2222))],
            proxy_listen: Vec::new(),
            proxy_trusted: Vec::new(),
            algorithms: "default".to_owned(),
            banner: None,
            welcome: None,
            startups_begin: 50,
            startups_rate: 30,
            startups_full: 200,
            startups_per_address: 40,
            max_connections: 10_000,
            max_connections_per_address: 1_000,
            max_sessions_per_user: 100,
            max_sessions: 10_000,
            max_handles: 256,
            login_grace: Span::seconds(60),
            idle_timeout: Span::minutes(30),
            max_login_attempts: 6,
            rename_wait: Span::seconds(10),
            owner_changes: OwnerChangesKind::Ignore,
        }
    }
}

/// `[admin]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// Where `/healthz`, `/readyz` and `/metrics` answer; port 0 takes a free one.
    pub listen: SocketAddr,
    /// TLS; plain HTTP where absent.
    pub tls: Option<TlsConfig>,
}

/// `[admin.tls]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// A PEM file: the certificate, then its chain. Read again when it changes.
    pub certificate: PathBuf,
    /// A PEM file: the private key. Read again when it changes.
    pub key: PathBuf,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8022)),
            tls: None,
        }
    }
}

/// `[transfer]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransferConfig {
    /// Upload bytes on their way to the store, in the whole process; more than this slows clients.
    pub upload_memory: ByteSize,
    /// Bytes read ahead for downloads, in the whole process.
    pub download_memory: ByteSize,
    /// Bytes of half-full parts held in memory, in the whole process; more goes to staging.
    pub partial_memory: ByteSize,
    /// Parts of one upload sent at the same time.
    pub parallel_parts: u32,
    /// Bytes of one upload that may be acknowledged before the store has them.
    pub unsaved: ByteSize,
    /// Bytes read ahead for one download.
    pub read_ahead: ByteSize,
    /// Larger objects are copied by ranges; the store's own limit where absent.
    pub largest_copy: Option<ByteSize>,
    /// Write what SETSTAT says into objects that stand, by a copy onto themselves.
    pub rewrite_metadata: bool,
    /// What a connection that ends before CLOSE leaves of its uploads.
    pub unfinished: UnfinishedUploads,
    /// How long an unfinished upload is kept.
    pub retention: Span,
    /// Whether a CLOSE is held against the size that the client declared.
    pub completeness: Completeness,
    /// How the names of files end that stay private until they are renamed.
    pub temporary_suffixes: Vec<String>,
    /// How long one waits for the right to change an object while another has it.
    pub claim_wait: Span,
    /// Such a right that its holder has not renewed for this long is taken over.
    pub stale_claim: Span,
}

/// What a connection that ends before CLOSE leaves of its uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UnfinishedUploads {
    /// What is safe, for its owner to continue.
    Resume,
    /// Nothing.
    Discard,
}

/// Whether a CLOSE is held against the size that the client declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Completeness {
    /// A CLOSE always publishes.
    Off,
    /// One that comes with fewer bytes keeps the file unfinished.
    Declared,
}

impl Default for TransferConfig {
    fn default() -> Self {
        Self {
            upload_memory: ByteSize::mebibytes(256),
            download_memory: ByteSize::mebibytes(256),
            partial_memory: ByteSize::mebibytes(256),
            parallel_parts: 4,
            unsaved: ByteSize::mebibytes(16),
            read_ahead: ByteSize::mebibytes(16),
            largest_copy: None,
            rewrite_metadata: false,
            unfinished: UnfinishedUploads::Resume,
            retention: Span::minutes(24 * 60),
            completeness: Completeness::Off,
            temporary_suffixes: [".filepart", ".part", ".tmp", ".partial"]
                .map(str::to_owned)
                .to_vec(),
            claim_wait: Span::seconds(30),
            stale_claim: Span::minutes(2),
        }
    }
}

/// `[log]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `human` or `json`.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,ssh=debug`.
    pub level: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For eyes.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            level: "info".to_owned(),
        }
    }
}

/// `[sweeper]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SweeperConfig {
    /// How often one of the nodes looks for what dead ones left.
    pub interval: Span,
}

impl Default for SweeperConfig {
    fn default() -> Self {
        Self {
            interval: Span::seconds(300),
        }
    }
}

/// `[drain]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DrainConfig {
    /// From SIGTERM to the end of listening.
    pub delay: Span,
    /// How long running transfers may go on after that.
    pub deadline: Span,
}

impl Default for DrainConfig {
    fn default() -> Self {
        Self {
            delay: Span::seconds(0),
            deadline: Span::seconds(60),
        }
    }
}

/// `[secrets]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsConfig {
    /// 32 bytes in base64: seals the host keys in the database. They lie there open where absent.
    pub sealing_key: Hidden,
}

/// A text of the configuration that is never printed. Empty means absent.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "String")]
pub struct Hidden(Option<model::Secret<String>>);

impl Hidden {
    /// The secret, where one was given.
    pub fn secret(&self) -> Option<&model::Secret<String>> {
        self.0.as_ref()
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self((!text.is_empty()).then(|| model::Secret::new(text)))
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() {
            "[redacted]"
        } else {
            "absent"
        })
    }
}

impl Serialize for Hidden {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(_) => serializer.serialize_str("[redacted]"),
            None => serializer.serialize_none(),
        }
    }
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
