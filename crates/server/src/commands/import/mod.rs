//! `pierhead import`: users of other servers move in, and files.

mod files;
mod move_in;
mod progress;
mod table;

use moving::users::ldif::Directory;
use moving::users::sftpgo::Places;
use moving::users::unix::Machine;
use moving::users::unix::sshd_config::Included;
use moving::users::{aws_transfer, csv, ldif, sftpgo, sql, unix};

use self::files::{HomeRoot, read, read_all};
use self::move_in::move_in;
use crate::cli::{AwsTransferArgs, GroupsAre, ImportCommand, LdapArgs, SqlArgs, UnixArgs};
use crate::target::State;

/// Where users of a Unix machine are at home who are not said to be elsewhere.
const HOME: &str = "/inbox/${transfer:UserName}";

/// Runs it.
pub(crate) async fn run(command: ImportCommand) -> anyhow::Result<()> {
    match command {
        ImportCommand::Unix(arguments) => Box::pin(from_unix(arguments)).await,
        ImportCommand::Csv(arguments) => {
            let text = read(&arguments.file)?;
            let arrivals = csv::read(&text, arguments.import.home.as_deref())?;
            let state = State::of(&arguments.import.target).await?;
            Box::pin(move_in("csv", arrivals, &arguments.import, &state)).await
        }
        ImportCommand::Sql(arguments) => Box::pin(from_sql(arguments)).await,
        ImportCommand::AwsTransfer(arguments) => Box::pin(from_aws_transfer(arguments)).await,
        ImportCommand::Sftpgo(arguments) => {
            let places = Places {
                home: arguments.import.home.as_deref(),
                folders: arguments.folders.as_deref(),
            };
            let arrivals = sftpgo::read(&read(&arguments.file)?, places)?;
            let state = State::of(&arguments.import.target).await?;
            Box::pin(move_in("sftpgo", arrivals, &arguments.import, &state)).await
        }
        ImportCommand::Dynamodb(arguments) => Box::pin(table::from_dynamodb(arguments)).await,
        ImportCommand::Ldap(arguments) => Box::pin(from_ldap(arguments)).await,
        ImportCommand::Files(arguments) => Box::pin(super::import_files::run(&arguments)).await,
        ImportCommand::Fields => {
            for (field, meaning) in moving::users::FIELDS {
                println!("{field:<15} {meaning}");
            }
            Ok(())
        }
    }
}

async fn from_unix(arguments: UnixArgs) -> anyhow::Result<()> {
    let optional = |file: &Option<std::path::PathBuf>| file.as_deref().map(read).transpose();
    let passwd = read(&arguments.passwd)?;
    let beside = arguments.passwd.with_file_name("group");
    let beside = Some(beside).filter(|file| file.is_file());
    let (shadow, group) = (
        optional(&arguments.shadow)?,
        optional(&arguments.group_file.clone().or(beside))?,
    );
    let (gshadow, config) = (
        optional(&arguments.gshadow)?,
        optional(&arguments.sshd_config)?,
    );
    let included = match &arguments.sshd_config {
        Some(file) => files::included(file, config.as_deref().unwrap_or_default())?,
        None => Included::new(),
    };
    let state = State::of(&arguments.import.target).await?;
    let machine = Machine {
        passwd: &passwd,
        shadow: shadow.as_deref(),
        group: group.as_deref(),
        gshadow: gshadow.as_deref(),
        sshd_config: config.as_deref(),
        included: &included,
        only: arguments.group.as_deref(),
        min_uid: arguments.min_uid,
        home: arguments.import.home.as_deref().unwrap_or(HOME),
        now: state.clock.now(),
    };
    let root = HomeRoot::new(arguments.home_root.as_deref());
    let arrivals = unix::read(&machine, &|file, home, user| root.read(file, home, user))?;
    // Looked for before anybody moves, so that a slip in a path moves nobody.
    let host_keys = match &arguments.host_keys {
        Some(folder) => files::host_keys_in(folder)?,
        None => Vec::new(),
    };
    Box::pin(move_in("unix", arrivals, &arguments.import, &state)).await?;
    files::take_over(&host_keys, arguments.import.dry_run, &state).await
}

async fn from_sql(arguments: SqlArgs) -> anyhow::Result<()> {
    let url = match &arguments.url_file {
        Some(file) => read(file)?.trim().to_owned(),
        None => arguments.url.clone().unwrap_or_default(),
    };
    let map = match &arguments.map {
        Some(file) => Some(sql::map(&read(file)?)?),
        None => None,
    };
    let home = arguments.import.home.as_deref();
    let arrivals = sql::read(&url, &arguments.query, map.as_deref(), home).await?;
    let state = State::of(&arguments.import.target).await?;
    move_in("sql", arrivals, &arguments.import, &state).await
}

async fn from_aws_transfer(arguments: AwsTransferArgs) -> anyhow::Result<()> {
    let (transfer, iam) = (read_all(&arguments.files)?, read_all(&arguments.iam)?);
    let arrivals = aws_transfer::read(&transfer, &iam, arguments.group_tag.as_deref())?;
    let state = State::of(&arguments.import.target).await?;
    move_in("aws-transfer", arrivals, &arguments.import, &state).await
}

async fn from_ldap(arguments: LdapArgs) -> anyhow::Result<()> {
    let text = read(&arguments.file)?;
    let state = State::of(&arguments.import.target).await?;
    let directory = Directory {
        name: &arguments.name_attribute,
        home_attribute: arguments.home_attribute.as_deref(),
        home: arguments.import.home.as_deref(),
        only: arguments.group.as_deref(),
        groups: match arguments.groups_are {
            GroupsAre::Nothing => ldif::GroupsAre::Nothing,
            GroupsAre::Groups => ldif::GroupsAre::Groups,
            GroupsAre::Roles => ldif::GroupsAre::Roles,
        },
        now: state.clock.now(),
    };
    let arrivals = ldif::read(&text, &directory)?;
    move_in("ldap", arrivals, &arguments.import, &state).await
}
