//! The state that a command works on: a configuration and its open database.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use database::{
    Database, DatabaseUrl, Group, NewServer, Sealer, Server, ServerLimits, Settings, User,
};
use model::{Clock, SystemClock, UserName};

use crate::cli::Target;
use crate::config::{Config, load, process_environment};

/// The name of the server that a node serves.
const SERVER: &str = "default";

/// An opened installation.
pub(crate) struct State {
    /// What it is configured with.
    pub(crate) config: Config,
    /// Its database.
    pub(crate) database: Database,
    /// The server that its nodes serve.
    pub(crate) server: Server,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
}

/// The configuration that `target` names.
///
/// # Errors
/// Where the file cannot be used, or the quickstart's folder does not exist.
pub(crate) fn configuration(target: &Target) -> anyhow::Result<Config> {
    if let Some(file) = &target.config {
        return Ok(load(file, &process_environment())?);
    }
    let data = target
        .data
        .clone()
        .unwrap_or_else(|| PathBuf::from("./pierhead-data"));
    anyhow::ensure!(
        data.is_dir(),
        "no data folder at {}: start one with `pierhead up`, or name another with --data DIR or --config FILE",
        data.display()
    );
    Ok(Config::for_data(data))
}

impl State {
    /// Opens what `target` names.
    ///
    /// # Errors
    /// See [`configuration`] and [`Self::open`].
    pub(crate) async fn of(target: &Target) -> anyhow::Result<Self> {
        Box::pin(Self::open(configuration(target)?)).await
    }

    /// Opens the database of `config`, made or migrated where needed, and its server.
    ///
    /// # Errors
    /// Where the data folder or the database cannot be used.
    pub(crate) async fn open(config: Config) -> anyhow::Result<Self> {
        make_private_folder(&config.data)?;
        let url = DatabaseUrl::parse(config.database_url().expose()).context("database.url")?;
        let sealer = match config.secrets.sealing_key.secret() {
            Some(key) => Sealer::with_key(key).context("secrets.sealing_key")?,
            None => Sealer::plain(),
        };
        let settings = Settings {
            sealer,
            commit_deadline: config.database.write_deadline.duration(),
            #[cfg(feature = "next-version")]
            next_migrations: crate::next_version::own_migrations(),
            ..Settings::default()
        };
        let database = Database::open(&url, settings)
            .await
            .with_context(|| format!("open the database {url}"))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let server = database
            .servers()
            .find_or_create(&NewServer::named(SERVER), clock.now())
            .await
            .context("look up the server")?;
        Ok(Self {
            config,
            database,
            server,
            clock,
        })
    }

    /// Writes what the node was configured with into its server's row, where all nodes and the
    /// tools see it.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub(crate) async fn publish_settings(&self) -> anyhow::Result<()> {
        let sftp = &self.config.sftp;
        let wanted = Server {
            listeners: sftp.listen.iter().map(ToString::to_string).collect(),
            algorithm_policy: sftp.algorithms.clone(),
            banner_before_login: sftp.banner.clone(),
            banner_after_login: sftp.welcome.clone(),
            limits: ServerLimits {
                sessions: Some(sftp.max_sessions),
                sessions_per_user: Some(sftp.max_sessions_per_user),
            },
            ..self.server.clone()
        };
        let written = self
            .database
            .servers()
            .update(&wanted, self.clock.now())
            .await;
        written.context("write the server's settings")
    }

    /// The group of this name.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) async fn group(&self, name: &str) -> anyhow::Result<Group> {
        let groups = self.database.groups();
        let found = groups.by_name(&self.server.id, name).await?;
        found.with_context(|| {
            format!("there is no group {name}; `pierhead group list` shows which there are")
        })
    }

    /// The user of this name.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) async fn user(&self, name: &str) -> anyhow::Result<User> {
        let name = UserName::parse(name)?;
        self.database
            .users()
            .by_name(&self.server.id, &name)
            .await?
            .with_context(|| {
                format!("there is no user {name}; `pierhead user list` shows who there is")
            })
    }
}

/// Makes a folder that only its owner can enter; one that exists is left as it is.
pub(crate) fn make_private_folder(path: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("make the data folder {}", path.display()))
}
