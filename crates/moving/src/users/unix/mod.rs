//! Users of a Unix machine with OpenSSH: `passwd`, `shadow`, `group`, each home's `authorized_keys`,
//! and what `sshd_config` says of them.

mod accounts;
pub mod authorized_keys;
mod shadow;
pub mod sshd_config;

use std::path::Path;

use model::{Timestamp, UserName};

use self::accounts::{Account, Groups};
use self::sshd_config::{Included, SshdConfig, Subject};
use super::arrivals::{Arrivals, ArrivingKey, ArrivingPassword, ArrivingUser};
use super::finding::Finding;
use super::options::home_for;
use super::profile::Profile;

/// The texts of a machine, and which of its users move.
#[derive(Debug, Clone)]
pub struct Machine<'a> {
    /// `/etc/passwd`.
    pub passwd: &'a str,
    /// `/etc/shadow`; without it nobody has a password.
    pub shadow: Option<&'a str>,
    /// `/etc/group`.
    pub group: Option<&'a str>,
    /// `/etc/gshadow`: further members of groups.
    pub gshadow: Option<&'a str>,
    /// `/etc/ssh/sshd_config`.
    pub sshd_config: Option<&'a str>,
    /// The files that it includes.
    pub included: &'a Included,
    /// Members of this group move; without it everybody from `min_uid` on.
    pub only: Option<&'a str>,
    /// The first user id that is a person's.
    pub min_uid: u32,
    /// The template of homes here: `/inbox/${transfer:UserName}`.
    pub home: &'a str,
    /// The day that accounts are looked at on.
    pub now: Timestamp,
}

/// The user that owns nothing, on every Linux.
const NOBODY: u32 = 65_534;

/// Gives the text of a file of the machine, `None` where there is none: by its path, the home that
/// it may lie in, and the name of the user whose home that is.
pub type ReadFile<'a> = &'a dyn Fn(&Path, &Path, &str) -> Result<Option<String>, String>;

/// Reads a machine, and `file`s of it.
///
/// # Errors
/// `Invalid` where `only` names a group that is not there, or none is told of.
pub fn read(machine: &Machine<'_>, file: ReadFile<'_>) -> crate::Result<Arrivals> {
    let mut arrivals = Arrivals::default();
    let accounts = accounts::read(machine.passwd, &mut arrivals.findings);
    let groups = Groups::read(machine.group.unwrap_or(""), machine.gshadow.unwrap_or(""));
    let chosen = choose(&accounts, &groups, machine, &mut arrivals.findings)?;
    let shadow = shadow::read(machine.shadow.unwrap_or(""), &mut arrivals.findings);
    let config = SshdConfig::read(machine.sshd_config.unwrap_or(""), machine.included);
    arrivals.findings.extend(config.findings());
    for account in chosen {
        let reading = Reading {
            machine,
            config: &config,
            groups: groups.of(account),
            account,
            shadow: shadow.get(account.name.as_str()),
            file,
        };
        let user = reading.user(&mut arrivals.findings);
        arrivals.push_or_tell(user);
    }
    Ok(arrivals)
}

/// The accounts that move. Who does not is counted, and never root.
fn choose<'a>(
    accounts: &'a [Account],
    groups: &Groups,
    machine: &Machine<'_>,
    findings: &mut Vec<Finding>,
) -> crate::Result<Vec<&'a Account>> {
    if let Some(group) = machine.only
        && !groups.contains(group)
    {
        let reason = "the file of groups holds none of this name, or none was given";
        let kind = model::ErrorKind::Invalid;
        return Err(crate::Error::new(kind, "look up group", group, reason));
    }
    let is_chosen = |account: &&Account| {
        account.uid != 0
            && account.uid != NOBODY
            && match machine.only {
                Some(group) => groups.of(account).iter().any(|it| it == group),
                None => account.uid >= machine.min_uid,
            }
    };
    let chosen: Vec<&Account> = accounts.iter().filter(is_chosen).collect();
    let others = accounts.len() - chosen.len();
    if others > 0 {
        let why = match machine.only {
            Some(group) => format!("are not in the group {group}"),
            None => format!("are the system's (their ids are below {})", machine.min_uid),
        };
        findings.push(Finding::note(
            "passwd",
            format!("{others} of the accounts stay: they {why}"),
        ));
    }
    Ok(chosen)
}

/// One account that is being read.
struct Reading<'a> {
    machine: &'a Machine<'a>,
    config: &'a SshdConfig,
    groups: Vec<String>,
    account: &'a Account,
    shadow: Option<&'a shadow::Entry>,
    file: ReadFile<'a>,
}

impl Reading<'_> {
    fn user(&self, findings: &mut Vec<Finding>) -> Result<ArrivingUser, Finding> {
        let account = self.account;
        let name = UserName::parse(&account.name)
            .map_err(|error| Finding::fault(&account.name, error.to_string()))?;
        let subject = Subject {
            user: &account.name,
            groups: &self.groups,
        };
        let settings = self.config.settings(&subject);
        if !settings.admits() {
            let why = "sshd_config keeps him out (AllowUsers, DenyUsers, AllowGroups, DenyGroups)";
            return Err(Finding::skipped(name, why));
        }
        for odd in settings.odd() {
            findings.push(Finding::note(&name, odd));
        }
        let standing = shadow::standing(self.shadow, account, self.machine.now, &name, findings);
        let password = match settings.takes_passwords() {
            true => standing.password,
            false => {
                if !matches!(standing.password, ArrivingPassword::None) {
                    let what = "sshd_config takes no passwords of him: his stays behind";
                    findings.push(Finding::note(&name, what));
                }
                ArrivingPassword::None
            }
        };
        let keys = match settings.takes_keys() {
            true => self.keys(&settings.key_files(account), findings),
            false => Vec::new(),
        };
        let mut profile = Profile {
            home_directory: home_for(self.machine.home, &name),
            methods: settings.methods(&name, findings),
            expires: standing.expires,
            disabled: standing.disabled,
            ..Profile::default()
        };
        settings.place(account, &mut profile, &name, findings)?;
        Ok(ArrivingUser {
            name,
            password,
            keys,
            profile,
        })
    }

    fn keys(&self, files: &[String], findings: &mut Vec<Finding>) -> Vec<ArrivingKey> {
        let mut keys = Vec::new();
        for file in files {
            let about = format!("{}, {file}", self.account.name);
            let home = Path::new(&self.account.home);
            match (self.file)(Path::new(file), home, &self.account.name) {
                Ok(None) => {}
                Ok(Some(text)) => keys.extend(authorized_keys::read(&text, &about, findings)),
                Err(why) => findings.push(Finding::fault(about, why)),
            }
        }
        keys
    }
}
