//! `pierhead import`, as clap reads it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Target;
use super::import_files::ImportFilesArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Users of a Unix machine with OpenSSH: passwd, shadow, authorized_keys, sshd_config
    Unix(UnixArgs),
    /// Users of a CSV file whose first line names the fields
    ///
    /// The fields are listed by `pierhead import fields`. `generate` in the field password makes
    /// one, which is written to --passwords-to.
    Csv(CsvArgs),
    /// Users of a database of your own, by a query on MySQL, MariaDB or PostgreSQL
    Sql(SqlArgs),
    /// Users of AWS Transfer Family, from what `aws transfer` prints
    AwsTransfer(AwsTransferArgs),
    /// Users of SFTPGo, from a dump (`dumpdata`)
    Sftpgo(SftpgoArgs),
    /// Users of a DynamoDB table, from the table itself or from what `aws dynamodb scan` prints
    Dynamodb(DynamodbArgs),
    /// Users of an LDAP directory, from LDIF
    Ldap(LdapArgs),
    /// Files of a folder, an SFTP server or a bucket
    ///
    /// The same command again is the next pass of the same job: it moves what changed. After a
    /// crash it goes on where it was. Ends with a report, and with status 0 where everything stands
    /// at its target as it is at the source.
    Files(Box<ImportFilesArgs>),
    /// List the fields that a CSV file, a query and a map of users may have
    Fields,
}

/// What holds for every source.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The home of users whose source names none here: /BUCKET/${transfer:UserName}
    #[arg(long, value_name = "/BUCKET/PREFIX")]
    pub(crate) home: Option<String>,
    /// The group of users whose source names none; made where there is none
    #[arg(long, value_name = "NAME")]
    pub(crate) into_group: Option<String>,
    /// The role of users whose source names none
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    /// Users of the same name who did not come from this source become those of the source
    #[arg(long)]
    pub(crate) replace: bool,
    /// Users come, too, who have neither a password nor a key, and are let in once they have
    #[arg(long)]
    pub(crate) without_credentials: bool,
    /// Leave behind who and what is a fault in the report, and move the others
    #[arg(long)]
    pub(crate) skip_faulty: bool,
    /// The CSV file to make, readable by its owner alone, that generated passwords are written to
    #[arg(long, value_name = "FILE")]
    pub(crate) passwords_to: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct UnixArgs {
    #[command(flatten)]
    pub(crate) import: ImportArgs,
    /// The machine's /etc/passwd
    #[arg(long, value_name = "FILE")]
    pub(crate) passwd: PathBuf,
    /// Its /etc/shadow; without it nobody has a password
    #[arg(long, value_name = "FILE")]
    pub(crate) shadow: Option<PathBuf>,
    /// Where its homes are: the folder that they lie in, or a copy of it or of the whole machine
    #[arg(long, value_name = "DIR")]
    pub(crate) home_root: Option<PathBuf>,
    /// Move the members of this group alone
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// Its /etc/group [default: the file group beside that of --passwd, where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) group_file: Option<PathBuf>,
    /// Its /etc/gshadow
    #[arg(long, value_name = "FILE")]
    pub(crate) gshadow: Option<PathBuf>,
    /// Its /etc/ssh/sshd_config; what it includes is looked for beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) sshd_config: Option<PathBuf>,
    /// A folder with its host keys (ssh_host_*_key), which become this server's
    #[arg(long, value_name = "DIR")]
    pub(crate) host_keys: Option<PathBuf>,
    /// The first user id that is a person's
    #[arg(long, value_name = "UID", default_value_t = 1000)]
    pub(crate) min_uid: u32,
}

#[derive(Debug, Args)]
pub(crate) struct CsvArgs {
    /// The file; `-` is standard input
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) import: ImportArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    #[command(flatten)]
    pub(crate) import: ImportArgs,
    /// The database; with a password in it, better from a file
    #[arg(
        long,
        value_name = "mysql://|postgres://",
        required_unless_present = "url_file"
    )]
    pub(crate) url: Option<String>,
    /// A file with the URL
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    pub(crate) url_file: Option<PathBuf>,
    /// What to ask: one row for each user
    #[arg(long, value_name = "SQL")]
    pub(crate) query: String,
    /// A TOML file that says for each field which column holds it; without one columns are called
    /// like fields
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AwsTransferArgs {
    /// What `list-users` and `describe-user` printed, in any number of files
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) import: ImportArgs,
    /// What `aws iam get-account-authorization-details`, `get-role` or `get-role-policy` printed;
    /// may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) iam: Vec<PathBuf>,
    /// The tag whose value becomes the user's group
    #[arg(long, value_name = "KEY")]
    pub(crate) group_tag: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SftpgoArgs {
    /// The dump
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) import: ImportArgs,
    /// Where virtual folders on SFTPGo's disk are to be, each below by its name
    #[arg(long, value_name = "/BUCKET/PREFIX")]
    pub(crate) folders: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DynamodbArgs {
    /// What `aws dynamodb scan` printed, in any number of files
    #[arg(required_unless_present_any = ["table", "provider"], conflicts_with = "table")]
    pub(crate) files: Vec<PathBuf>,
    /// Read the table of this name or ARN itself, with the credentials that AWS's tools use
    #[arg(long, value_name = "NAME", requires = "region")]
    pub(crate) table: Option<String>,
    /// Its region
    #[arg(long, value_name = "REGION", requires = "table")]
    pub(crate) region: Option<String>,
    /// DynamoDB's URL; AWS's own for the region by default
    #[arg(long, value_name = "URL", requires = "table")]
    pub(crate) endpoint: Option<String>,
    /// The table, attributes, defaults and roles of this identity provider of the configuration;
    /// with files it is these that are read
    #[arg(long, value_name = "NAME", conflicts_with = "table")]
    pub(crate) provider: Option<String>,
    #[command(flatten)]
    pub(crate) import: ImportArgs,
    /// What an attribute is called that holds a field; may be repeated
    #[arg(long, value_name = "FIELD=ATTRIBUTE")]
    pub(crate) attribute: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct LdapArgs {
    /// The LDIF file; `-` is standard input
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) import: ImportArgs,
    /// The attribute that holds the name to log in with
    #[arg(long, value_name = "NAME", default_value = "uid")]
    pub(crate) name_attribute: String,
    /// The attribute that holds a home here (/BUCKET/PREFIX)
    #[arg(long, value_name = "NAME")]
    pub(crate) home_attribute: Option<String>,
    /// Move the members of this group alone
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// What the directory's groups become
    #[arg(long, value_name = "KIND", default_value = "nothing")]
    pub(crate) groups_are: GroupsAre,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum GroupsAre {
    /// They are left alone
    Nothing,
    /// Groups of the same name
    Groups,
    /// Roles of the same name
    Roles,
}
