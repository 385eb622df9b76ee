//! What `sshd_config` says of one user: whether he gets in, by what, from where, and with which keys.

use database::UserNetworks;
use identity::AuthenticationMethods;
use model::UserName;

use super::pattern::matches;
use super::{Line, Subject, place};
use crate::users::bounds;
use crate::users::finding::Finding;
use crate::users::unix::accounts::Account;

/// What holds for one user.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) lines: Vec<&'a Line>,
}

impl Settings<'_> {
    pub(super) fn value(&self, keyword: &str) -> Option<&str> {
        let mut lines = self.lines.iter();
        let line = lines.find(|line| line.keyword == keyword);
        line.map(|line| line.value.as_str())
    }

    /// All values of a keyword that adds up.
    fn all(&self, keyword: &str) -> String {
        let lines = self.lines.iter().filter(|line| line.keyword == keyword);
        let values: Vec<&str> = lines.map(|line| line.value.as_str()).collect();
        values.join(" ")
    }

    fn says_no(&self, keyword: &str) -> bool {
        self.value(keyword)
            .is_some_and(|value| value.eq_ignore_ascii_case("no"))
    }

    /// Whether sshd lets him try. The parts behind `@` say from where; see [`Self::odd`].
    pub(crate) fn admits(&self) -> bool {
        let groups: Vec<&str> = self.subject.groups.iter().map(String::as_str).collect();
        let lists_user = |keyword: &str, with_hosts: bool| {
            let list = self.all(keyword);
            list.split_ascii_whitespace().any(|pattern| {
                let (user, host) = split_host(pattern);
                (host.is_none() || with_hosts) && matches(user, &[self.subject.user])
            })
        };
        let lists_group = |keyword: &str| {
            let list = self.all(keyword);
            list.split_ascii_whitespace()
                .any(|pattern| matches(pattern, &groups))
        };
        let names = |keyword: &str| !self.all(keyword).is_empty();
        !lists_user("denyusers", false)
            && (!names("allowusers") || lists_user("allowusers", true))
            && !lists_group("denygroups")
            && (!names("allowgroups") || lists_group("allowgroups"))
    }

    /// Where `AllowUsers name@network` lets him come from.
    pub(crate) fn networks(&self) -> Result<UserNetworks, String> {
        let list = self.all("allowusers");
        let mut hosts = Vec::new();
        for pattern in list.split_ascii_whitespace() {
            let (user, host) = split_host(pattern);
            if matches(user, &[self.subject.user]) {
                match host {
                    None | Some("*") => return Ok(UserNetworks::default()),
                    Some(host) => hosts.push(host),
                }
            }
        }
        match hosts.is_empty() {
            true => Ok(UserNetworks::default()),
            false => bounds::patterns(&hosts.join(",")),
        }
    }

    /// What is to be told of him.
    pub(crate) fn odd(&self) -> Vec<String> {
        let hosts = self.all("denyusers");
        let mut hosts = hosts.split_ascii_whitespace().filter(|pattern| {
            let (user, host) = split_host(pattern);
            host.is_some() && matches(user, &[self.subject.user])
        });
        let told = hosts.next().map(|pattern| {
            format!("sshd_config denies {pattern}: give --deny-from to `pierhead user set`")
        });
        told.into_iter().collect()
    }

    /// Whether a password gets him in, by `password` or by `keyboard-interactive`.
    pub(crate) fn takes_passwords(&self) -> bool {
        let interactive = self.says_no("kbdinteractiveauthentication")
            || self.says_no("challengeresponseauthentication");
        !(self.says_no("passwordauthentication") && interactive)
    }

    pub(crate) fn takes_keys(&self) -> bool {
        !self.says_no("pubkeyauthentication")
    }

    /// What he has to show, where the file asks for it by name.
    pub(crate) fn methods(&self, name: &UserName, findings: &mut Vec<Finding>) -> Option<String> {
        let lists = self.value("authenticationmethods")?;
        let kind = |method: &str| match method.split(':').next() {
            Some("publickey") => Some(true),
            Some("password" | "keyboard-interactive") => Some(false),
            _ => None,
        };
        let (mut key, mut password, mut both, mut other) = (false, false, false, false);
        for list in lists.split_ascii_whitespace().filter(|list| *list != "any") {
            let kinds: Vec<Option<bool>> = list.split(',').map(kind).collect();
            other |= kinds.contains(&None);
            match (kinds.contains(&Some(true)), kinds.contains(&Some(false))) {
                (true, true) => both = true,
                (true, false) => key = true,
                (false, true) => password = true,
                (false, false) => {}
            }
        }
        if other {
            let what = "its AuthenticationMethods name some that there are none of here: the \
                        others hold";
            findings.push(Finding::note(name, what));
        }
        let methods = match (key, password, both) {
            (true, true, _) => AuthenticationMethods::PublicKeyOrPassword,
            (true, false, _) => AuthenticationMethods::PublicKey,
            (false, true, _) => AuthenticationMethods::Password,
            (false, false, true) => AuthenticationMethods::PublicKeyAndPassword,
            (false, false, false) => return None,
        };
        Some(methods.to_string())
    }

    /// The files that hold his keys, as paths of the machine.
    pub(crate) fn key_files(&self, account: &Account) -> Vec<String> {
        const DEFAULT: &str = ".ssh/authorized_keys .ssh/authorized_keys2";
        let files = self.value("authorizedkeysfile").unwrap_or(DEFAULT);
        let files = files
            .split_ascii_whitespace()
            .filter(|file| *file != "none");
        files
            .map(|file| {
                let file = place::filled(file, account);
                match file.starts_with('/') {
                    true => file,
                    false => format!("{}/{file}", account.home.trim_end_matches('/')),
                }
            })
            .collect()
    }
}

fn split_host(pattern: &str) -> (&str, Option<&str>) {
    match pattern.rsplit_once('@') {
        Some((user, host)) => (user, Some(host)),
        None => (pattern, None),
    }
}
