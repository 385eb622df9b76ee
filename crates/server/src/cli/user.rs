//! `pierhead user`, as clap reads it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use identity::AuthenticationMethods;
use model::Timestamp;

use super::{BoundsArgs, MemberArgs, Target};

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum HomeKind {
    /// `/` is the home directory
    Logical,
    /// `/bucket/prefix` is the home directory
    Path,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user
    Add(UserAddArgs),
    /// List the users
    List {
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one user
    Show {
        /// His name
        name: String,
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Change what a user has to show, when and from where he may come, his role, and what he may
    /// do and have at most; his sessions end
    Set(UserSetArgs),
    /// Give a user another password
    Passwd {
        /// His name
        name: String,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Keep a user from logging in, his files and keys stay
    Disable {
        /// His name
        name: String,
        #[command(flatten)]
        target: Target,
        /// Let him in again
        #[arg(long)]
        undo: bool,
    },
    /// Remove a user and his keys; his files stay
    Remove {
        /// His name
        name: String,
        #[command(flatten)]
        target: Target,
    },
    /// Look after a user's SSH public keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Look after a user's one-time passwords, a second factor from an authenticator app
    #[command(subcommand)]
    Totp(TotpCommand),
}

#[derive(Debug, Args)]
pub(crate) struct UserAddArgs {
    /// The name he logs in with
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) password: PasswordArgs,
    /// His home directory: /BUCKET/PREFIX
    #[arg(long, value_name = "/BUCKET/PREFIX", required_unless_present = "map")]
    pub(crate) home: Option<String>,
    /// How he sees it
    #[arg(long, value_name = "KIND", default_value = "logical")]
    pub(crate) home_type: HomeKind,
    /// A mapping of his tree onto the store, instead of a home; may be repeated
    ///
    /// `file:` before the target maps one object; permissions behind it allow less there:
    /// `/prices=/pool/lists:read,list`.
    #[arg(long, value_name = "ENTRY=/BUCKET/TARGET[:PERMISSIONS]")]
    pub(crate) map: Vec<String>,
    /// A file with his SSH public keys, a line each; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Vec<PathBuf>,
    /// He may read and list, and change nothing
    #[arg(long, conflicts_with = "permissions")]
    pub(crate) read_only: bool,
    /// His group
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    #[command(flatten)]
    pub(crate) bounds: BoundsArgs,
    #[command(flatten)]
    pub(crate) standing: StandingArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UserSetArgs {
    /// His name; `name@@provider` for a user of an identity provider
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) member: MemberArgs,
    #[command(flatten)]
    pub(crate) standing: StandingArgs,
    /// He has to show what the server asks for
    #[arg(long, conflicts_with = "methods")]
    pub(crate) default_methods: bool,
    /// His account does not expire
    #[arg(long, conflicts_with = "expires")]
    pub(crate) never_expires: bool,
    /// He has no role
    #[arg(long, conflicts_with = "role")]
    pub(crate) no_role: bool,
    /// He has no session policy
    #[arg(long, conflicts_with = "session_policy")]
    pub(crate) no_session_policy: bool,
    /// He may come from anywhere
    #[arg(long, conflicts_with_all = ["allow_from", "deny_from"])]
    pub(crate) from_anywhere: bool,
}

/// What can be said of a user's logins, when he is made and later.
#[derive(Debug, Args)]
pub(crate) struct StandingArgs {
    /// What he has to show: PASSWORD, PUBLIC_KEY, PUBLIC_KEY_OR_PASSWORD or
    /// PUBLIC_KEY_AND_PASSWORD [default: what the server asks for]
    #[arg(long, value_name = "METHODS", value_parser = methods)]
    pub(crate) methods: Option<AuthenticationMethods>,
    /// When his account expires, in UTC: 2027-01-31 or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) expires: Option<Timestamp>,
    /// The name of his role
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    /// A policy document (JSON) that narrows what his role may
    #[arg(long, value_name = "FILE")]
    pub(crate) session_policy: Option<PathBuf>,
    /// A network or address that he may come from, and from no other; may be repeated
    #[arg(long, value_name = "NETWORK")]
    pub(crate) allow_from: Vec<String>,
    /// A network or address that he may not come from; may be repeated
    #[arg(long, value_name = "NETWORK")]
    pub(crate) deny_from: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TotpCommand {
    /// Ask a user for one-time passwords from now on; prints the secret once, as an otpauth URI
    Enrol {
        /// The user's name
        name: String,
        #[command(flatten)]
        target: Target,
    },
    /// Ask a user for one-time passwords no longer
    Remove {
        /// The user's name
        name: String,
        #[command(flatten)]
        target: Target,
    },
}

fn methods(text: &str) -> Result<AuthenticationMethods, identity::UnknownMethods> {
    AuthenticationMethods::parse(text)
}

/// A day begins at midnight in UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    let whole = match text.contains('T') {
        true => text.to_owned(),
        false => format!("{text}T00:00:00Z"),
    };
    let time = whole.parse::<jiff::Timestamp>();
    let time = time.map_err(|_| "write 2027-01-31 or 2027-01-31T12:00:00Z".to_owned())?;
    Ok(Timestamp::from_seconds(time.as_second()))
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct PasswordArgs {
    /// Read the password from standard input, one line
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Generate a password and print it once
    #[arg(long)]
    pub(crate) generate_password: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Add keys from a file (`-`: standard input), in the format of authorized_keys
    Add {
        /// The user's name
        name: String,
        /// The file
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// List a user's keys
    List {
        /// The user's name
        name: String,
        #[command(flatten)]
        target: Target,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a key
    Remove {
        /// The user's name
        name: String,
        /// The key's fingerprint, as `list` shows it
        fingerprint: String,
        #[command(flatten)]
        target: Target,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight_and_nonsense_is_no_time() {
        let day = Timestamp::from_seconds(1_801_353_600);
        assert_eq!(time("2027-01-31"), Ok(day));
        assert_eq!(time("2027-01-31T00:00:00Z"), Ok(day));
        assert_eq!(time("2027-01-31T01:00:00+01:00"), Ok(day));
        for wrong in ["", "soon", "31.1.2027", "2027-02-30", "2027-01-31T12:00:00"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
