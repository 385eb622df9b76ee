//! Where a torture takes place: throwaway backends, and the other way into each of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use database::{Database, DatabaseUrl};
use model::{BucketName, Secret};
use storage::s3::{Credentials, S3Settings};
use storage::{Connection, ObjectStore, Stores};
use testkit::moto::Moto;
use testkit::postgres::TestDatabase;
use testkit::s3::{Options, S3Server};

use crate::options::{DatabaseKind, StoreKind};

/// The bucket of every torture.
pub(crate) const BUCKET: &str = "inbox";

/// Backends that outlive the gateway.
pub(crate) struct Setting {
    folder: PathBuf,
    objects: Objects,
    rows: Rows,
}

enum Objects {
    Local,
    S3(S3Server),
    Moto(Moto),
}

enum Rows {
    Sqlite,
    Postgres(TestDatabase),
}

impl Setting {
    /// Starts the backends; what is on disk lies in `folder`.
    pub(crate) async fn start(
        folder: &Path,
        store: StoreKind,
        database: DatabaseKind,
        moto: Option<&Path>,
    ) -> Result<Self> {
        let objects = match store {
            StoreKind::Local => Objects::Local,
            StoreKind::S3 => {
                let server = S3Server::start(Options::default()).await;
                Objects::S3(server.context("start the S3 server")?)
            }
            StoreKind::Moto => {
                let server = Moto::start(moto.context("--moto names no server")?).await;
                let server = server.context("start moto")?;
                let made = server.create_bucket(BUCKET).await;
                made.context("make moto's bucket")?;
                Objects::Moto(server)
            }
        };
        let rows = match database {
            DatabaseKind::Sqlite => Rows::Sqlite,
            DatabaseKind::Postgres => {
                let made = tokio::task::spawn_blocking(TestDatabase::new).await;
                Rows::Postgres(made.context("start PostgreSQL")?)
            }
        };
        Ok(Self {
            folder: folder.to_owned(),
            objects,
            rows,
        })
    }

    /// The gateway's configuration: everything but its addresses.
    pub(crate) fn configuration(&self) -> String {
        let storage = match &self.objects {
            Objects::Local => format!("[storage.local]\nroot = {:?}\n", self.root()),
            Objects::S3(server) => s3(&server.endpoint(), server.access_key(), server.secret_key()),
            Objects::Moto(server) => s3(&server.endpoint(), "testing", "testing"),
        };
        format!(
            "[database]\nurl = {:?}\n{storage}[log]\nlevel = \"info\"\n",
            self.database_url()
        )
    }

    /// The bucket, past the gateway.
    pub(crate) async fn store(&self) -> Result<Arc<dyn ObjectStore>> {
        let connection = match &self.objects {
            Objects::Local => Connection::Local { root: self.root() },
            Objects::S3(server) => {
                client(&server.endpoint(), server.access_key(), server.secret_key())
            }
            Objects::Moto(server) => client(&server.endpoint(), "testing", "testing"),
        };
        let bucket = BucketName::parse(BUCKET).context("the bucket's name")?;
        let opened = Stores::new(connection).bucket(&bucket).await;
        opened.context("open the bucket")
    }

    /// The database, past the gateway.
    pub(crate) async fn database(&self) -> Result<Database> {
        let url = DatabaseUrl::parse(&self.database_url()).context("the database's URL")?;
        let opened = Database::open(&url, database::Settings::default()).await;
        opened.context("open the database")
    }

    /// Files that the local store has half written; nothing elsewhere.
    pub(crate) fn staged_files(&self) -> Result<Vec<PathBuf>> {
        let Objects::Local = self.objects else {
            return Ok(Vec::new());
        };
        let folder = self.root().join(".pierhead").join(BUCKET).join("staged");
        let entries = std::fs::read_dir(&folder);
        let entries = entries.with_context(|| format!("list {}", folder.display()))?;
        let paths = entries.map(|entry| Ok(entry?.path()));
        paths
            .collect::<std::io::Result<_>>()
            .context("list staged files")
    }

    fn root(&self) -> PathBuf {
        self.folder.join("objects")
    }

    fn database_url(&self) -> String {
        match &self.rows {
            Rows::Sqlite => format!("sqlite://{}", self.folder.join("pierhead.db").display()),
            Rows::Postgres(database) => database.url().to_owned(),
        }
    }
}

fn s3(endpoint: &str, access: &str, secret: &str) -> String {
    format!(
        "[storage]\nkind = \"s3\"\n[storage.s3]\nendpoint = {endpoint:?}\n\
         access_key_id = {access:?}\nsecret_access_key = {secret:?}\n"
    )
}

/// Probes nothing, so that what lies in the bucket is the gateway's doing alone.
fn client(endpoint: &str, access: &str, secret: &str) -> Connection {
    Connection::S3(Box::new(S3Settings {
        endpoint: Some(endpoint.to_owned()),
        path_style: true,
        probe: false,
        credentials: Credentials::Static {
            access_key: access.to_owned(),
            secret_key: Secret::new(secret.to_owned()),
            session_token: None,
        },
        ..S3Settings::default()
    }))
}
