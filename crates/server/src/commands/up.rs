//! `pierhead up`: a complete gateway at once.

use std::net::SocketAddr;

use anyhow::Context as _;
use database::{NewUser, UserChanges};
use model::{Secret, UserName};
use serde_json::json;

use crate::cli::UpArgs;
use crate::config::{Config, StorageKind};
use crate::node::Node;
use crate::target::State;
use crate::{telemetry, wiring};

/// The user that is made at the first start.
const USER: &str = "demo";
/// Where he is at home in the local store.
const HOME: &str = "/inbox/demo";

/// Runs it until it is told to stop.
pub(crate) async fn run(arguments: UpArgs) -> anyhow::Result<()> {
    let (config, home) = configuration(&arguments)?;
    let log = telemetry::start_logs(&config.log)?;
    let node = Box::pin(Node::start(config, None, log)).await?;
    let password = demo_user(node.state(), &home).await?;
    let greeting = Greeting {
        sftp: *node.sftp_addresses()?.first().context("no SFTP address")?,
        admin: node.admin_address(),
        password,
        fingerprint: fingerprint(node.state()).await?,
        home,
    };
    if arguments.json {
        greeting.print_json()
    } else {
        greeting.print(node.state())
    }
    Box::pin(node.run()).await
}

fn configuration(arguments: &UpArgs) -> anyhow::Result<(Config, String)> {
    let mut config = Config::for_data(arguments.data.clone());
    config.sftp.listen = vec![arguments.sftp];
    config.admin.listen = arguments.admin;
    let Some(url) = &arguments.s3 else {
        return Ok((config, HOME.to_owned()));
    };
    let place = url
        .strip_prefix("s3://")
        .map(|place| place.trim_end_matches('/'))
        .filter(|place| !place.is_empty())
        .with_context(|| format!("--s3 {url:?} is not s3://BUCKET/PREFIX"))?;
    config.storage.kind = StorageKind::S3;
    config.storage.s3.endpoint.clone_from(&arguments.endpoint);
    Ok((config, format!("/{place}")))
}

/// Makes the demo user, or moves his home to where this start wants it. Returns his password
/// where it was made just now.
async fn demo_user(state: &State, home: &str) -> anyhow::Result<Option<Secret<String>>> {
    let name = UserName::parse(USER)?;
    let users = state.database.users();
    if let Some(user) = users.by_name(&state.server.id, &name).await? {
        if user.home_directory != home {
            let changes = UserChanges {
                home_directory: Some(home.to_owned()),
                ..UserChanges::default()
            };
            users.update(user.id, changes, state.clock.now()).await?;
        }
        return Ok(None);
    }
    let password = identity::generate_password();
    let mut new = NewUser::new(state.server.id.clone(), name, home);
    new.password_hash = Some(wiring::identity(state)?.passwords().hash(&password).await?);
    users
        .create(new, state.clock.now())
        .await
        .context("make the user demo")?;
    Ok(Some(password))
}

/// The fingerprint that clients show: of the first key, which they prefer.
async fn fingerprint(state: &State) -> anyhow::Result<String> {
    let keys = wiring::host_keys(state).await?;
    Ok(keys
        .iter()
        .next()
        .map(ssh::HostKey::fingerprint)
        .unwrap_or_default())
}

struct Greeting {
    sftp: SocketAddr,
    admin: SocketAddr,
    password: Option<Secret<String>>,
    fingerprint: String,
    home: String,
}

impl Greeting {
    fn print_json(&self) {
        let object = json!({
            "sftp": self.sftp.to_string(),
            "admin": self.admin.to_string(),
            "user": USER,
            "password": self.password.as_ref().map(Secret::expose),
            "fingerprint": self.fingerprint,
        });
        println!("{object}");
    }

    fn print(&self, state: &State) {
        let data = state.config.data.display();
        println!("Pierhead is up. Connect with:\n");
        println!(
            "    sftp -P {} {USER}@{}\n",
            self.sftp.port(),
            self.sftp.ip()
        );
        match &self.password {
            Some(password) => println!("  password  {}   (shown this once)", password.expose()),
            None => println!(
                "  password  as shown at the first start; another one:\n            \
                 pierhead user passwd {USER} --generate-password --data {data}"
            ),
        }
        println!("  host key  {}", self.fingerprint);
        match state.config.storage.kind {
            StorageKind::Local => {
                println!(
                    "  files     {}{}",
                    state.config.local_root().display(),
                    self.home
                );
            }
            StorageKind::S3 => println!("  files     s3:/{}", self.home),
        }
        println!(
            "  health    http://{}/readyz, metrics at /metrics",
            self.admin
        );
        println!("\nCtrl-C ends it; the folder {data} keeps everything.");
    }
}
